import { join } from 'node:path'
import { nodeSqlite } from 'strongroom/internal'
import { filesIn, newFolder, removeFolder } from '../folder.ts'
import type { Backend } from '../running.ts'
import type { Rows, StoredFile } from '../site.ts'
import { type Columns, columnsRow, rowColumns } from './columns.ts'

export async function sqliteBackend(): Promise<Backend> {
  const folder = newFolder('sqlite')
  const path = join(folder, 'sessions.db')
  return {
    settings: { store: `sqlite:${path}` },
    storage: {
      server: null,
      files: async () => filesIn(folder),
      backup: async () => [backupOf(path)],
      rows: sqliteRows(path),
      cache: null,
    },
    version: withDatabase(':memory:', (database) => {
      const found = database.prepare('SELECT sqlite_version() AS version').get() as { version: string }
      return `SQLite ${found.version}`
    }),
    stop: async () => removeFolder(folder),
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

function sqliteRows(path: string): Rows {
  return {
    list: async () =>
      withDatabase(path, (database) => {
        // The engine makes its table when it is first used.
        if (!database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = '${TABLE}'`).get()) return []
        const statement = database.prepare(`SELECT * FROM ${TABLE}`)
        // A version may be larger than what a number holds exactly.
        statement.setReadBigInts(true)
        const all = statement.all() as unknown as Columns[]
        return all.map((columns) => columnsRow(columns, 'id', 'payload'))
      }),
    put: async (row) =>
      withDatabase(path, (database) => {
        const columns = rowColumns(row, 'id', 'payload')
        const names = Object.keys(columns)
        const statement = `INSERT OR REPLACE INTO ${TABLE} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`
        database.prepare(statement).run(...(Object.values(columns) as never[]))
      }),
    delete: async (key) =>
      withDatabase(path, (database) => void database.prepare(`DELETE FROM ${TABLE} WHERE id = ?`).run(key)),
  }
}

/** A connection of an attacker's own, as another process would have. */
function withDatabase<T>(
  path: string,
  work: (database: InstanceType<ReturnType<typeof nodeSqlite>['DatabaseSync']>) => T,
): T {
  const { DatabaseSync } = nodeSqlite()
  const database = new DatabaseSync(path, { timeout: 10_000 })
  try {
    return work(database)
  } finally {
    database.close()
  }
}
