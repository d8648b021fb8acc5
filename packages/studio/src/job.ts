import { setTimeout as wait } from 'node:timers/promises'

export interface Done<T> {
  readonly value: T
  readonly at: Date
  /** How long it took. */
  readonly ms: number
}

/**
 * Work that costs the store something, and is therefore done when an operator asks for it, and never twice in parallel: a page that is
 * loaded again while it runs waits for the same run.
 */
export class Job<T> {
  readonly #work: () => Promise<T>
  #running: Promise<void> | null = null
  #last: Done<T> | null = null
  #error: unknown = null

  constructor(work: () => Promise<T>) {
    this.#work = work
  }

  get isRunning(): boolean {
    return this.#running !== null
  }

  get last(): Done<T> | null {
    return this.#last
  }

  /** Of the last run; null when it succeeded. */
  get error(): unknown {
    return this.#error
  }

  /** Begins a run unless one is under way. Resolves when it is over, and in any case after `limit` ms. */
  async run(limit: number): Promise<void> {
    this.#running ??= this.#once().finally(() => {
      this.#running = null
    })
    await within(this.#running, limit)
  }

  async #once(): Promise<void> {
    const began = Date.now()
    try {
      const value = await this.#work()
      this.#last = { value, at: new Date(), ms: Date.now() - began }
      this.#error = null
    } catch (error) {
      this.#error = error
    }
  }
}

/** Resolves when the work is over, and in any case after `limit` ms. */
export async function within(work: Promise<unknown>, limit: number): Promise<void> {
  const stop = new AbortController()
  const enough = wait(limit, undefined, { signal: stop.signal }).catch(() => undefined)
  await Promise.race([work, enough])
  stop.abort()
}
