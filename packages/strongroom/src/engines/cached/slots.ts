import { asBuffer } from '../../base/bytes.ts'
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
  readonly #breaker: CircuitBreaker
  readonly #clock: Clock
  readonly #maxAge: number
  #keys: CopyKeys

  constructor(cache: Store, breaker: CircuitBreaker, { clock, maxAge }: { clock: Clock; maxAge: number }) {
    this.#cache = cache
    this.#breaker = breaker
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
    return this.#breaker.run(
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

  /**
   * Writes a copy if the slot still is as it was seen. False when it is not, or when there is no key to sign it with; undefined
   * when the cache could not be asked.
   */
  put(id: Id, seen: Slot, copy: Copy): Promise<boolean | undefined> {
    const bytes = this.#keys.sign(id, encode(copy))
    if (!bytes) return Promise.resolve(false)
    const limit = this.#cache.traits.sizeLimit
    if (limit !== null && bytes.length > limit) return this.#compareAndSet(id, seen, this.#entry(TOMBSTONE, LIFETIME))
    return this.#compareAndSet(id, seen, this.#entry(bytes, Math.max(this.#maxAge, LIFETIME)))
  }

  /** Leaves a tombstone that is younger than this call. False when that failed. */
  async putTombstone(id: Id): Promise<boolean> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const seen = await this.read(id)
      if (seen === undefined) return false
      // Another caller's, and young enough: it was not there at the first attempt.
      if (attempt > 1 && seen?.isTombstone) return true
      const done = await this.#compareAndSet(id, seen, this.#entry(TOMBSTONE, LIFETIME))
      if (done !== false) return done === true
    }
    return false
  }

  /** Removes expired copies that the cache has not removed by itself. */
  clearExpired({ batch, signal }: ClearOptions): Promise<void> {
    return this.#breaker.sweep(() => this.#cache.clearExpired({ batch, signal }))
  }

  #toSlot(id: Id, found: Found | null): Slot {
    if (!found) return null
    const { bytes, owner } = found.entry
    if (isTombstone(bytes)) return { copy: null, isTombstone: true, version: found.version, owner }
    const copy = this.#keys.open(id, bytes)
    return { copy: copy && decode(copy), isTombstone: false, version: found.version, owner }
  }

  #compareAndSet(id: Id, seen: Slot, entry: Entry): Promise<boolean | undefined> {
    if (seen === null)
      return this.#breaker.run(
        () => this.#cache.create(id, entry),
        (done) => done,
      )
    return this.#breaker.run(
      () => this.#cache.update(id, { ...entry, owner: seen.owner }, seen.version),
      (version) => version !== null,
    )
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
