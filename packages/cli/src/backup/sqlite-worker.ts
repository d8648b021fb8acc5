import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { nodeSqlite } from 'strongroom/internal'
import { type CacheTables, cacheTables, NO_CACHES } from './cache-tables.ts'

export interface CopyData {
  readonly strongroomCopy: {
    readonly from: string
    readonly to: string
    readonly tables: readonly string[]
    /** Leave out the rows of Django's caches, too? */
    readonly hasCaches: boolean
  }
}

export interface Copied {
  /** Those of `tables` that existed. */
  readonly emptied: readonly string[]
  readonly caches: CacheTables
}

/** This file, which runs as a worker: SQLite blocks its thread, and the main thread must still react to Ctrl-C. */
export const WORKER = new URL(import.meta.url)

/**
 * Makes a consistent copy while others write, in which these tables have no rows, not even in its free pages.
 */
function copyWithout({ from, to, tables, hasCaches }: CopyData['strongroomCopy']): Copied {
  const { DatabaseSync } = nodeSqlite()
  const source = new DatabaseSync(from, { readOnly: true, timeout: 10_000 })
  try {
    source.prepare('VACUUM INTO ?').run(to)
  } finally {
    source.close()
  }
  // Rows that reference a session stay, so foreign keys must not be enforced.
  const copy = new DatabaseSync(to, { enableForeignKeyConstraints: false, timeout: 10_000 })
  try {
    // A journal on disk would contain the rows again. The copy is a draft and needs none.
    copy.exec('PRAGMA journal_mode = OFF; PRAGMA secure_delete = ON')
    const caches = hasCaches ? cachesIn(copy) : NO_CACHES
    const emptied = tables.filter((table) => empty(copy, table) || empty(copy, withoutSchema(table)))
    for (const { name } of caches.found) empty(copy, name)
    copy.exec('VACUUM')
    return { emptied, caches }
  } finally {
    copy.close()
  }
}

type Database = InstanceType<ReturnType<typeof nodeSqlite>['DatabaseSync']>

function cachesIn(copy: Database): CacheTables {
  const columns = copy
    .prepare(
      `SELECT t.name AS "table", c.name, c.type, c.pk FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'`,
    )
    .all() as { table: string; name: string; type: string; pk: number }[]
  return cacheTables(
    columns.map(({ table, name, type, pk }) => ({ table: { schema: '', name: table }, name, type, isKey: pk > 0 })),
  )
}

function empty(copy: Database, table: string): boolean {
  const named = 'FROM sqlite_schema WHERE type = ? AND tbl_name = ? COLLATE NOCASE'
  if (!copy.prepare(`SELECT 1 ${named}`).get('table', table)) return false
  const triggers = copy.prepare(`SELECT name, sql ${named}`).all('trigger', table) as { name: string; sql: string }[]
  // A trigger of the application may save what is deleted.
  for (const { name } of triggers) copy.exec(`DROP TRIGGER ${quoted(name)}`)
  copy.exec(`DELETE FROM ${quoted(table)}`)
  for (const { sql } of triggers) copy.exec(sql)
  return true
}

/** SQLite calls the database that was opened `main`. */
export const withoutSchema = (table: string) => table.replace(/^main\./i, '')

export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

const data = isMainThread ? undefined : (workerData as Partial<CopyData> | undefined)?.strongroomCopy
if (data) parentPort?.postMessage(copyWithout(data))
