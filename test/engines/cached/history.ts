import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import fc from 'fast-check'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { cached } from '../../../packages/strongroom/src/engines/cached/cached.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import type { Store } from '../../../packages/strongroom/src/store.ts'
import { type ManualClock, manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { bytes, HOUR } from '../../../packages/strongroom/src/testing/store/entries.ts'
import { ID, OWNER, plain } from './interleavings.ts'
import { type Gate, inOrder } from './schedules.ts'

const MAX_AGE = 1000
const verb = fc.constantFrom('read', 'read', 'write', 'touch in', 'touch out', 'delete', 'wait')
/** Each task makes its calls one after another, on one of the nodes. */
const task = fc.record({ node: fc.nat({ max: 2 }), verbs: fc.array(verb, { minLength: 1, maxLength: 5 }) })
type Task = typeof task extends fc.Arbitrary<infer T> ? T : never

/** The state of the session from a moment on. */
interface Moment {
  readonly truth: ReturnType<typeof plain>
  readonly changed: readonly ('text' | 'until')[]
  readonly at: number
  /** Which cache the writer wrote to. The nodes that share it must know of the change once the writer has its result. */
  readonly cache: number
  acknowledgedAt: number
}

/**
 * Two nodes with a shared cache and one with its own, over one durable store, in random orders of all steps. What a read
 * returns was true at some moment between the end of the read and the last change that its cache was told of, or `maxAge`
 * before the read began.
 */
export async function readsAreNeverTooOld(): Promise<void> {
  const choices = fc.array(fc.nat({ max: 1000 }), { minLength: 200, maxLength: 200 })
  await fc.assert(
    fc.asyncProperty(fc.array(task, { minLength: 2, maxLength: 4 }), choices, async (tasks, chosen) => {
      let at = 0
      const choose = (count: number) => (chosen[at++ % 200] as number) % count
      await inOrder((gate) => fixture(gate, tasks), choose)
    }),
    { numRuns: 250 },
  )
}

async function fixture(gate: Gate, given: readonly Task[]) {
  const clock = manualClock()
  const history = new History(clock)
  const caches = [memory({ clock, evicts: true, max: 9 }), memory({ clock, evicts: true, max: 9 })] as const
  const nodes = ([0, 0, 1] as const).map((which, index) => {
    const durable = gate.around(history.recorded(which))
    const inner = caches[which]
    // The first waits for its cache, as if it were on another machine. The others have theirs in memory.
    const cache = { ...gate.around(inner), ...(index > 0 && { readSync: (id: Id) => inner.readSync?.(id) }) }
    return { which, store: cached({ durable, cache, clock, maxAge: MAX_AGE }) }
  })
  await history.begin()

  async function call(name: string, { which, store }: (typeof nodes)[0], text: string): Promise<void> {
    if (name === 'wait') return void clock.advance(400)
    if (name === 'read') return void (await history.read(store, which))
    if (name === 'write') {
      const found = await history.read(store, which)
      if (found) await history.change(() => store.update(ID, entry(clock, text), found.version))
      return
    }
    if (name === 'delete') return void (await history.change(() => store.delete(ID)))
    const found = await history.read(store, which)
    const until = clock() + (name === 'touch in' ? HOUR / 2 : 2 * HOUR)
    if (found) await history.change(() => store.touch(ID, until, found.version))
  }

  return {
    tasks: given.map(({ node, verbs }, task) => async () => {
      for (const [at, name] of verbs.entries()) await call(name, nodes[node] as (typeof nodes)[0], `${task}.${at}`)
    }),
    step: () => void clock.advance(1),
    check: async () => {
      for (const { which, store } of nodes) await history.read(store, which)
    },
  }
}

const entry = (clock: ManualClock, text: string) => {
  return { bytes: bytes(text), expiresAt: clock() + HOUR, owner: OWNER, label: null, createdAt: clock() }
}

class History {
  readonly #clock: ManualClock
  readonly #durable: Store
  readonly #moments: Moment[] = []
  readonly #made = new AsyncLocalStorage<Moment[]>()

  constructor(clock: ManualClock) {
    this.#clock = clock
    this.#durable = memory({ clock, max: 9 })
  }

  async begin(): Promise<void> {
    await this.#durable.create(ID, entry(this.#clock, 'first'))
    await this.#note(0)
  }

  /** The durable store, with a record of every change. */
  recorded(cache: number): Store {
    const store = this.#durable
    const noted = async <T>(change: Promise<T>) => {
      const result = await change
      await this.#note(cache)
      return result
    }
    return {
      traits: store.traits,
      create: (id, entry) => noted(store.create(id, entry)),
      read: (id) => store.read(id),
      update: (id, entry, version) => noted(store.update(id, entry, version)),
      touch: (id, expiresAt, version) => noted(store.touch(id, expiresAt, version)),
      delete: (id, version) => noted(store.delete(id, version)),
      clearExpired: () => store.clearExpired(),
      close: () => store.close(),
    }
  }

  async change(call: () => Promise<unknown>): Promise<void> {
    const made: Moment[] = []
    await this.#made.run(made, call)
    for (const moment of made) moment.acknowledgedAt = this.#clock()
  }

  async read(store: Store, cache: number) {
    const began = this.#clock()
    const immediate = store.readSync?.(ID)
    const found = immediate === undefined ? await store.read(ID) : immediate
    // One by one: a touch moves the deadline of a copy whose bytes a node with another cache may have changed since.
    for (const part of ['text', 'until'] as const) {
      const known = this.#moments.findLastIndex(
        ({ changed, at, ...moment }) =>
          changed.includes(part) &&
          ((moment.cache === cache && moment.acknowledgedAt < began) || at <= began - MAX_AGE),
      )
      const possible = this.#moments.slice(Math.max(known, 0)).map(({ truth }) => truth?.[part])
      assert.ok(
        possible.includes(plain(found)?.[part]),
        `${JSON.stringify(plain(found))}: none of ${possible.join(' ')}`,
      )
    }
    return found
  }

  async #note(cache: number): Promise<void> {
    const truth = plain(await this.#durable.read(ID))
    const before = this.#moments.at(-1)?.truth
    const changed = (['text', 'until'] as const).filter((part) => truth?.[part] !== before?.[part])
    if (changed.length === 0) return
    const moment = { truth, changed, at: this.#clock(), cache, acknowledgedAt: Number.POSITIVE_INFINITY }
    this.#moments.push(moment)
    this.#made.getStore()?.push(moment)
  }
}
