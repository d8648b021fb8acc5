import { tooLate, unanswered } from './failure.ts'

/** A call that is under way, in a ring of them: the oldest first. */
class Call {
  earlier: Call = this
  later: Call = this
  readonly endsAt: number
  readonly reject: (error: Error) => void

  constructor(endsAt: number, reject: (error: Error) => void) {
    this.endsAt = endsAt
    this.reject = reject
  }

  joinBefore(head: Call): void {
    this.later = head
    this.earlier = head.earlier
    this.earlier.later = head.earlier = this
  }

  leave(): void {
    this.earlier.later = this.later
    this.later.earlier = this.earlier
    this.earlier = this.later = this
  }
}

interface Hooks {
  /** Calls were not answered in time. */
  late(): void
  /** What is known to be wrong with the connection. */
  trouble(): unknown
}

/**
 * Every call answers or rejects with `StoreError` within `ms`, whatever the client does with it. They all have the same
 * time, so they end in the order they began: one timer for all of them, and none when idle.
 */
export class Limit {
  readonly #ms: number
  readonly #hooks: Hooks
  readonly #head = new Call(Number.POSITIVE_INFINITY, () => undefined)
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number, hooks: Hooks) {
    this.#ms = Math.min(ms, 2 ** 31 - 2)
    this.#hooks = hooks
  }

  ask<T>(question: () => PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const call = new Call(performance.now() + this.#ms, reject)
      if (this.#head.later === this.#head) this.#timer?.ref()
      call.joinBefore(this.#head)
      this.#timer ??= setTimeout(this.#sweep, this.#ms + 1)
      attempt(question).then(
        (answer) => {
          this.#done(call)
          resolve(answer)
        },
        (error) => {
          this.#done(call)
          reject(unanswered(error, this.#hooks.trouble()))
        },
      )
    })
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    const now = performance.now()
    const head = this.#head
    let isLate = false
    while (head.later.endsAt <= now) {
      const late = head.later
      late.leave()
      late.reject(tooLate(this.#ms, this.#hooks.trouble()))
      isLate = true
    }
    if (isLate) this.#hooks.late()
    if (head.later !== head) this.#timer = setTimeout(this.#sweep, head.later.endsAt - now + 1)
  }

  #done(call: Call): void {
    call.leave()
    // Left to run out: starting a timer for every call of a quiet server costs more than one idle sweep.
    if (this.#head.later === this.#head) this.#timer?.unref()
  }
}

/** A client that throws at once, because it is closed or was given what it cannot send, is met here. */
function attempt<T>(question: () => PromiseLike<T>): PromiseLike<T> {
  try {
    return question()
  } catch (error) {
    return Promise.reject(error)
  }
}
