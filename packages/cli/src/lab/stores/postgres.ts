import { filesIn, newFolder, removeFolder } from '../folder.ts'
import type { Backend } from '../running.ts'
import { programPath, runAside, runOnce } from '../servers/daemon.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import type { Rows } from '../site.ts'
import { type Columns, columnsRow, rowColumns } from './columns.ts'
import { driver } from './driver.ts'
import { serverOf } from './server.ts'

/** The part of pg that is used. */
interface Pg {
  readonly Client: new (options: {
    connectionString: string
  }) => {
    connect(): Promise<unknown>
    query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly Columns[] }>
    end(): Promise<unknown>
    on(event: 'error', listener: () => void): unknown
  }
}

export async function postgresBackend(): Promise<Backend> {
  driver<Pg>('pg')
  const server = await startPostgres()
  return {
    settings: { store: server.url },
    storage: {
      server: serverOf(server),
      files: async () => filesIn(`${server.dir}/data`),
      backup: () => dump(server),
      rows: postgresRows(server.url),
      cache: null,
    },
    version: `PostgreSQL ${/[\d.]+/.exec(runOnce(programPath('postgres'), ['--version']))?.[0]}`,
    stop: () => server.stop(),
  }
}

/** pg_dump with its defaults. */
async function dump({ url }: PostgresServer) {
  const folder = newFolder('backup')
  try {
    await runAside(programPath('pg_dump'), [`--dbname=${url}`, `--file=${folder}/backup.sql`])
    return filesIn(folder)
  } finally {
    removeFolder(folder)
  }
}

/** The default of the engines. */
const TABLE = 'strongroom_sessions'

/** What PostgreSQL gives to each row by itself. */
const GENERATED = 'place'

function postgresRows(url: string): Rows {
  return {
    list: () =>
      withClient(url, async (query) => {
        const { rows } = await query(`SELECT * FROM ${TABLE}`)
        return rows.map(({ [GENERATED]: _, ...columns }) => columnsRow(columns, 'id', 'payload'))
      }),
    put: (row) =>
      withClient(url, async (query) => {
        const columns = rowColumns(row, 'id', 'payload')
        const names = Object.keys(columns)
        const values = names.map((_, index) => `$${index + 1}`).join(', ')
        await query(`DELETE FROM ${TABLE} WHERE id = $1`, [columns.id])
        await query(`INSERT INTO ${TABLE} (${names.join(', ')}) VALUES (${values})`, Object.values(columns))
      }),
    delete: (key) =>
      withClient(
        url,
        async (query) => void (await query(`DELETE FROM ${TABLE} WHERE id = $1`, [Buffer.from(key, 'hex')])),
      ),
  }
}

type QueryText = InstanceType<Pg['Client']>['query']

async function withClient<T>(url: string, work: (query: QueryText) => Promise<T>): Promise<T> {
  const client = new (driver<Pg>('pg').module.Client)({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work((text, values) => client.query(text, values))
  } finally {
    await client.end()
  }
}
