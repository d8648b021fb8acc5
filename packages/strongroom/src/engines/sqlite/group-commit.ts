import { setImmediate as turn } from 'node:timers/promises'
import { isPast, momentIn, pause } from '../../base/retry.ts'
import type { StoreError } from '../../errors.ts'
import { isBusy, tooLong } from './errors.ts'
import { rollback, type SqliteHandle } from './handle.ts'

interface Write {
  run(): unknown
  resolve(result: unknown): void
  reject(error: StoreError): void
  readonly until: number
}

/**
 * Group commit. A commit waits for the disk, and one wait serves many writes: those of one turn of the event loop, and
 * those that came while the database was locked, share a transaction. Each is acknowledged only after the COMMIT.
 */
export class GroupCommit {
  readonly #open: () => SqliteHandle
  readonly #asError: (error: unknown) => StoreError
  readonly #timeout: number
  #queue: Write[] = []
  #working: Promise<void> | null = null

  /** `asError` makes what a write rejects with of what SQLite throws. */
  constructor(open: () => SqliteHandle, asError: (error: unknown) => StoreError, timeout: number) {
    this.#open = open
    this.#asError = asError
    this.#timeout = timeout
  }

  /**
   * `run` is called inside a transaction, and again if that was rolled back: it may change the database and nothing
   * else.
   */
  write<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ run, resolve: resolve as Write['resolve'], reject, until: momentIn(this.#timeout) })
      this.#working ??= this.#work()
    })
  }

  /** Resolves when every write so far has been committed or has failed. */
  async settled(): Promise<void> {
    await this.#working
  }

  async #work(): Promise<void> {
    await turn()
    while (this.#queue.length > 0) {
      const busy = this.#commit(this.#queue.splice(0))
      for (const write of busy) {
        if (isPast(write.until)) write.reject(tooLong(this.#timeout))
        else this.#queue.push(write)
      }
      await (busy.length > 0 ? pause() : turn())
    }
    this.#working = null
  }

  /** Settles the writes, and returns those that found the database locked. Nothing of them was written. */
  #commit(writes: readonly Write[]): readonly Write[] {
    try {
      const results = transact(this.#open(), writes)
      for (const [index, write] of writes.entries()) write.resolve(results[index])
      return []
    } catch (error) {
      if (isBusy(error)) return writes
      // One of them is bad, or the disk is. Alone, each fails or succeeds by itself.
      if (writes.length > 1) return writes.flatMap((write) => this.#commit([write]))
      writes[0]?.reject(this.#asError(error))
      return []
    }
  }
}

function transact(database: SqliteHandle, writes: readonly Write[]): unknown[] {
  // Outside the try: if this fails, there may be a transaction of the user's, which is not ours to roll back.
  database.exec('BEGIN IMMEDIATE')
  try {
    const results = writes.map((write) => write.run())
    database.exec('COMMIT')
    return results
  } catch (error) {
    rollback(database)
    throw error
  }
}
