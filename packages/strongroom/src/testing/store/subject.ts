import { randomBytes } from 'node:crypto'
import { it } from 'node:test'
import type { Id } from '../../crypto/token.ts'
import type { Entry, Store } from '../../store.ts'
import type { ManualClock } from '../clock.ts'

/** A store under test with nothing in it, and what a test may do to the world around it. */
export interface Subject {
  readonly store: Store
  /** The clock that the store was given. */
  readonly clock: ManualClock
  /** Another handle on the same data and the same clock, such as another process would have. */
  readonly peer?: () => Promise<Store>
  /** A store with other data beside this one: another prefix, table or directory in the same place. */
  readonly apart?: () => Promise<Store>
  /** Makes the backend fail or hang for good. */
  readonly breakIt?: () => Promise<void>
  /** Ends everything, the store too, and leaves nothing behind. */
  close(): Promise<void>
}

/** Makes a fresh subject; called once for each property. */
export type StoreFactory = () => Promise<Subject>

/** What the physics of a backend allow. No knob turns a property off. */
export interface StoreKnobs {
  /** Deadlines are kept to this many ms (default 1). The store's traits must say the same. */
  readonly granularity?: number
  /** Ms in which every call answers or rejects, broken backend or not (default 10 000). */
  readonly answersWithin?: number
}

export interface Given extends Subject {
  /** The smallest step of time that this store can tell. */
  readonly tick: number
  readonly answersWithin: number
  /** States that, and why, a property cannot be asked of this store. */
  skip(reason: string): void
  /** A live entry with these fields: an hour to live, no owner and no label unless told otherwise. */
  entry(fields?: Partial<Entry>): Entry
}

export type Property = (title: string, check: (given: Given) => Promise<void>) => void

/** Every property gets a subject of its own, which is ended whatever becomes of the check. */
export function propertyOf(factory: StoreFactory, knobs: StoreKnobs): Property {
  const { granularity: tick = 1, answersWithin = 10_000 } = knobs
  return (title, check) => {
    it(title, { timeout: 120_000 }, async (test) => {
      const subject = await factory()
      const { clock } = subject
      clock.set(Math.ceil(clock() / tick) * tick)
      const entry = (fields: Partial<Entry> = {}) => newEntry(clock(), fields)
      try {
        await check({ ...subject, tick, answersWithin, entry, skip: (reason) => test.skip(reason) })
      } finally {
        await subject.close()
      }
    })
  }
}

function newEntry(now: number, fields: Partial<Entry>): Entry {
  return { bytes: bytes('a session'), expiresAt: now + HOUR, owner: null, label: null, createdAt: now, ...fields }
}

export const HOUR = 3_600_000
export const DAY = 24 * HOUR

/** A fresh id, as good as any. */
export function newId(): Id {
  return randomBytes(32).toString('hex') as Id
}

/** A fresh blind tag of an owner. */
export function newOwner(): string {
  return randomBytes(32).toString('hex')
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** One of each byte value. */
export function everyByte(): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, value) => value)
}

/** Puts so many entries, a few at a time, and answers their ids. */
export async function fill(store: Store, count: number, entry: (index: number) => Entry): Promise<Id[]> {
  const ids = Array.from({ length: count }, newId)
  for (let at = 0; at < count; at += 16) {
    await Promise.all(ids.slice(at, at + 16).map((id, index) => store.create(id, entry(at + index))))
  }
  return ids
}
