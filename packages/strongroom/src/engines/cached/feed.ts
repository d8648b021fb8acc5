import { setTimeout as wait } from 'node:timers/promises'
import type { Id } from '../../crypto/token.ts'
import type { ChangeFeed } from '../../store.ts'
import type { Doubts } from './doubts.ts'

/** After a refusal, listening is tried again after so many ms, and after twice as many each time, up to the most. */
const PAUSE = 1000
const LONGEST = 30_000

/** Doubts what a durable store tells has changed. It begins to listen when it is first asked to, and goes on until it is ended. */
export class Feed {
  readonly #changes: ChangeFeed
  readonly #doubts: Doubts
  readonly #report: (error: unknown) => void
  readonly #ended = new AbortController()
  #listening: Promise<void> | null = null
  #stop: (() => Promise<void>) | null = null

  constructor(changes: ChangeFeed, doubts: Doubts, report: (error: unknown) => void) {
    this.#changes = changes
    this.#doubts = doubts
    this.#report = report
  }

  start(): void {
    this.#listening ??= this.#listen()
  }

  /** For whoever caches what we answer: told after us, so that reading again does not find our old copy. */
  pass(listener: (id: Id | null) => void): Promise<() => Promise<void>> {
    return this.#changes.listen((id) => {
      this.#doubt(id)
      listener(id)
    })
  }

  async end(): Promise<void> {
    this.#ended.abort()
    await this.#stop?.().catch(this.#report)
    this.#stop = null
  }

  async #listen(): Promise<void> {
    for (let pause = PAUSE; !this.#ended.signal.aborted; pause = Math.min(2 * pause, LONGEST)) {
      try {
        const stop = await this.#changes.listen((id) => this.#doubt(id))
        // Nobody told us of what changed before this moment.
        this.#doubts.raiseAll()
        if (this.#ended.signal.aborted) await stop()
        else this.#stop = stop
        return
      } catch (error) {
        this.#report(error)
      }
      await wait(pause, undefined, { ref: false, signal: this.#ended.signal }).catch(() => undefined)
    }
  }

  #doubt(id: Id | null): void {
    if (id === null) this.#doubts.raiseAll()
    else this.#doubts.raise(id)
  }
}
