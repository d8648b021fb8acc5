import { randomInt } from 'node:crypto'
import type { Emit } from '../events.ts'
import type { Store } from '../store.ts'

export interface SweeperSettings {
  readonly store: Store
  /** Ms between two runs, give or take a tenth. */
  readonly every: number
  readonly emit: Emit
}

/** Stores that somebody in this process is sweeping: two `createSessions` on one store must not do the work twice at once. */
const busy = new WeakSet<Store>()

/**
 * Clears what has expired, again and again, beside everything else that the process does: the timer keeps no process alive,
 * nobody waits for a run, and a run that fails is an event and not the last one.
 */
export class Sweeper {
  readonly #settings: SweeperSettings
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout
  #running: Promise<void> | null = null

  constructor(settings: SweeperSettings) {
    this.#settings = settings
    // Spread wide: nodes that are deployed together must not sweep together, and one that is restarted often still sweeps.
    this.#timer = later(this, between(settings.every, 0.1, 1))
  }

  /** What the timer calls. */
  fire(): void {
    this.#timer = later(this, between(this.#settings.every, 0.9, 1.1))
    this.#running ??= this.#run().finally(() => {
      this.#running = null
    })
  }

  /** Stops a run between two batches, waits for that, and starts none again. */
  async close(): Promise<void> {
    this.#stop.abort()
    clearTimeout(this.#timer)
    await this.#running
  }

  async #run(): Promise<void> {
    const { store, emit } = this.#settings
    if (busy.has(store)) return
    busy.add(store)
    try {
      const clear = () => store.clearExpired({ signal: this.#stop.signal })
      const count = store.tryWithLock ? await store.tryWithLock('sweep', clear) : await clear()
      if (count !== null) emit({ type: 'cleared', count })
    } catch (error) {
      emit({ type: 'storeError', error: error instanceof Error ? error : new Error('The store failed to sweep.') })
    } finally {
      busy.delete(store)
    }
  }
}

/** Outside of the class, and by a weak reference: a timer that is set for an hour must not keep forgotten sessions in memory. */
function later(sweeper: Sweeper, ms: number): NodeJS.Timeout {
  const weak = new WeakRef(sweeper)
  return setTimeout(() => weak.deref()?.fire(), ms).unref()
}

function between(every: number, least: number, most: number): number {
  return Math.round(every * (least + ((most - least) * randomInt(1001)) / 1000))
}
