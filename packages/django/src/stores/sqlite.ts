import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { ConfigError, StoreError } from 'strongroom'
import {
  Commits,
  checkOptions,
  durabilityOf,
  isBusy,
  isPast,
  momentIn,
  nodeSqlite,
  type OwnHandle,
  pause,
  type SqliteHandle,
  tooLong,
  unanswered,
  wholeNumber,
} from 'strongroom/internal'
import type { DjangoEngine } from '../engine.ts'
import { type Database, fromUtcText, type Moment, Rows, utcText } from './rows.ts'
import { djangoTable, noTable, quoted } from './table.ts'

export interface DjangoSqliteOptions {
  /** DATABASES['default']['NAME']: the file, which must be there. */
  readonly path?: string | undefined
  /** Or a database that is open already (node:sqlite, better-sqlite3, libsql). It stays open when the sessions are closed. */
  readonly database?: SqliteHandle | undefined
  /** Default `django_session`. */
  readonly table?: string | undefined
  /** Ms to wait for a database that Django has locked, without holding up the event loop (default 2000). */
  readonly timeout?: number | undefined
}

/** Django's `db` backend on SQLite. Moments are in UTC, as with USE_TZ (which every project of `startproject` has on). */
export function djangoSqlite(given: string | SqliteHandle | DjangoSqliteOptions): DjangoEngine {
  const options: DjangoSqliteOptions =
    typeof given === 'string' ? { path: given } : given && 'prepare' in given ? { database: given } : given
  checkOptions('djangoSqlite()', options, ['path', 'database', 'table', 'timeout'])
  const { path, database } = options
  if ((typeof path === 'string' && path !== '') === (database !== undefined))
    throw new ConfigError('djangoSqlite() takes either the path of a database or an open one.')
  const table = djangoTable('djangoSqlite()', options.table, '"')
  const timeout = wholeNumber('djangoSqlite()', 'timeout', options.timeout, 2000, 0)
  if (path !== undefined) nodeSqlite()
  // Now: a later change of the working directory must not move the database.
  const source = path === undefined ? { database: database as SqliteHandle } : { path: resolve(path) }
  return { name: 'db', open: ({ clock }) => new Rows(new Sqlite(source, table, timeout), clock) }
}

type Source = { readonly database: SqliteHandle } | { readonly path: string }

class Sqlite implements Database {
  readonly table: string
  readonly expiry = 'expire_date'
  readonly #source: Source
  readonly #timeout: number
  readonly #commits: Commits
  #own: OwnHandle | null = null
  #closed = false

  constructor(source: Source, table: string, timeout: number) {
    this.#source = source
    this.table = table
    this.#timeout = timeout
    this.#commits = new Commits(() => this.#open(), timeout)
  }

  get traits() {
    // Django leaves the file's settings as SQLite has them: a rollback journal that reaches the disk at each commit.
    const kept =
      'database' in this.#source
        ? durabilityOf(this.#source.database)
        : ({ durable: 'machine', shared: 'machine' } as const)
    return {
      engine: 'django (sqlite)',
      ...kept,
      expiresByItself: false,
      granularity: 1,
      sizeLimit: 1_000_000_000 - 10_000,
      evicts: false,
      revocable: true,
    }
  }

  keepsUuids = false
  named = (name: string) => quoted(name, '"')
  mark = () => '?'
  moment = utcText
  ms = fromUtcText
  purge = (most: number) =>
    `DELETE FROM ${this.table} WHERE rowid IN (SELECT rowid FROM ${this.table} WHERE expire_date <= ? LIMIT ${most})`
  same = (column: string, mark: string) => `${column} = ${mark}`

  async rows(sql: string, values: readonly Moment[]): Promise<readonly Record<string, unknown>[]> {
    const until = momentIn(this.#timeout)
    for (;;) {
      this.#check()
      try {
        return this.#open()
          .prepare(sql)
          .all(...values) as Record<string, unknown>[]
      } catch (error) {
        if (!isBusy(error)) throw /no such table/.test(String(error)) ? noTable(error) : unanswered(error)
        if (isPast(until)) throw tooLong(this.#timeout)
      }
      await pause()
    }
  }

  async change(sql: string, values: readonly Moment[]): Promise<number> {
    this.#check()
    return this.#commits.write(() =>
      Number(
        this.#open()
          .prepare(sql)
          .run(...values).changes,
      ),
    )
  }

  insert(sql: string, values: readonly Moment[]): Promise<number> {
    return this.change(`${sql} ON CONFLICT DO NOTHING`, values)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#commits.settled()
    this.#own?.close()
    this.#own = null
  }

  #open(): SqliteHandle {
    if ('database' in this.#source) return this.#source.database
    if (this.#own) return this.#own
    // SQLite would make an empty one, and then a wrong path reads as "nobody is signed in".
    if (!existsSync(this.#source.path)) throw new StoreError("Django's SQLite database is not there: check the path.")
    // No busy timeout: SQLite would sleep on the event loop. Whoever calls waits without blocking and tries again.
    this.#own = new (nodeSqlite().DatabaseSync)(this.#source.path, { timeout: 0 })
    return this.#own
  }

  #check(): void {
    if (this.#closed) throw new StoreError('This store was closed.')
  }
}
