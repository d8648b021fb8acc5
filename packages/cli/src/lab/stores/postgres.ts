import { filesIn, newFolder, removeFolder } from '../folder.ts'
import type { Backend } from '../running.ts'
import { programPath, runAside, runOnce } from '../servers/daemon.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import type { Rows, StoredRow } from '../site.ts'
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
  const rows = new PostgresRows(server.url)
  return {
    settings: { store: server.url },
    storage: {
      server: serverOf(server),
      files: async () => filesIn(`${server.dir}/data`),
      backup: () => dump(server),
      rows,
      cache: null,
    },
    version: `PostgreSQL ${/[\d.]+/.exec(runOnce(programPath('postgres'), ['--version']))?.[0]}`,
    async stop() {
      await rows.close()
      await server.stop()
    },
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

/** The default of the engine. */
const TABLE = 'strongroom_sessions'

/** What PostgreSQL gives to each row by itself. */
const GENERATED = 'place'

type Client = InstanceType<Pg['Client']>

/** Someone who writes to the table, on one connection: a new one for each row would take longer than the rest of the attack. */
class PostgresRows implements Rows {
  readonly #url: string
  #client: Promise<Client> | null = null

  constructor(url: string) {
    this.#url = url
  }

  async list() {
    const { rows } = await this.#query(`SELECT * FROM ${TABLE}`)
    return rows.map(({ [GENERATED]: _, ...columns }) => columnsRow(columns, 'id', 'payload'))
  }

  async put(row: StoredRow): Promise<void> {
    const columns = rowColumns(row, 'id', 'payload')
    const names = Object.keys(columns)
    const values = names.map((_, index) => `$${index + 1}`).join(', ')
    await this.#query(`DELETE FROM ${TABLE} WHERE id = $1`, [columns.id])
    await this.#query(`INSERT INTO ${TABLE} (${names.join(', ')}) VALUES (${values})`, Object.values(columns))
  }

  async delete(key: string): Promise<void> {
    await this.#query(`DELETE FROM ${TABLE} WHERE id = $1`, [Buffer.from(key, 'hex')])
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => null)
    await client?.end().catch(() => undefined)
  }

  async #query(text: string, values: readonly unknown[] = []) {
    this.#client ??= this.#connect()
    const client = await this.#client
    return client.query(text, values)
  }

  async #connect(): Promise<Client> {
    const client = new (driver<Pg>('pg').module.Client)({ connectionString: this.#url })
    // The server was killed, or cannot be reached: the next query connects again.
    const forget = () => {
      this.#client = null
    }
    client.on('error', forget)
    await client.connect().catch((error) => {
      forget()
      throw error
    })
    return client
  }
}
