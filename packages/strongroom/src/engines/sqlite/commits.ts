import { setImmediate as turn } from 'node:timers/promises'
import type { StoreError } from '../../errors.ts'
import { isBusy, rollback, type SqliteHandle, tooLong, unanswered } from './handle.ts'
import { isPast, momentIn, pause } from './patience.ts'

interface Job {
  run(): unknown
  resolve(result: unknown): void
  reject(error: StoreError): void
  readonly until: number
}

/**
 * Group commit. A commit waits for the disk, and one wait serves many: the writes of one turn of the event loop, and those
 * that came while the database was locked, share a transaction. Each is answered only after the COMMIT.
 */
export class Commits {
  readonly #open: () => SqliteHandle
  readonly #timeout: number
  #queue: Job[] = []
  #working: Promise<void> | null = null

  constructor(open: () => SqliteHandle, timeout: number) {
    this.#open = open
    this.#timeout = timeout
  }

  /** `run` is called inside a transaction, and again when that was given up: it may change the database and nothing else. */
  write<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ run, resolve: resolve as Job['resolve'], reject, until: momentIn(this.#timeout) })
      this.#working ??= this.#work()
    })
  }

  /** Resolves when every write so far has its answer. */
  async settled(): Promise<void> {
    await this.#working
  }

  async #work(): Promise<void> {
    await turn()
    while (this.#queue.length > 0) {
      const busy = this.#commit(this.#queue.splice(0))
      for (const job of busy) {
        if (isPast(job.until)) job.reject(tooLong(this.#timeout))
        else this.#queue.push(job)
      }
      await (busy.length > 0 ? pause() : turn())
    }
    this.#working = null
  }

  /** Settles the jobs, but for those that it answers: they found the database locked, and nothing of them was written. */
  #commit(jobs: readonly Job[]): readonly Job[] {
    try {
      const results = transact(this.#open(), jobs)
      for (const [index, job] of jobs.entries()) job.resolve(results[index])
      return []
    } catch (error) {
      if (isBusy(error)) return jobs
      // One of them is bad, or the disk is: alone, each fails or succeeds for itself.
      if (jobs.length > 1) return jobs.flatMap((job) => this.#commit([job]))
      jobs[0]?.reject(unanswered(error))
      return []
    }
  }
}

function transact(database: SqliteHandle, jobs: readonly Job[]): unknown[] {
  // Outside of the try: when this fails there may be a transaction of the user's, which is not ours to roll back.
  database.exec('BEGIN IMMEDIATE')
  try {
    const results = jobs.map((job) => job.run())
    database.exec('COMMIT')
    return results
  } catch (error) {
    rollback(database)
    throw error
  }
}
