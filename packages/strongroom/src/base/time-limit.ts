import { isWorker } from './worker.ts'

/** The most ms that a timer can count. With more, Node fires immediately. */
export const LONGEST_TIMER = 2 ** 31 - 2

/** A pending call, in a ring of them, the oldest first. One that is over points only to itself. */
class Call {
  earlier: Call = this
  later: Call = this
  over = false
  readonly endsAt: number
  readonly failed: (error: unknown) => void

  constructor(endsAt: number, failed: (error: unknown) => void) {
    this.endsAt = endsAt
    this.failed = failed
  }

  joinBefore(head: Call): void {
    this.later = head
    this.earlier = head.earlier
    this.earlier.later = head.earlier = this
  }

  /** False if it was over before. */
  leave(): boolean {
    if (this.over) return false
    this.over = true
    this.earlier.later = this.later
    this.later.earlier = this.earlier
    this.earlier = this.later = this
    return true
  }
}

/**
 * One time limit for many calls, which become late in the order in which they began: one timer for all of them, and none when
 * idle. (A ring, not a Set: V8 keeps what a busy Set held before it grew until the next full collection, requests included.)
 */
export class TimeLimit {
  readonly #ms: number
  readonly #makeError: () => Error
  readonly #onLate: () => void
  readonly #head = new Call(Number.POSITIVE_INFINITY, () => undefined)
  #timer: NodeJS.Timeout | undefined

  /** `ms` for each call. `onLate` is called once for all calls that are found late together. */
  constructor(ms: number, makeError: () => Error, onLate: () => void = () => undefined) {
    this.#ms = Math.min(ms, LONGEST_TIMER)
    this.#makeError = makeError
    this.#onLate = onLate
  }

  /** The result of the call; rejects with its error, or with that of the time limit, as `asError` returns it. */
  call<T>(make: () => PromiseLike<T>, asError: (error: unknown) => unknown = (error) => error): Promise<T> {
    return new Promise((resolve, reject) => this.run(make, resolve, (error) => reject(asError(error))))
  }

  /** Calls one of the two, once, with the result or an error: at the limit at the latest. */
  run<T>(make: () => PromiseLike<T>, resolved: (result: T) => void, failed: (error: unknown) => void): void {
    // The timer of another request may have ended with that request, and would never be set again.
    if (isWorker) {
      within(this.#ms, make, this.#makeError, this.#onLate).then(resolved, failed)
      return
    }
    const call = new Call(performance.now() + this.#ms, failed)
    if (this.#head.later === this.#head) this.#timer?.ref()
    call.joinBefore(this.#head)
    this.#timer ??= setTimeout(() => this.#watch(), this.#ms + 1)
    attempt(make).then(
      (result) => {
        if (this.#ends(call)) resolved(result)
      },
      (error) => {
        if (this.#ends(call)) failed(error)
      },
    )
  }

  #ends(call: Call): boolean {
    const first = call.leave()
    // The timer is left running: starting one for every call of a quiet process costs more than one idle check.
    if (this.#head.later === this.#head) this.#timer?.unref()
    return first
  }

  #watch(): void {
    const now = performance.now()
    if (this.#head.later.endsAt <= now) setImmediate(() => this.#sweep(now))
    else this.#again(now)
  }

  /** One turn after they were found late: in a busy process, timers are due before what arrived in time has been read. */
  #sweep(now: number): void {
    let any = false
    while (this.#head.later.endsAt <= now) {
      const late = this.#head.later
      late.leave()
      late.failed(this.#makeError())
      any = true
    }
    if (any) this.#onLate()
    this.#again(performance.now())
  }

  #again(now: number): void {
    const { later } = this.#head
    this.#timer =
      later === this.#head ? undefined : setTimeout(() => this.#watch(), Math.max(later.endsAt - now, 0) + 1)
  }
}

/** A time limit for many calls, each of which resolves to its result. */
export type CallLimit = Pick<TimeLimit, 'call'>

export type LimitOf = (ms: number, makeError: () => Error) => CallLimit

export const limitOf: LimitOf = (ms, makeError) => new TimeLimit(ms, makeError)

/** For a Worker, where `TimeLimit` has a timer for each call, too: without the ring of calls, which no bundle there has to have. */
export const limitEach: LimitOf = (ms, makeError) => ({
  call: (make, asError = (error) => error) =>
    within(ms, make, makeError).catch((error) => {
      throw asError(error)
    }),
})

/** Turns an exception, and a result that is not a promise, into a promise. */
function attempt<T>(call: () => PromiseLike<T>): Promise<T> {
  try {
    return Promise.resolve(call())
  } catch (error) {
    return Promise.reject(error)
  }
}

/**
 * One call with a time limit of its own, in ms: rejects with `tooLate()` when it takes longer. `late` is called just before
 * that, to give back or cut what the call still holds. For many calls with the same limit, `TimeLimit` is cheaper.
 */
export function within<T>(ms: number, call: () => PromiseLike<T>, tooLate: () => Error, late?: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        late?.()
        reject(tooLate())
      },
      Math.min(ms, LONGEST_TIMER),
    )
    attempt(call)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}
