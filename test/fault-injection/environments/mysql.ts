import { spawnSync } from 'node:child_process'
import { type Connection, createConnection } from 'mysql2/promise'
import { find } from '../../../scripts/programs.mjs'
import { type MariadbServer, mariadbNeed, startMariadb } from '../../servers/mariadb.ts'
import { filesIn } from '../fixtures/disk.ts'
import { type Environment, type RawRecords, type RunningEnvironment, raise } from '../fixtures/environment.ts'
import { dies, hangs, resets, silence } from '../fixtures/faults.ts'
import { openStore } from '../fixtures/location.ts'

const running = (server: MariadbServer): RunningEnvironment => {
  const location = { engine: 'mysql', url: server.url } as const
  return {
    location,
    servers: [server],
    open: (opening) => openStore(location, opening),
    through: (port) => ({ ...location, url: server.url.replace(`:${server.port}/`, `:${port}/`) }),
    async bytesAtRest() {
      await flushTable(server.url)
      return new Map([...filesIn(server.dir), ...dumps(server.port)])
    },
    rawRecords: rawRecords(server.url),
    stop: () => server.stop(),
  }
}

export const onMysql: readonly Environment[] = [
  {
    name: 'mariadb',
    skip: mariadbNeed.skip,
    shared: 'network',
    tamperable: true,
    survives: 'all',
    faults: [hangs, dies(), resets, silence],
    start: async (synced) => running(await startMariadb({ 'innodb-flush-log-at-trx-commit': synced ? '1' : '2' })),
  },
]

/** Writes the rows to the file of the table. Before that they are in the log and in memory only. */
async function flushTable(url: string): Promise<void> {
  const connection = await createConnection(url)
  try {
    await connection.query('FLUSH TABLES strongroom_sessions FOR EXPORT')
    await connection.query('UNLOCK TABLES')
  } finally {
    await connection.end()
  }
}

function dumps(port: number): Map<string, Buffer> {
  const program = find('mariadb-dump') ?? raise('mariadb-dump is missing. It is part of the server.')
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

function rawRecords(url: string): RawRecords {
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
