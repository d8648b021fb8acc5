import { setTimeout as wait } from 'node:timers/promises'
import { backoff } from '../../base/retry.ts'
import type { Id } from '../../crypto/token.ts'
import type { ChangeFeed } from '../../store.ts'
import type { Invalidations } from './invalidations.ts'

/** How long to wait before listening is tried again after a failure, in ms. */
const BACKOFF = { first: 1000, most: 30_000 }

/** Invalidates what the durable store reports as changed, from `start` until `stop`. */
export class Feed implements ChangeFeed {
  readonly #changes: ChangeFeed
  readonly #invalidations: Invalidations
  readonly #report: (error: unknown) => void
  readonly #stopped = new AbortController()
  #listening: Promise<void> | null = null
  #stopListening: (() => Promise<void>) | null = null

  constructor(changes: ChangeFeed, invalidations: Invalidations, report: (error: unknown) => void) {
    this.#changes = changes
    this.#invalidations = invalidations
    this.#report = report
  }

  start(): void {
    this.#listening ??= this.#subscribe()
  }

  /** For a cache in front of this one. It is notified after this cache, so that it does not read an outdated copy here. */
  listen(listener: (id: Id | null) => void): Promise<() => Promise<void>> {
    return this.#changes.listen((id) => {
      this.#invalidate(id)
      listener(id)
    })
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#stopListening?.().catch(this.#report)
    this.#stopListening = null
  }

  async #subscribe(): Promise<void> {
    const { signal } = this.#stopped
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        const stop = await this.#changes.listen((id) => this.#invalidate(id))
        // Earlier changes were not reported.
        this.#invalidations.addAll()
        if (signal.aborted) await stop()
        else this.#stopListening = stop
        return
      } catch (error) {
        this.#report(error)
      }
      await wait(backoff(failures, BACKOFF), undefined, { ref: false, signal }).catch(() => undefined)
    }
  }

  #invalidate(id: Id | null): void {
    if (id === null) this.#invalidations.addAll()
    else this.#invalidations.add(id)
  }
}
