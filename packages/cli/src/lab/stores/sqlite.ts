import { join } from 'node:path'
import type { SQLInputValue } from 'node:sqlite'
import { nodeSqlite } from 'strongroom/internal'
import { filesIn, newFolder, removeFolder } from '../folder.ts'
import type { Backend } from '../running.ts'
import type { Rows, StoredFile, StoredRow } from '../site.ts'
import { type Columns, columnsRow, rowColumns } from './columns.ts'

export async function sqliteBackend(): Promise<Backend> {
  const folder = newFolder('sqlite')
  const path = join(folder, 'sessions.db')
  const rows = new SqliteRows(path)
  return {
    settings: { store: `sqlite:${path}` },
    storage: {
      server: null,
      files: async () => filesIn(folder),
      backup: async () => [backupOf(path)],
      rows,
      cache: null,
    },
    version: withDatabase(':memory:', (database) => {
      const found = database.prepare('SELECT sqlite_version() AS version').get() as { version: string }
      return `SQLite ${found.version}`
    }),
    async stop() {
      rows.close()
      removeFolder(folder)
    },
  }
}

/** As the documentation of SQLite advises for a database in use. */
function backupOf(path: string): StoredFile {
  const folder = newFolder('backup')
  try {
    withDatabase(path, (database) => database.exec(`VACUUM INTO '${join(folder, 'backup.db')}'`))
    const [file] = filesIn(folder)
    if (!file) throw new Error('VACUUM INTO wrote no file.')
    return file
  } finally {
    removeFolder(folder)
  }
}

/** The default of the engine. */
const TABLE = 'strongroom_sessions'

/** Someone who writes to the table on a connection of their own, as another process would. */
class SqliteRows implements Rows {
  readonly #path: string
  #database: Database | null = null

  constructor(path: string) {
    this.#path = path
  }

  async list() {
    const database = this.#open()
    // The engine makes its table when it is first used.
    if (!database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = '${TABLE}'`).get()) return []
    const statement = database.prepare(`SELECT * FROM ${TABLE}`)
    // A version may be larger than what a number holds exactly.
    statement.setReadBigInts(true)
    const all = statement.all() as unknown as Columns[]
    return all.map((columns) => columnsRow(columns, 'id', 'payload'))
  }

  async put(row: StoredRow): Promise<void> {
    const columns = rowColumns(row, 'id', 'payload')
    const names = Object.keys(columns)
    const marks = names.map(() => '?').join(', ')
    this.#open()
      .prepare(`INSERT OR REPLACE INTO ${TABLE} (${names.join(', ')}) VALUES (${marks})`)
      .run(...(Object.values(columns) as SQLInputValue[]))
  }

  async delete(key: string): Promise<void> {
    this.#open().prepare(`DELETE FROM ${TABLE} WHERE id = ?`).run(key)
  }

  close(): void {
    this.#database?.close()
    this.#database = null
  }

  #open(): Database {
    this.#database ??= new (nodeSqlite().DatabaseSync)(this.#path, { timeout: 10_000 })
    return this.#database
  }
}

type Database = InstanceType<ReturnType<typeof nodeSqlite>['DatabaseSync']>

function withDatabase<T>(path: string, work: (database: Database) => T): T {
  const database = new (nodeSqlite().DatabaseSync)(path, { timeout: 10_000 })
  try {
    return work(database)
  } finally {
    database.close()
  }
}
