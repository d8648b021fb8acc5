import { closeSync, openSync } from 'node:fs'
import { ConfigError, StoreError } from '../../errors.ts'
import type { Traits } from '../../store.ts'

export type SqliteValue = string | number | Uint8Array | null

export interface SqliteStatement {
  run(...values: SqliteValue[]): { changes: number | bigint }
  get(...values: SqliteValue[]): unknown
  all(...values: SqliteValue[]): unknown[]
}

/** What is used of a database: `DatabaseSync` of node:sqlite, better-sqlite3 and libsql all have it. */
export interface SqliteHandle {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
}

export type OwnHandle = SqliteHandle & { close(): void }

/** Loaded on first use: merely importing an engine must not print Node's warning about an experimental module. */
export function nodeSqlite(): typeof import('node:sqlite') {
  const sqlite = process.getBuiltinModule?.('node:sqlite')
  if (sqlite) return sqlite
  throw new ConfigError(
    'This runtime has no node:sqlite: use Node 22.13 or later, or hand in a better-sqlite3 database.',
  )
}

/** Opens a database of our own. Throws what SQLite throws; a busy one may be tried again. */
export function openOwn(path: string, synchronous: 'full' | 'normal'): OwnHandle {
  if (path !== ':memory:') createPrivately(path)
  // No busy timeout: SQLite would sleep on the event loop. Whoever calls waits without blocking and tries again.
  const database = new (nodeSqlite().DatabaseSync)(path, { timeout: 0 })
  try {
    // secure_delete: what is deleted is overwritten with zeros, not left readable in free pages of the file and its backups.
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA secure_delete = ON`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Only a file that is not there yet: opening and closing another's would drop the locks that this process has on it. */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Is this error only a matter of waiting? node:sqlite says so in `errcode`, libsql in `rawCode`, better-sqlite3 in `code`. */
export function isBusy(error: unknown): boolean {
  const { errcode, rawCode, code } = (error ?? {}) as Record<string, unknown>
  const number = errcode ?? rawCode
  // The low byte is the plain code: 5 SQLITE_BUSY, 6 SQLITE_LOCKED.
  if (typeof number === 'number') return [5, 6].includes(number & 255)
  return typeof code === 'string' && /^SQLITE_(BUSY|LOCKED)/.test(code)
}

/** What a user's database is set to keep; the least when it does not say. */
export function durabilityOf(handle: SqliteHandle): Pick<Traits, 'durable' | 'shared'> {
  try {
    const list = handle.prepare('PRAGMA database_list').all() as { name: string; file: string }[]
    if (!list.find(({ name }) => name === 'main')?.file) return { durable: 'no', shared: 'process' }
    const { synchronous } = handle.prepare('PRAGMA synchronous').get() as { synchronous: number | bigint }
    const { journal_mode } = handle.prepare('PRAGMA journal_mode').get() as { journal_mode: string }
    // Without a journal on disk, a process that dies in the middle of a write can take the whole file with it.
    if (['off', 'memory'].includes(journal_mode)) return { durable: 'no', shared: 'machine' }
    return { durable: Number(synchronous) >= 2 ? 'machine' : 'process', shared: 'machine' }
  } catch {
    return { durable: 'process', shared: 'machine' }
  }
}

/** SQLite rolls back by itself after some errors; then there is nothing left to undo, and saying so would hide the error. */
export function rollback(database: SqliteHandle): void {
  try {
    database.exec('ROLLBACK')
  } catch {}
}

export function unanswered(cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause
  return new StoreError('The session database did not answer.', { cause })
}

export function tooLong(timeout: number): StoreError {
  return new StoreError(`The session database stayed locked by another program for ${timeout} ms.`)
}
