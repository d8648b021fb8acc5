import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { ConfigError, StoreError } from 'strongroom'
import {
  type ClosableSqliteHandle,
  checkOptions,
  isSqliteBusy,
  momentIn,
  nodeSqlite,
  OpenState,
  prepareSqlite,
  retryUntil,
  SqliteGroupCommit,
  type SqliteHandle,
  sqliteDurability,
  sqlitePathOf,
  sqliteTooLong,
  sqliteUnanswered,
  timeoutOption,
  WatchedSqliteFile,
} from 'strongroom/internal'
import type { DjangoEngine } from '../engine.ts'
import { columnMissing, EXTRA, type ExtraColumnsOptions, extraColumns } from './extra-columns.ts'
import { type RowTime, rowTime } from './row-time.ts'
import { type Database, type Moment, NoSuchTableError, quoted, quotedTable, SessionTable } from './session-table.ts'

export interface DjangoSqliteOptions extends ExtraColumnsOptions {
  /** DATABASES['default']['NAME']: the file, which must exist. */
  readonly path?: string | undefined
  /** Or an open database (node:sqlite, better-sqlite3, libsql). It stays open when the sessions are closed. */
  readonly database?: SqliteHandle | undefined
  /** Default `django_session`. */
  readonly table?: string | undefined
  /**
   * TIME_ZONE, if USE_TZ is False: then Django stores the time on the clocks of that zone, such as "America/New_York". Or the
   * TIME_ZONE of the entry in DATABASES, if that has one. Default UTC, as with USE_TZ.
   */
  readonly timeZone?: string | undefined
  /** How long to wait while Django has the database locked, in ms (default 2000). Waiting does not block the event loop. */
  readonly timeout?: number | undefined
}

const isDatabase = (given: unknown): given is SqliteHandle =>
  typeof given === 'object' && given !== null && 'prepare' in given

/** Django's `db` backend on SQLite. USE_TZ is on in every project made by `startproject`; where it is not, set `timeZone`. */
export function djangoSqlite(given: string | SqliteHandle | DjangoSqliteOptions): DjangoEngine {
  const options: DjangoSqliteOptions =
    typeof given === 'string' ? { path: given } : isDatabase(given) ? { database: given } : given
  checkOptions('djangoSqlite()', options, ['path', 'database', 'table', 'timeZone', 'timeout', ...EXTRA])
  const { path, database } = options
  if ((typeof path === 'string' && path !== '') === (database !== undefined))
    throw new ConfigError('djangoSqlite() takes either the path of a database or an open one.')
  if (database !== undefined && !isDatabase(database))
    throw new ConfigError('djangoSqlite(): database must be an open database; a path is "path".')
  const table = quotedTable('djangoSqlite()', options.table, '"')
  const extra = extraColumns('djangoSqlite()', options)
  const timeout = timeoutOption('djangoSqlite()', options.timeout, 2000, 0)
  const time = rowTime('djangoSqlite()', options.timeZone)
  if (path !== undefined) nodeSqlite()
  // Resolved now, so that a later change of the working directory does not lead to another database.
  const source = path === undefined ? { database: database as SqliteHandle } : { path: resolve(path) }
  return {
    name: 'db',
    open: ({ clock }) => new SessionTable(new Sqlite(source, { table, timeout, time }), clock, extra),
  }
}

interface TableOptions {
  /** Quoted. */
  readonly table: string
  readonly timeout: number
  readonly time: RowTime
}

type Source = { readonly database: SqliteHandle } | { readonly path: string }

class Sqlite implements Database {
  readonly table: string
  readonly expiry = 'expire_date'
  readonly #source: Source
  readonly #timeout: number
  readonly moment: RowTime['text']
  readonly now: RowTime['now']
  readonly ms: RowTime['ms']
  readonly #commits: SqliteGroupCommit
  #own: ClosableSqliteHandle | null = null
  #file: WatchedSqliteFile | null = null
  readonly #state = new OpenState()

