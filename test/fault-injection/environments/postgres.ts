import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Client } from 'pg'
import { find } from '../../../scripts/programs.mjs'
import { type PostgresServer, postgresNeed, startPostgres } from '../../servers/postgres.ts'
import { filesIn } from '../fixtures/disk.ts'
import { type Environment, type RawRecords, type RunningEnvironment, raise } from '../fixtures/environment.ts'
import { dies, hangs, resets, setting, silence } from '../fixtures/faults.ts'
import { openStore } from '../fixtures/location.ts'

const running = (server: PostgresServer): RunningEnvironment => {
  const location = { engine: 'postgres', url: server.url } as const
  return {
    location,
    servers: [server],
    open: (opening) => openStore(location, opening),
    through: (port) => ({ ...location, url: server.url.replace(`:${server.port}/`, `:${port}/`) }),
    async bytesAtRest() {
      return new Map([...(await filesOf(server)), ...dumps(server.url)])
    },
    rawRecords: rawRecords(server.url),
    stop: () => server.stop(),
  }
}

/** All files of the server, after a checkpoint, so that the rows are in the tables and not only in the log. */
export async function filesOf({ url, dir }: PostgresServer): Promise<Map<string, Buffer>> {
  await admin(url, 'CHECKPOINT')
  return filesIn(dir)
}

/** Runs statements as the administrator, on a connection of its own. */
async function admin(url: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

const readOnly = setting('the database has become read-only, as a standby is', 'writes', (running, on) =>
  admin(
    (running.location as { url: string }).url,
    'SET default_transaction_read_only = off',
    on ? 'ALTER SYSTEM SET default_transaction_read_only = on' : 'ALTER SYSTEM RESET default_transaction_read_only',
    'SELECT pg_reload_conf()',
  ),
)

/** With `syncfs`, recovery does not sync each file by itself, which is faster. */
export const settings = (synced: boolean) => ({
  recovery_init_sync_method: 'syncfs',
  ...(!synced && { synchronous_commit: 'off' }),
})

const environment = { skip: postgresNeed.skip, shared: 'network', tamperable: true } as const

export const onPostgres: readonly Environment[] = [
  {
    ...environment,
    name: 'postgres',
    survives: 'all',
    faults: [hangs, dies(), resets, silence, readOnly],
    start: async (synced) => running(await startPostgres(settings(synced))),
  },
]

/** What a backup contains: as SQL, and in pg_dump's own format. */
function dumps(url: string): Map<string, Buffer> {
  const pgDump = find('pg_dump') ?? join(postgresNeed.path, '..', 'pg_dump')
  const dump = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(pgDump, [...args, url], { maxBuffer: 2 ** 28 })
    return status === 0 ? stdout : raise(`pg_dump: ${stderr}`)
  }
  return new Map([
    ['pg_dump', dump()],
    ['pg_dump --inserts', dump('--inserts')],
    ['pg_dump, uncompressed', dump('--format=custom', '--compress=0')],
  ])
}

function rawRecords(url: string): RawRecords {
  let connected: Promise<Client> | undefined
  const ask = async (text: string, values: unknown[] = []) => {
    connected ??= (async () => {
      const client = new Client({ connectionString: url })
      await client.connect()
      return client
    })()
    return (await (await connected).query(text, values)).rows
  }
  return {
    reach: 'payload',
    names: async () => (await ask(`SELECT encode(id, 'hex') AS name FROM strongroom_sessions`)).map(({ name }) => name),
    read: async (name) =>
      (await ask(`SELECT payload FROM strongroom_sessions WHERE id = decode($1, 'hex')`, [name]))[0].payload,
    write: async (name, bytes) => {
      await ask(`UPDATE strongroom_sessions SET payload = $2 WHERE id = decode($1, 'hex')`, [name, bytes])
    },
    close: async () => (await connected)?.end(),
  }
}
