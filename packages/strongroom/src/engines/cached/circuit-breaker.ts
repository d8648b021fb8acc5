import { backoff, isPast, momentIn } from '../../base/retry.ts'
import { TimeLimit, within } from '../../base/time-limit.ts'
import { StoreError } from '../../errors.ts'

/** How long the cache is left alone after a failure, in ms. */
const BACKOFF = { first: 100, most: 10_000 }
const SWEEP_LIMIT = 60_000

/**
 * Calls to a cache that no request depends on. Each is given up after `limit` ms. After a failure no calls are made for
 * a while, so that a dead cache costs one time limit now and then, and not one for every request.
 */
export class CircuitBreaker {
  readonly #limit: TimeLimit
  readonly #report: (error: unknown) => void
  #failures = 0
  #openUntil = 0
  #probing = false

  constructor(limit: number, report: (error: unknown) => void) {
    this.#limit = new TimeLimit(limit, () => new StoreError(`The session cache did not answer within ${limit} ms.`))
    this.#report = report
  }

  /**
   * Resolves to what `use` makes of the result. Undefined when there is none: the call failed and was reported, or was
   * not made.
   */
  run<T, R>(call: () => Promise<T>, use: (result: T) => R): Promise<R | undefined> {
    if (this.#failures > 0 && !this.#mayProbe()) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const failed = (error: unknown) => {
        this.#fail()
        this.#report(error)
        resolve(undefined)
      }
      const succeeded = (result: T) => {
        try {
          resolve(use(result))
        } catch (error) {
          // The cache returned something invalid.
          return failed(error)
        }
        this.#failures = 0
        this.#probing = false
      }
      this.#limit.run(call, succeeded, failed)
    })
  }

  /** For a sweep, which may take longer: whether it succeeds says nothing about how requests fare. */
  async sweep(call: () => Promise<unknown>): Promise<void> {
    const tooLate = () => new StoreError(`The session cache was not cleared within ${SWEEP_LIMIT} ms.`)
    await within(SWEEP_LIMIT, call, tooLate).catch(this.#report)
  }

  /** When the wait is over, the first call is made, and the others still go without the cache. */
  #mayProbe(): boolean {
    if (this.#probing || !isPast(this.#openUntil)) return false
    this.#probing = true
    return true
  }

  #fail(): void {
    // Calls that were under way when the first one failed tell nothing new.
    if (this.#failures > 0 && !this.#probing) return
    this.#probing = false
    this.#failures += 1
    this.#openUntil = momentIn(backoff(this.#failures, BACKOFF))
  }
}
