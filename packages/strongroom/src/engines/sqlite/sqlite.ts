import { resolve } from 'node:path'
import { checkOptions, clockOption, timeoutOption } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Clock, IndexedStore, ScannableStore } from '../../store.ts'
import { withBackend } from '../shared/backend.ts'
import { hasMethods, insteadOfClient } from '../shared/foreign-client.ts'
import { Connection } from './connection.ts'
import { durabilityOf, nodeSqlite, pathOf, prepare, type SqliteHandle } from './handle.ts'
import { Sqlite } from './store.ts'
import { tableOption } from './table.ts'

export type { SqliteHandle, SqliteStatement, SqliteValue } from './handle.ts'

interface CommonOptions {
  /** The table, created if it is missing (default "strongroom_sessions"). Letters, digits and underscores. */
  readonly table?: string | undefined
  /** Ms to wait for a database that another program has locked, without blocking the event loop (default 2000). */
  readonly timeout?: number | undefined
  readonly clock?: Clock | undefined
}

/** A database file for this store alone, created if it is missing and readable by its owner only; or ":memory:". */
export interface SqlitePathOptions extends CommonOptions {
  readonly path: string
  /**
   * "full" (the default): an acknowledged write survives a power cut. "normal": it survives the process, and is faster.
   */
  readonly synchronous?: 'full' | 'normal' | undefined
}

/** A database that is already open. The store changes none of its settings, and leaves it open when it is closed. */
export interface SqliteDatabaseOptions extends CommonOptions {
  readonly database: SqliteHandle
}

/**
 * Sessions in a SQLite database: a path, or an open `DatabaseSync`, better-sqlite3 or libsql database.
 *
 * A database that is opened by path is in WAL mode, commits to the disk before it acknowledges, and overwrites what it
 * deletes. The write-ahead log may contain deleted data until its next checkpoint, which `clearExpired` brings about. A
 * database that is passed in keeps its own settings, and `traits.durable` says what they guarantee.
 */
export function sqlite(
  given: string | SqliteHandle | SqlitePathOptions | SqliteDatabaseOptions,
): IndexedStore & ScannableStore & AsyncDisposable {
  const options = toOptions(given)
  checkOptions('sqlite()', options, ['path', 'database', 'table', 'timeout', 'synchronous', 'clock'])
  const { path, database } = options
  const table = tableOption(options.table)
  const timeout = timeoutOption('sqlite()', options.timeout, 2000, 0)
  const clock = clockOption('sqlite()', options.clock)
  if (database) {
    if (!hasMethods(database, 'prepare', 'exec'))
      throw new ConfigError(
        `Option "database" of sqlite() must be an open DatabaseSync, better-sqlite3 or libsql database; a path is "path".${insteadOfClient(database)}`,
      )
    if (path !== undefined || options.synchronous !== undefined) {
      throw new ConfigError(
        'sqlite() takes "path" and "synchronous" for a database that it opens itself, not with "database".',
      )
    }
    const store = new Sqlite(new Connection({ database }, table, timeout), clock, durabilityOf(database))
    const query = (sql: string) => prepare(database, sql).all() as Record<string, unknown>[]
    return withBackend(store, { engine: 'sqlite', path: pathOf(database), table, synchronous: null, query })
  }
  const source = ownSource(options)
  const memory = source.path === ':memory:'
  const durable = memory ? 'no' : source.synchronous === 'full' ? 'machine' : 'process'
  const facts = { durable, shared: memory ? 'process' : 'machine' } as const
  return withBackend(new Sqlite(new Connection(source, table, timeout), clock, facts), {
    engine: 'sqlite',
    path: memory ? null : source.path,
    table,
    synchronous: source.synchronous,
    query: null,
  })
}

type AnyOptions = Partial<SqlitePathOptions & SqliteDatabaseOptions>

function toOptions(given: unknown): AnyOptions {
  if (typeof given === 'string') return { path: given }
  if (typeof given !== 'object' || given === null || insteadOfClient(given) !== '')
    throw new ConfigError(`sqlite() takes a path, an open database, or options.${insteadOfClient(given)}`)
  return 'prepare' in given ? { database: given as SqliteHandle } : given
}

function ownSource({ path, synchronous = 'full' }: AnyOptions) {
  if (typeof path !== 'string' || path === '')
    throw new ConfigError('sqlite() needs a "path" or an open "database"; it got neither.')
  if (synchronous !== 'full' && synchronous !== 'normal') {
    throw new ConfigError('Option "synchronous" of sqlite() must be "full" or "normal".')
  }
  nodeSqlite()
  // Resolved now, because a later change of the working directory must not move the sessions.
  return { path: path === ':memory:' ? path : resolve(path), synchronous }
}
