import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { nodeSqlite } from 'strongroom/internal'

/** What the thread is given. */
export interface CopyOrder {
  readonly strongroomCopy: { readonly from: string; readonly to: string; readonly tables: readonly string[] }
}

/** This file, which runs itself in a thread: SQLite works without a pause, and Ctrl-C must be heard meanwhile. */
export const COPY = new URL(import.meta.url)

/**
 * A copy of one moment while others go on writing, in which these tables have no rows, not even in its free pages. Answers
 * the tables that were there.
 */
function copyWithout({ from, to, tables }: CopyOrder['strongroomCopy']): string[] {
  const { DatabaseSync } = nodeSqlite()
  const source = new DatabaseSync(from, { readOnly: true, timeout: 10_000 })
  try {
    source.prepare('VACUUM INTO ?').run(to)
  } finally {
    source.close()
  }
  // Rows that refer to a session stay, and so the references are not followed.
  const copy = new DatabaseSync(to, { enableForeignKeyConstraints: false, timeout: 10_000 })
  try {
    // Without a journal on the disk, in which the rows would be written down once more: the copy is a draft.
    copy.exec('PRAGMA journal_mode = OFF; PRAGMA secure_delete = ON')
    const emptied = tables.filter((table) => empty(copy, table))
    copy.exec('VACUUM')
    return emptied
  } finally {
    copy.close()
  }
}

type Database = InstanceType<ReturnType<typeof nodeSqlite>['DatabaseSync']>

function empty(copy: Database, table: string): boolean {
  const named = 'FROM sqlite_schema WHERE type = ? AND tbl_name = ? COLLATE NOCASE'
  if (!copy.prepare(`SELECT 1 ${named}`).get('table', table)) return false
  const triggers = copy.prepare(`SELECT name, sql ${named}`).all('trigger', table) as { name: string; sql: string }[]
  // A trigger of the application may keep what is deleted.
  for (const { name } of triggers) copy.exec(`DROP TRIGGER ${quoted(name)}`)
  copy.exec(`DELETE FROM ${quoted(table)}`)
  for (const { sql } of triggers) copy.exec(sql)
  return true
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

const order = isMainThread ? undefined : (workerData as Partial<CopyOrder> | undefined)?.strongroomCopy
if (order) parentPort?.postMessage(copyWithout(order))