  constructor(source: Source, { table, timeout, time }: TableOptions) {
    this.#source = source
    this.table = table
    this.#timeout = timeout
    this.moment = time.text
    this.now = time.now
    this.ms = time.ms
    const given = 'database' in source ? sqlitePathOf(source.database) : null
    if (given !== null) this.#file = new WatchedSqliteFile(given)
    const open = () => {
      this.#checkFile(true)
      return this.#open()
    }
    this.#commits = new SqliteGroupCommit(open, (error) => this.#unanswered(error), timeout)
  }

  get traits() {
    // Django uses SQLite's defaults: a rollback journal that is written to disk at each commit.
    const durability =
      'database' in this.#source
        ? sqliteDurability(this.#source.database)
        : ({ durable: 'machine', shared: 'machine' } as const)
    return {
      engine: 'django (sqlite)',
      ...durability,
      expiresByItself: false,
      granularity: 1,
      sizeLimit: 1_000_000_000 - 10_000,
      evicts: false,
      revocable: true,
    }
  }

  hasUuids = false
  quote = (name: string) => quoted(name, '"')
  placeholder = () => '?'
  boolean = Number
  purge = (limit: number) =>
    `DELETE FROM ${this.table} WHERE rowid IN (SELECT rowid FROM ${this.table} WHERE expire_date <= ? LIMIT ${limit})`
  same = (column: string, placeholder: string) => `${column} = ${placeholder}`

  rows(sql: string, values: readonly Moment[]): Promise<readonly Record<string, unknown>[]> {
    const attempt = () => {
      this.#state.assertOpen()
      this.#checkFile(false)
      return prepareSqlite(this.#open(), sql).all(...values) as Record<string, unknown>[]
    }
    return retryUntil(momentIn(this.#timeout), attempt, (error, isLate) => {
      if (!isSqliteBusy(error)) return this.#unanswered(error)
      return isLate ? sqliteTooLong(this.#timeout) : null
    })
  }

  async change(sql: string, values: readonly Moment[]): Promise<number> {
    this.#state.assertOpen()
    const run = () => Number(prepareSqlite(this.#open(), sql).run(...values).changes)
    try {
      return await this.#commits.write(run)
    } catch (error) {
      const { cause } = error as { cause?: unknown }
      throw /NOT NULL constraint failed/.test(String(cause)) ? columnMissing(cause) : error
    }
  }

  insert(sql: string, values: readonly Moment[]): Promise<number> {
    return this.change(`${sql} ON CONFLICT DO NOTHING`, values)
  }

  async close(): Promise<void> {
    this.#state.close()
    await this.#commits.settled()
    this.#forget()
  }

  #forget(): void {
    this.#file = null
    this.#own?.close()
    this.#own = null
  }

  /** Throws `StoreError` when the file is gone. One that was replaced is opened at the next use, but not beside a write-ahead log. */
  #checkFile(isDue: boolean): void {
    if (!this.#file || (isDue ? this.#file.isCurrent() : this.#file.wasCurrent())) return
    if ('database' in this.#source)
      throw new StoreError('The file of the database that djangoSqlite() was given was replaced: start again.')
    // Ours has none, in Django's default mode: whatever is there may belong to either file.
    this.#file.removeLog()
    this.#forget()
  }

  #unanswered(error: unknown): StoreError {
    if (/no such table/.test(String(error))) return new NoSuchTableError('table', error)
    if (/no such column|has no column named/.test(String(error))) return new NoSuchTableError('column', error)
    return sqliteUnanswered(error, 'path' in this.#source ? this.#source.path : null)
  }

  #open(): SqliteHandle {
    if ('database' in this.#source) return this.#source.database
    if (this.#own) return this.#own
    // SQLite would create an empty one, and a wrong path would look as if nobody were signed in.
    if (!existsSync(this.#source.path)) throw new StoreError("Django's SQLite database does not exist: check the path.")
    // No busy timeout, because SQLite would block the event loop. The callers wait without blocking and try again.
    this.#own = new (nodeSqlite().DatabaseSync)(this.#source.path, { timeout: 0 })
    this.#file = new WatchedSqliteFile(this.#source.path)
    return this.#own
  }
}
