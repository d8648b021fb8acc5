import { TimeLimit } from '../../base/time-limit.ts'
import { StoreError } from '../../errors.ts'

/** After a failure the cache is left alone for so many ms, and for twice as many after each further one, up to the most. */
const PAUSE = 100
const LONGEST = 10_000
const LONGEST_SWEEP = 60_000

/**
 * Calls of a cache that nobody has to wait for: each is given up after `limit` ms, and after a failure none are made for a
 * while, so that a dead cache costs one time limit now and then and not one for every request.
 */
export class Patience {
  readonly #limit: TimeLimit
  readonly #report: (error: unknown) => void
  #failures = 0
  #closedUntil = 0
  #probing = false

  constructor(limit: number, report: (error: unknown) => void) {
    this.#limit = new TimeLimit(limit, () => new StoreError(`The session cache did not answer within ${limit} ms.`))
    this.#report = report
  }

  /** What is made of the answer; or undefined when there is none: then it failed, which was reported, or it was not asked. */
  ask<T, R>(call: () => Promise<T>, use: (answer: T) => R): Promise<R | undefined> {
    if (this.#failures > 0 && !this.#mayProbe()) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const failed = (error: unknown) => {
        this.#fail()
        this.#report(error)
        resolve(undefined)
      }
      const answered = (answer: T) => {
        try {
          resolve(use(answer))
        } catch (error) {
          // An answer that is none.
          return failed(error)
        }
        this.#failures = 0
        this.#probing = false
      }
      this.#limit.run(call, answered, failed)
    })
  }

  /** As long as a sweep may take; whether it succeeds says nothing of how requests fare. */
  sweep(call: () => Promise<unknown>): Promise<void> {
    const limit = new TimeLimit(LONGEST_SWEEP, () => new StoreError('The session cache was not cleared in time.'))
    return new Promise((resolve) => {
      const failed = (error: unknown) => {
        this.#report(error)
        resolve()
      }
      limit.run(call, () => resolve(), failed)
    })
  }

  /** Of those who find a pause just over, the first one tries, and the others go on without. */
  #mayProbe(): boolean {
    if (this.#probing || performance.now() < this.#closedUntil) return false
    this.#probing = true
    return true
  }

  #fail(): void {
    // Those that were under way when the first one failed tell nothing new.
    if (this.#failures > 0 && !this.#probing) return
    this.#probing = false
    this.#failures += 1
    this.#closedUntil = performance.now() + Math.min(PAUSE * 2 ** (this.#failures - 1), LONGEST)
  }
}
