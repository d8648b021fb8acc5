import { OpenState } from '../../base/open-state.ts'
import { momentIn, retryUntil } from '../../base/retry.ts'
import { StoreError } from '../../errors.ts'
import { isBusy, tooLong, unanswered } from './errors.ts'
import { GroupCommit } from './group-commit.ts'
import { type ClosableHandle, openDatabase, pathOf, rollback, type SqliteHandle } from './handle.ts'
import { openTable, type Statements } from './table.ts'
import { WatchedFile } from './watched-file.ts'

export type Source =
  | { readonly database: SqliteHandle }
  | { readonly path: string; readonly synchronous: 'full' | 'normal' }

/** One database and one table in it, opened at the first use, and again at the next use when that failed. */
export class Connection {
  readonly #source: Source
  readonly #table: string
  readonly #timeout: number
  readonly #commits: GroupCommit
  readonly #state = new OpenState()
  #own: ClosableHandle | null = null
  #statements: Statements | null = null
  #file: WatchedFile | null = null

  constructor(source: Source, table: string, timeout: number) {
    this.#source = source
    this.#table = table
    this.#timeout = timeout
    const given = 'database' in source ? pathOf(source.database) : null
    if (given !== null) this.#file = new WatchedFile(given)
    const open = () => {
      this.#checkFile(true)
      this.#open()
      return this.#database()
    }
    this.#commits = new GroupCommit(open, (error) => this.#unanswered(error), timeout)
  }

  /** Reads immediately, or as soon as the database is free. SQLite's own waiting would block the event loop. */
  read<T>(query: (table: Statements) => T): Promise<T> {
    return this.#whenFree(() => {
      this.#state.assertOpen()
      this.#checkFile(false)
      return query(this.#open())
    })
  }

  #whenFree<T>(attempt: () => T): Promise<T> {
    return retryUntil(momentIn(this.#timeout), attempt, (error, isLate) => {
      if (!isBusy(error)) return this.#unanswered(error)
      return isLate ? tooLong(this.#timeout) : null
    })
  }

  /** Writes in one transaction with what others write at this moment. Resolves when that is committed. */
  async write<T>(run: (table: Statements) => T): Promise<T> {
    this.#state.assertOpen()
    return this.#commits.write(() => run(this.#open()))
  }

  /**
   * Copies the write-ahead log into the database and empties it, so that what was deleted is gone from there as well.
   */
  async emptyLog(): Promise<void> {
    // A reader may be in the way. Then the next sweep does it, or the last program to close the database.
    if (this.#own) await this.read(() => this.#own?.exec('PRAGMA wal_checkpoint(TRUNCATE)')).catch(() => {})
  }

  async close(): Promise<void> {
    this.#state.close()
    await this.#commits.settled()
    this.#forget()
  }

  /** Rejects when the file is gone. One that was replaced is opened again. Done before each write, and sometimes before a read. */
  checkFile(): Promise<void> {
    return this.#whenFree(() => this.#checkFile(true))
  }

  #checkFile(isDue: boolean): void {
    if (!this.#file || (isDue ? this.#file.isCurrent() : this.#file.wasCurrent())) return
    if ('database' in this.#source)
      throw new StoreError(
        'The file of the database that sqlite() was given was replaced: stop, delete the -wal and -shm files beside it, and start again.',
      )
    this.#leaveReplaced()
  }

  #leaveReplaced(): void {
    // The lock keeps two processes that do this from deleting the log that the first of them has begun for the new file.
    this.#own?.exec('BEGIN IMMEDIATE')
    try {
      this.#file?.removeLog()
    } finally {
      if (this.#own) rollback(this.#own)
    }
    this.#forget()
  }

  #forget(): void {
    this.#statements = null
    this.#file = null
    this.#own?.close()
    this.#own = null
  }

  #unanswered(error: unknown): StoreError {
    return unanswered(error, 'path' in this.#source ? this.#source.path : null)
  }

  #open(): Statements {
    if (this.#statements) return this.#statements
    this.#statements = openTable(this.#database(), this.#table)
    this.#file?.logOpened()
    return this.#statements
  }

  #database(): SqliteHandle {
    if ('database' in this.#source) return this.#source.database
    if (this.#own) return this.#own
    const { path, synchronous } = this.#source
    this.#own = openDatabase(path, synchronous)
    if (path !== ':memory:') this.#file = new WatchedFile(path)
    return this.#own
  }
}
