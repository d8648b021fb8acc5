import { randomInt } from 'node:crypto'
import type { Awaitable } from '../base/awaitable.ts'
import type { Emit } from '../events.ts'
import type { Store } from '../store.ts'

export interface SweeperSettings {
  /** Null where nothing has to be removed: the store does that by itself, or there is none. */
  readonly store: Store | null
  /** Forgets what this process remembers of expired sessions, copies of them included. */
  readonly forget: (signal: AbortSignal) => Awaitable<void>
  /** Ms between two runs, give or take a tenth. */
  readonly every: number
  readonly emit: Emit
}

/** Stores that are being swept by this process: two `createSessions` on one store must not do the work twice in parallel. */
const busy = new WeakSet<Store>()

/**
 * Clears expired sessions at intervals, in the background: the timer does not keep the process alive, nobody waits for a run,
 * and a run that fails is reported as an event and does not stop the next one.
 */
export class Sweeper {
  readonly #settings: SweeperSettings
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout
  #running: Promise<void> | null = null

  constructor(settings: SweeperSettings) {
    this.#settings = settings
    // Spread wide: nodes that are deployed together must not sweep together, and one that is restarted often must sweep at all.
    this.#timer = later(this, between(settings.every, 0.1, 1))
  }

  /** What the timer calls. */
  fire(): void {
    this.#timer = later(this, between(this.#settings.every, 0.9, 1.1))
    this.#running ??= this.#run().finally(() => {
      this.#running = null
    })
  }

  /** Stops a run between two batches, waits for it, and starts no other. */
  async close(): Promise<void> {
    this.#stop.abort()
    clearTimeout(this.#timer)
    await this.#running
  }

  async #run(): Promise<void> {
    const { store, forget, emit } = this.#settings
    // In every process, whichever of them sweeps the store.
    await this.#reported(async () => forget(this.#stop.signal))
    if (!store || this.#stop.signal.aborted || busy.has(store)) return
    busy.add(store)
    await this.#reported(async (began) => {
      const clear = () => store.clearExpired({ signal: this.#stop.signal })
      const count = store.tryWithLock ? await store.tryWithLock('sweep', clear) : await clear()
      if (count !== null) emit({ type: 'cleared', count }, { began })
    }).finally(() => busy.delete(store))
  }

  /** Nobody waits for a run, so nobody else would hear of its failure. */
  async #reported(work: (began: number | undefined) => Promise<void>): Promise<void> {
    const { emit } = this.#settings
    const began = emit.now()
    try {
      await work(began)
    } catch (given) {
      const error = given instanceof Error ? given : new Error('The store failed to sweep.')
      emit({ type: 'storeError', error }, { began })
    }
  }
}

/** Outside the class, with a weak reference: a timer that is set for an hour must not keep sessions in memory that are no longer used. */
function later(sweeper: Sweeper, ms: number): NodeJS.Timeout {
  const weak = new WeakRef(sweeper)
  return setTimeout(() => weak.deref()?.fire(), ms).unref()
}

function between(every: number, least: number, most: number): number {
  return Math.round(every * (least + ((most - least) * randomInt(1001)) / 1000))
}
