import { closeSync, openSync } from 'node:fs'
import { ConfigError } from '../../errors.ts'
import type { Traits } from '../../store.ts'

/** A value that is bound to a statement. */
export type SqliteValue = string | number | Uint8Array | null

/** The methods of a prepared statement that are used. */
export interface SqliteStatement {
  run(...values: SqliteValue[]): { changes: number | bigint }
  get(...values: SqliteValue[]): unknown
  all(...values: SqliteValue[]): unknown[]
}

/** The methods of a database that are used. `DatabaseSync` of node:sqlite, better-sqlite3 and libsql all have them. */
export interface SqliteHandle {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
}

/** Of a statement of node:sqlite: what the settings of its database would make of rows. */
interface Shape {
  setReturnArrays?(enabled: boolean): unknown
  setReadBigInts?(enabled: boolean): unknown
}

/** Prepares a statement whose rows are objects with numbers, whatever the application has set for its database. */
export function prepare(database: SqliteHandle, sql: string): SqliteStatement {
  const statement = database.prepare(sql) as SqliteStatement & Shape
  statement.setReturnArrays?.(false)
  statement.setReadBigInts?.(false)
  return statement
}

export type ClosableHandle = SqliteHandle & { close(): void }

/**
 * Loaded at the first use, because merely importing an engine must not print Node's warning about an experimental
 * module.
 */
export function nodeSqlite(): typeof import('node:sqlite') {
  const sqlite = process.getBuiltinModule?.('node:sqlite')
  if (sqlite) return sqlite
  throw new ConfigError('This runtime has no node:sqlite: use Node 22.13 or later, or pass a better-sqlite3 database.')
}

/**
 * Opens a database file for this store alone. Throws what SQLite throws; if that is `isBusy`, it may be tried again.
 */
export function openDatabase(path: string, synchronous: 'full' | 'normal'): ClosableHandle {
  if (path !== ':memory:') createPrivately(path)
  // No busy timeout: SQLite would sleep on the event loop. The caller waits without blocking it, and tries again.
  const database = new (nodeSqlite().DatabaseSync)(path, { timeout: 0 })
  try {
    // secure_delete: what is deleted is overwritten with zeros, not left readable in free pages of the file and its
    // backups.
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA secure_delete = ON`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Only if there is no file yet. Opening and closing one would drop the locks that this process holds on it (POSIX). */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** "" for a database in memory. */
function fileOf(handle: SqliteHandle): string {
  const list = prepare(handle, 'PRAGMA database_list').all() as { name: string; file: string | null }[]
  return list.find(({ name }) => name === 'main')?.file ?? ''
}

/** The file of a user's database; null for one in memory, and when it cannot be found out. */
export function pathOf(handle: SqliteHandle): string | null {
  try {
    return fileOf(handle) || null
  } catch {
    return null
  }
}

/** What the settings of a user's database guarantee; the least of it when they cannot be read. */
export function durabilityOf(handle: SqliteHandle): Pick<Traits, 'durable' | 'shared'> {
  try {
    if (fileOf(handle) === '') return { durable: 'no', shared: 'process' }
    const { synchronous } = prepare(handle, 'PRAGMA synchronous').get() as { synchronous: number | bigint }
    const { journal_mode } = prepare(handle, 'PRAGMA journal_mode').get() as { journal_mode: string }
    // Without a journal on disk, a process that dies in the middle of a write can destroy the whole file.
    if (['off', 'memory'].includes(journal_mode)) return { durable: 'no', shared: 'machine' }
    return { durable: Number(synchronous) >= 2 ? 'machine' : 'process', shared: 'machine' }
  } catch {
    return { durable: 'process', shared: 'machine' }
  }
}

/**
 * SQLite rolls back by itself after some errors. Then this ROLLBACK fails, and throwing that would hide the first
 * error.
 */
export function rollback(database: SqliteHandle): void {
  try {
    database.exec('ROLLBACK')
  } catch {}
}
