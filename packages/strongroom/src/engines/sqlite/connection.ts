import { StoreError } from '../../errors.ts'
import { Commits } from './commits.ts'
import { isBusy, type OwnHandle, openOwn, type SqliteHandle, tooLong, unanswered } from './handle.ts'
import { isPast, momentIn, pause } from './patience.ts'
import { openTable, type Statements } from './table.ts'

export type Source =
  | { readonly database: SqliteHandle }
  | { readonly path: string; readonly synchronous: 'full' | 'normal' }

/** One database and one table in it, opened when it is first needed, and again when that failed. */
export class Connection {
  readonly #source: Source
  readonly #table: string
  readonly #timeout: number
  readonly #commits: Commits
  #own: OwnHandle | null = null
  #statements: Statements | null = null
  #closed = false

  constructor(source: Source, table: string, timeout: number) {
    this.#source = source
    this.#table = table
    this.#timeout = timeout
    this.#commits = new Commits(() => {
      this.#open()
      return this.#database()
    }, timeout)
  }

  /** Reads at once, or as soon as the database lets it. SQLite's own waiting would hold up the event loop. */
  async ask<T>(query: (at: Statements) => T): Promise<T> {
    this.#check()
    let until: number | undefined
    for (;;) {
      try {
        return query(this.#open())
      } catch (error) {
        if (!isBusy(error)) throw unanswered(error)
        until ??= momentIn(this.#timeout)
        if (isPast(until)) throw tooLong(this.#timeout)
      }
      await pause()
      this.#check()
    }
  }

  /** Writes together with what others write at this moment; resolves when it is committed. */
  async change<T>(run: (at: Statements) => T): Promise<T> {
    this.#check()
    return this.#commits.write(() => run(this.#open()))
  }

  /** Copies the write-ahead log into the database and empties it, so that what was deleted is gone from there as well. */
  async emptyLog(): Promise<void> {
    // A reader in the way is no failure: the next sweep, or the last program to close the database, does it.
    if (this.#own) await this.ask(() => this.#own?.exec('PRAGMA wal_checkpoint(TRUNCATE)')).catch(() => {})
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#commits.settled()
    this.#statements = null
    this.#own?.close()
    this.#own = null
  }

  #open(): Statements {
    this.#statements ??= openTable(this.#database(), this.#table)
    return this.#statements
  }

  #database(): SqliteHandle {
    if ('database' in this.#source) return this.#source.database
    this.#own ??= openOwn(this.#source.path, this.#source.synchronous)
    return this.#own
  }

  #check(): void {
    if (this.#closed) throw new StoreError('This store was closed.')
  }
}
