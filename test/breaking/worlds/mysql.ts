import { spawnSync } from 'node:child_process'
import { type Connection, createConnection } from 'mysql2/promise'
import { find } from '../../../scripts/programs.mjs'
import { type MariadbServer, mariadbNeed, startMariadb } from '../../servers/mariadb.ts'
import { filesIn } from '../kit/disk.ts'
import { dies, hangs, resets, silence } from '../kit/failures.ts'
import { openAt } from '../kit/where.ts'
import { type Place, raise, type Vandal, type World } from '../kit/world.ts'

const place = (server: MariadbServer): Place => {
  const where = { engine: 'mysql', url: server.url } as const
  return {
    where,
    servers: [server],
    open: (opening) => openAt(where, opening),
    through: (port) => ({ ...where, url: server.url.replace(`:${server.port}/`, `:${port}/`) }),
    async loot() {
      await intoItsFile(server.url)
      return new Map([...filesIn(server.dir), ...dumps(server.port)])
    },
    vandal: vandal(server.url),
    stop: () => server.stop(),
  }
}

export const onMysql: readonly World[] = [
  {
    name: 'mariadb',
    skip: mariadbNeed.skip,
    shared: 'network',
    tamperable: true,
    keeps: 'all',
    failures: [hangs, dies(), resets, silence],
    start: async (synced) => place(await startMariadb({ 'innodb-flush-log-at-trx-commit': synced ? '1' : '2' })),
  },
]

/** Until then the rows are in the log and in memory, and the file of the table is nearly empty. */
async function intoItsFile(url: string): Promise<void> {
  const connection = await createConnection(url)
  try {
    await connection.query('FLUSH TABLES strongroom_sessions FOR EXPORT')
    await connection.query('UNLOCK TABLES')
  } finally {
    await connection.end()
  }
}

function dumps(port: number): Map<string, Buffer> {
  const program = find('mariadb-dump') ?? raise('mariadb-dump is missing, which comes with the server')
  const dump = (...args: string[]) => {
    const to = ['--no-defaults', '--host=127.0.0.1', `--port=${port}`, '--user=root']
    const { status, stdout, stderr } = spawnSync(program, [...to, ...args, 'test'], { maxBuffer: 2 ** 28 })
    return status === 0 ? stdout : raise(`mariadb-dump: ${stderr}`)
  }
  return new Map([
    ['mariadb-dump', dump()],
    ['mariadb-dump --hex-blob', dump('--hex-blob')],
  ])
}

function vandal(url: string): Vandal {
  let connected: Promise<Connection> | undefined
  const ask = async (sql: string, values: (string | Buffer)[] = []) => {
    connected ??= createConnection(url)
    const [rows] = await (await connected).query(sql, values)
    return rows as Record<string, Buffer>[]
  }
  return {
    reach: 'payload',
    names: async () => (await ask('SELECT HEX(id) AS name FROM strongroom_sessions')).map(({ name }) => `${name}`),
    read: async (name) =>
      (await ask('SELECT payload FROM strongroom_sessions WHERE id = UNHEX(?)', [name]))[0]?.payload ??
      raise('no such row'),
    write: async (name, bytes) => {
      await ask('UPDATE strongroom_sessions SET payload = ? WHERE id = UNHEX(?)', [Buffer.from(bytes), name])
    },
    close: async () => (await connected)?.end(),
  }
}
