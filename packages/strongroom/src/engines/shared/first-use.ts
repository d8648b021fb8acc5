import { within } from '../../base/time-limit.ts'

/** A check before the first use: one for all calls that wait for it, and another one, for the next call, when it failed. */
export class FirstUse {
  readonly #check: () => Promise<unknown>
  readonly #limit: number
  readonly #tooLate: (limit: number) => Error
  #isChecked = false
  #checking: Promise<void> | null = null

  /** `limit` is that of a call, in ms. The check itself may take longer. */
  constructor(check: () => Promise<unknown>, limit: number, tooLate: (limit: number) => Error) {
    this.#check = check
    this.#limit = limit
    this.#tooLate = tooLate
  }

  /** Runs the call after the check. Both together have the time limit of one call, and what was given up is not sent afterwards. */
  before<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isChecked) return call()
    let isLate = false
    const checkAndCall = async () => {
      await this.passed()
      if (isLate) throw this.#tooLate(this.#limit)
      return call()
    }
    const giveUp = () => {
      isLate = true
    }
    return within(this.#limit, checkAndCall, () => this.#tooLate(this.#limit), giveUp)
  }

  /** For what takes longer than a call. */
  async passed(): Promise<void> {
    if (this.#isChecked) return
    this.#checking ??= this.#check().then(
      () => {
        this.#isChecked = true
      },
      (error) => {
        this.#checking = null
        throw error
      },
    )
    await this.#checking
  }
}
