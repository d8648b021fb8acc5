import { asBuffer } from '../../base/bytes.ts'
import { within } from '../../base/time-limit.ts'
import type { Id } from '../../crypto/token.ts'
import {
  type ClearOptions,
  type Clock,
  type CopyKeys,
  type Entry,
  type Found,
  isInProcessMemory,
  type Store,
  type Version,
} from '../../store.ts'
import { pack, unpack } from '../shared/packing.ts'
import type { CircuitBreaker } from './circuit-breaker.ts'
import { NO_KEYS, randomCopyKeys } from './copy-keys.ts'

/** An entry of the durable store as it was at a moment. */
export interface Copy {
  readonly entry: Entry
  readonly version: Version
  /** A moment before the durable store was asked, so that no later change can be in the entry. */
  readonly readAt: number
}

/** What an id's slot in the cache contained, and the cache's own version of it; null when the slot was empty. */
export type Slot = {
  readonly copy: Copy | null
  readonly isTombstone: boolean
  readonly version: Version
  /** Null, unless someone else has put there what it contains. No update can change it. */
  readonly owner: string | null
} | null

/** The calls to the cache, by what is lost when one is given up. */
export interface Breakers {
  /** Reads, and copies of what was read: time. */
  readonly reads: CircuitBreaker
  /** What tells other processes of a change: until `maxAge`, they use the copies that they have. */
  readonly changes: CircuitBreaker
}

/** Ms between reading an empty slot and filling it. A caller that takes longer must not fill it. */
export const FILL_WINDOW = 2000
/**
 * Tombstones and copies live longer than that, so that no slot is seen empty, is filled, and is empty again within the
 * window.
 */
const LIFETIME = 2 * FILL_WINDOW + 1000

const ATTEMPTS = 10

/**
 * The slots of a cache, one for each id. One rule keeps an older copy from replacing a newer one: a caller reads the
 * slot before it asks the durable store, and writes only if the slot has not changed since. The cache's own versions
 * show that, because each change makes a new one. An empty slot has no version, so a change never leaves one empty: it
 * leaves a tombstone.
 *
 * Anyone who can write to the cache can replace what is in a slot. So a copy is authenticated, with the id, its version and the
 * moment at which it was read: what was altered, moved here from another slot or made up counts as no copy. A copy that was
 * put back is genuine, and as old as it says. A tombstone is not authenticated, because it only says that there is no copy.
 */
export class Slots {
  readonly #cache: Store
  readonly #breakers: Breakers
  readonly #clock: Clock
  readonly #maxAge: number
  /** What is being told to the cache, perhaps for longer than anybody waits. */
  readonly #leaving = new Set<Promise<void>>()
  #keys: CopyKeys

  constructor(cache: Store, breakers: Breakers, { clock, maxAge }: { clock: Clock; maxAge: number }) {
    this.#cache = cache
    this.#breakers = breakers
    this.#clock = clock
    this.#maxAge = maxAge
    this.#keys = isInProcessMemory(cache.traits) ? NO_KEYS : randomCopyKeys()
  }

  /** From now on, copies are signed under these keys, and others are no copies. */
  authenticate(keys: CopyKeys): void {
    if (this.#keys !== NO_KEYS) this.#keys = keys
  }

  /** Undefined when the cache could not be asked. */
  read(id: Id): Promise<Slot | undefined> {
    return this.#breakers.reads.run(
      () => this.#cache.read(id),
      (found) => this.#toSlot(id, found),
    )
  }

  /**
   * Immediately, where the cache is in this process. Undefined where it is not, and when it fails, which `read` will
   * report.
   */
  readSync(id: Id): Slot | undefined {
    try {
      const found = this.#cache.readSync?.(id)
      return found === undefined ? undefined : this.#toSlot(id, found)
    } catch {
      return undefined
    }
  }

  /** Puts a copy of what was read if the slot still is as it was seen. */
  async fill(id: Id, seen: Slot, copy: Copy): Promise<void> {
    await this.#put(this.#breakers.reads, id, { seen, copy })
  }

