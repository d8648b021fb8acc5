import { statSync } from 'node:fs'
import { join } from 'node:path'
import { FOLDERS } from './file/directory.ts'
import { isBusy, tooLong, unanswered } from './sqlite/errors.ts'
import { type ClosableHandle, nodeSqlite, prepare } from './sqlite/handle.ts'
import { hasTable } from './sqlite/table.ts'

/** A store that is a file or a directory of this machine, as a URL names it. */
export type LocalStore =
  | { readonly engine: 'file'; readonly path: string }
  | { readonly engine: 'sqlite'; readonly path: string; readonly table: string }

/** `django`: the database has the table of Django's sessions, and none of ours. */
export type LocalContent = 'store' | 'django' | 'nothing'

/** How long another program may have the database locked, in ms. */
const TIMEOUT = 2000

/**
 * What is at the path, which must exist, without creating anything: a store that is opened makes its table or its folders in
 * whatever is there. Throws `StoreError` for a file that SQLite cannot read.
 */
export function contentOf(store: LocalStore): LocalContent {
  if (store.engine === 'file') return FOLDERS.every((name) => isFolder(join(store.path, name))) ? 'store' : 'nothing'
  let database: ClosableHandle | null = null
  try {
    // Not read-only: such a connection leaves the files of a write-ahead log behind, as it cannot remove them.
    database = new (nodeSqlite().DatabaseSync)(store.path, { timeout: TIMEOUT })
    if (hasTable(database, store.table)) return 'store'
    const django = prepare(database, `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'django_session'`)
    return django.get() ? 'django' : 'nothing'
  } catch (error) {
    throw isBusy(error) ? tooLong(TIMEOUT) : unanswered(error, store.path)
  } finally {
    database?.close()
  }
}

const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
