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
  readonly #limit: number
  readonly #report: (error: unknown) => void
  #failures = 0
  #closedUntil = 0
  #probing = false

  constructor(limit: number, report: (error: unknown) => void) {
    this.#limit = limit
    this.#report = report
  }

  /** The answer, or null when there is none: then it failed, which was reported, or it was not even asked. */
  async ask<T>(call: () => Promise<T>): Promise<{ readonly answer: T } | null> {
    if (this.#failures > 0 && !this.#mayProbe()) return null
    try {
      const answer = await this.#inTime(call)
      this.#failures = 0
      this.#probing = false
      return { answer }
    } catch (error) {
      this.#fail()
      this.#report(error)
      return null
    }
  }

  /** As long as a sweep may take; whether it succeeds says nothing of how requests fare. */
  async sweep(call: () => Promise<unknown>): Promise<void> {
    await this.#inTime(call, LONGEST_SWEEP).catch(this.#report)
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

  #inTime<T>(call: () => Promise<T>, limit = this.#limit): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // A busy process finds its timers due before it has read what came in time: those get one more turn.
      const late = () => setImmediate(reject, tooLate(limit))
      const timer = setTimeout(late, limit)
      // Async, so that a cache that throws at once is met here as well.
      const made = async () => call()
      made()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer))
    })
  }
}

const tooLate = (limit: number) => new StoreError(`The session cache did not answer within ${limit} ms.`)
