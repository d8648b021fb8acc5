import { it } from 'node:test'
import type { Entry, Store } from '../../store.ts'
import type { ManualClock } from '../clock.ts'
import { newEntry } from './entries.ts'

/** An empty store to be tested, and what a test may do to its environment. */
export interface StoreUnderTest {
  readonly store: Store
  /** The clock that the store was given. */
  readonly clock: ManualClock
  /** Opens another handle on the same data with the same clock, as another process would. */
  readonly peer?: () => Promise<Store>
  /** Opens a store with other data in the same place: under another prefix, or in another table or directory. */
  readonly sibling?: () => Promise<Store>
  /** Makes the backend fail or hang, and leaves it so. */
  readonly breakBackend?: () => Promise<void>
  /** Closes everything, including the store, and leaves nothing behind. */
  close(): Promise<void>
}

/** Makes a new, empty store to be tested. Called once for each property. */
export type StoreFactory = () => Promise<StoreUnderTest>

/** What a backend is physically able to do. No option turns a property off. */
export interface StoreSuiteOptions {
  /** Deadlines are accurate to this many ms (default 1). The store's traits must say the same. */
  readonly granularity?: number
  /** Every call must resolve or reject within this many ms, even when the backend is broken (default 10 000). */
  readonly timeout?: number
}

/** What a property is given to check. */
export interface Given extends StoreUnderTest {
  /** The smallest step of time that this store can tell. */
  readonly tick: number
  readonly timeout: number
  /** Reports that this property does not apply to this store, and why. */
  skip(reason: string): void
  /** A live entry with these fields: an hour to live, no owner and no label by default. */
  entry(fields?: Partial<Entry>): Entry
}

export type Property = (title: string, check: (given: Given) => Promise<void>) => void

/** Every property gets a store of its own, which is closed whether the check passes or fails. */
export function propertyOf(factory: StoreFactory, options: StoreSuiteOptions): Property {
  const { granularity: tick = 1, timeout = 10_000 } = options
  return (title, check) => {
    it(title, { timeout: 120_000 }, async (test) => {
      const checkOn = async (subject: StoreUnderTest, store: Store) => {
        const { clock } = subject
        clock.set(Math.ceil(clock() / tick) * tick)
        const entry = (fields?: Partial<Entry>) => newEntry(clock(), fields)
        try {
          await check({ ...subject, store, tick, timeout, entry, skip: (reason) => test.skip(reason) })
        } finally {
          await subject.close()
        }
      }
      const subject = await factory()
      await checkOn(subject, subject.store)
      if (!subject.store.updateSync) return
      const again = await factory()
      await checkOn(again, updatingSynchronously(again.store))
    })
  }
}

/** The same store, whose updates are made by `updateSync` where that can: whatever holds for one must hold for the other. */
function updatingSynchronously(store: Store): Store {
  const update: Store['update'] = async (id, entry, version) => {
    const done = store.updateSync?.(id, entry, version)
    return done === undefined ? store.update(id, entry, version) : done
  }
  return new Proxy(store, {
    get(target, name) {
      if (name === 'update') return update
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