  /** The same after a change. False when the slot is not as it was seen, when there is no key to sign with, and when the cache failed. */
  async replace(id: Id, seen: Slot, copy: Copy): Promise<boolean> {
    return (await this.#put(this.#breakers.changes, id, { seen, copy })) === true
  }

  /** Leaves a tombstone that is younger than this call, if the cache can be reached. */
  async putTombstone(id: Id): Promise<void> {
    await this.#breakers.changes.run(
      () => {
        const leaving = this.#leaveTombstone(id).finally(() => this.#leaving.delete(leaving))
        this.#leaving.add(leaving)
        return leaving
      },
      () => undefined,
    )
  }

  /** Waits, for `ms` at most, until the tombstones that nobody waited for have reached the cache, or failed. */
  async settle(ms: number): Promise<void> {
    if (this.#leaving.size === 0) return
    await within(
      ms,
      () => Promise.allSettled(this.#leaving),
      () => new Error('late'),
    ).catch(() => undefined)
  }

  /** Removes expired copies that the cache has not removed by itself. */
  clearExpired({ batch, signal }: ClearOptions): Promise<void> {
    return this.#breakers.reads.sweep(() => this.#cache.clearExpired({ batch, signal }))
  }

  #toSlot(id: Id, found: Found | null): Slot {
    if (!found) return null
    const { bytes, owner } = found.entry
    if (isTombstone(bytes)) return { copy: null, isTombstone: true, version: found.version, owner }
    const copy = this.#keys.open(id, bytes)
    return { copy: copy && decode(copy), isTombstone: false, version: found.version, owner }
  }

  #put(
    breaker: CircuitBreaker,
    id: Id,
    { seen, copy }: { readonly seen: Slot; readonly copy: Copy },
  ): Promise<boolean | undefined> {
    const bytes = this.#keys.sign(id, encode(copy))
    if (!bytes) return Promise.resolve(false)
    const limit = this.#cache.traits.sizeLimit
    const entry =
      limit !== null && bytes.length > limit
        ? this.#entry(TOMBSTONE, LIFETIME)
        : this.#entry(bytes, Math.max(this.#maxAge, LIFETIME))
    return breaker.run(
      () => this.#compareAndSet(id, seen, entry),
      (done) => done,
    )
  }

  /** All of it within one time limit, or a slow cache would cost several. */
  async #leaveTombstone(id: Id): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const seen = this.#toSlot(id, await this.#cache.read(id))
      // Another caller's, and young enough: it was not there at the first attempt.
      if (attempt > 1 && seen?.isTombstone) return
      if (await this.#compareAndSet(id, seen, this.#entry(TOMBSTONE, LIFETIME))) return
    }
  }

  async #compareAndSet(id: Id, seen: Slot, entry: Entry): Promise<boolean> {
    if (seen === null) return this.#cache.create(id, entry)
    return (await this.#cache.update(id, { ...entry, owner: seen.owner }, seen.version)) !== null
  }

  #entry(bytes: Uint8Array, lifetime: number): Entry {
    const now = this.#clock()
    return { bytes, expiresAt: now + lifetime, owner: null, label: null, createdAt: now }
  }
}

/** The bytes of a tombstone: no copy is here, and a caller that saw the slot empty before has come too late. */
const TOMBSTONE = Uint8Array.of(0)

const isTombstone = (bytes: Uint8Array) => bytes.length === TOMBSTONE.length && bytes[0] === TOMBSTONE[0]

/** readAt as a double, and the packed entry. */
function encode({ entry, version, readAt }: Copy): Uint8Array {
  const moment = Buffer.alloc(8)
  moment.writeDoubleLE(readAt)
  return Buffer.concat([moment, pack(entry, version)])
}

/** Null for anything that is not a copy of this release. The entry's bytes are a view of the given ones. */
function decode(given: Uint8Array): Copy | null {
  if (given.length < 8) return null
  const found = unpack(given, 8)
  return found && { entry: found.entry, version: found.version, readAt: asBuffer(given).readDoubleLE() }
}
