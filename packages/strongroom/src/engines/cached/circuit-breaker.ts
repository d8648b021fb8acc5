import { backoff, isPast, momentIn } from '../../base/retry.ts'
import { TimeLimit, within } from '../../base/time-limit.ts'
import { StoreError } from '../../errors.ts'

/** How long the cache is left alone after a failure, in ms. */
const BACKOFF = { first: 100, most: 10_000 }
const SWEEP_LIMIT = 60_000

/**
 * Ms within which a cache that nothing was sent to before is being connected to: its client is loaded, and its configuration read. A
 * call that comes too late meanwhile tells of no failure.
 */
export const CONNECT_LIMIT = 1000

/** What a time limit rejects with here. Nobody else sees it. */
const LATE = new Error('late')

export interface BreakerOptions {
  /** Ms for a call. */
  readonly limit: number
  /** Ms for a call while the cache is being connected to. */
  readonly whileConnecting: number
  readonly report: (error: unknown) => void
}

interface Limit {
  readonly ms: number
  readonly timed: TimeLimit
}

const limitOf = (ms: number): Limit => ({ ms, timed: new TimeLimit(ms, () => LATE) })

/**
 * Calls to a cache that no request depends on. Each is given up after `limit` ms. After a failure no calls are made for
 * a while, so that a dead cache costs one time limit now and then, and not one for every request.
 */
export class CircuitBreaker {
  readonly #limit: Limit
  readonly #connectingLimit: Limit
  readonly #report: (error: unknown) => void
  #failures = 0
  #openUntil = 0
  #probing = false
  /** Has any call been answered yet, if only by an error? */
  #isReached = false
  #connectingUntil: number | null = null

  constructor({ limit, whileConnecting, report }: BreakerOptions) {
    this.#limit = limitOf(limit)
    this.#connectingLimit = limitOf(whileConnecting)
    this.#report = report
  }

  /**
   * Resolves to what `use` makes of the result. Undefined when there is none: the call failed and was reported, was not made, or has
   * come too late. What came too late goes on all the same.
   */
  run<T, R>(call: () => Promise<T>, use: (result: T) => R): Promise<R | undefined> {
    if (this.#failures > 0 && !this.#mayProbe()) return Promise.resolve(undefined)
    const { ms, timed } = this.#isConnecting() ? this.#connectingLimit : this.#limit
    return new Promise((resolve) => {
      const failed = (error: unknown) => {
        this.#fail()
        if (error !== LATE) this.#isReached = true
        // A process that has just started would warn of a cache that is well.
        if (!this.#isConnecting())
          this.#report(error === LATE ? new StoreError(`The session cache did not answer within ${ms} ms.`) : error)
        resolve(undefined)
      }
      const succeeded = (result: T) => {
        this.#isReached = true
        try {
          resolve(use(result))
        } catch (error) {
          // The cache returned something invalid.
          return failed(error)
        }
        this.#failures = 0
        this.#probing = false
      }
      timed.run(call, succeeded, failed)
    })
  }

  /** For a sweep, which may take longer: whether it succeeds says nothing about how requests fare. */
  async sweep(call: () => Promise<unknown>): Promise<void> {
    const tooLate = () => new StoreError(`The session cache was not cleared within ${SWEEP_LIMIT} ms.`)
    await within(SWEEP_LIMIT, call, tooLate).catch(this.#report)
  }

  /** From the first call until one is answered, for `CONNECT_LIMIT` at most. */
  #isConnecting(): boolean {
    if (this.#isReached) return false
    this.#connectingUntil ??= momentIn(CONNECT_LIMIT)
    return !isPast(this.#connectingUntil)
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
