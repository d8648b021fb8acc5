import { OpenState, storeClosed } from '../../base/open-state.ts'
import type { Id } from '../../crypto/token.ts'
import {
  type ChangeFeed,
  type ClearOptions,
  type Clock,
  type CopyKeys,
  type Entry,
  type Found,
  isInProcessMemory,
  type Listing,
  type OwnerIndex,
  type ReadOptions,
  type ScanOptions,
  type Schema,
  type Store,
  type Traits,
  type Version,
} from '../../store.ts'
import { copyOf } from '../shared/entry.ts'
import { keysOfPart } from '../shared/part-keys.ts'
import { feedWhileOpen, lockWhileOpen, schemaWhileOpen } from '../shared/while-open.ts'
import { CircuitBreaker, CONNECT_LIMIT } from './circuit-breaker.ts'
import { Feed } from './feed.ts'
import { Invalidations } from './invalidations.ts'
import { type Copy, FILL_WINDOW, type Slot, Slots } from './slots.ts'

export interface CachedSettings {
  readonly durable: Store
  readonly cache: Store
  readonly maxAge: number
  readonly cacheTimeout: number
  readonly report: (error: unknown) => void
  readonly clock: Clock
}

/**
 * Ms for which a change waits until the cache has been told. Longer than a read waits: the copies that other processes go on using say
 * that an ended session is alive. It leaves time for the durable store within `storeTimeout`, so that no change is refused because the
 * cache hangs. The first one of a process waits for the connection.
 */
export const CHANGE_LIMIT = 250

/** Ms that `deleteAll` may spend on the cache. */
const DELETE_ALL_LIMIT = 1000
const IN_PARALLEL = 32

/** The durable store decides. What is in the cache only saves asking it. */
export class Cached implements Store {
  readonly traits: Traits
  readonly byOwner?: OwnerIndex
  readonly readSync?: (id: Id) => Found | null | undefined
  readonly clearCopies?: NonNullable<Store['clearCopies']>
  readonly scan?: (options?: ScanOptions) => AsyncIterable<readonly Listing[]>
  readonly estimate?: NonNullable<Store['estimate']>
  readonly tryWithLock?: <T>(name: string, work: () => Promise<T>) => Promise<T | null>
  readonly changes?: ChangeFeed
  readonly schema?: Schema
  readonly #durable: Store
  readonly #cache: Store
  readonly #slots: Slots
  readonly #invalidations: Invalidations
  readonly #feed: Feed | null
  readonly #clock: Clock
  readonly #maxAge: number
  readonly #state = new OpenState()

  constructor({ durable, cache, maxAge, cacheTimeout, report, clock }: CachedSettings) {
    this.#durable = durable
    this.#cache = cache
    const atLeast = (ms: number) => Math.max(ms, cacheTimeout)
    const breakers = {
      reads: new CircuitBreaker({ limit: cacheTimeout, whileConnecting: cacheTimeout, report }),
      changes: new CircuitBreaker({ limit: atLeast(CHANGE_LIMIT), whileConnecting: atLeast(CONNECT_LIMIT), report }),
    }
    this.#slots = new Slots(cache, breakers, { clock, maxAge })
    this.#invalidations = new Invalidations(clock)
    this.#clock = clock
    this.#maxAge = maxAge
    this.traits = { ...durable.traits, engine: `cached ${durable.traits.engine} with ${cache.traits.engine}` }
    const isLocal = isInProcessMemory(cache.traits)
    if (isLocal || durable.clearCopies || cache.clearCopies)
      this.clearCopies = async (options = {}) => {
        if (this.#state.isClosed) return
        if (isLocal) await this.#slots.clearExpired(options)
        await durable.clearCopies?.(options)
        await cache.clearCopies?.(options)
      }
    if (cache.readSync) this.readSync = (id) => this.#readSync(id)
    const { byOwner, changes, schema } = durable
    if (byOwner) {
      this.byOwner = {
        list: (owner, options) => this.#whileOpen(() => byOwner.list(owner, options)),
        deleteAll: (owner, except) => this.#deleteAll(byOwner, owner, except),
      }
    }
    const scan = durable.scan?.bind(durable)
    if (scan) this.scan = (options) => this.#whileOpen(() => scan(options))
    const estimate = durable.estimate?.bind(durable)
    if (estimate)
      this.estimate = async () => {
        this.#state.assertOpen()
        return estimate()
      }
    const tryWithLock = lockWhileOpen(this.#state, durable)
    if (tryWithLock) this.tryWithLock = tryWithLock
    const feed = changes ? new Feed(changes, this.#invalidations, report) : null
    this.#feed = feed
    if (feed) this.changes = feedWhileOpen(this.#state, feed)
    if (schema) this.schema = schemaWhileOpen(this.#state, schema)
  }

  authenticate(keys: CopyKeys): void {
    this.#slots.authenticate(keys)
    this.#durable.authenticate?.(keysOfPart('durable', keys))
    this.#cache.authenticate?.(keysOfPart('cache', keys))
  }

  async read(id: Id, options?: ReadOptions): Promise<Found | null> {
    this.#state.assertOpen()
    this.#feed?.start()
    const began = performance.now()
    const seen = await this.#slots.read(id)
    const copy = seen?.copy
    if (copy && !options?.fresh && this.#isUsable(id, copy)) return copy
    const readAt = this.#clock()
    const found = await this.#durable.read(id, options)
    if (found && mayFill(seen, began)) await this.#slots.fill(id, seen, { ...found, readAt })
    if (!found && copy) await this.#invalidate(id)
    return found
  }

  /**
   * Nothing is cached, because a create does not return the version. Of most ids there is no copy; one of an entry that another node
   * has deleted is believed for `maxAge`, as without this.
   */
  create(id: Id, entry: Entry): Promise<boolean> {
    return this.#state.isClosed ? Promise.reject(storeClosed()) : this.#durable.create(id, entry)
  }

  async update(id: Id, given: Entry, version: Version): Promise<Version | null> {
    this.#state.assertOpen()
    const entry = copyOf(given)
    return this.#change(id, async (seen, began) => {
      const readAt = this.#clock()
      const next = await this.#durable.update(id, entry, version)
      // A caller that is refused reads again, and must not get the very copy that it was refused for.
      if (next === null) this.#invalidations.add(id)
      else
        await this.#replace(id, seen, this.#isExact(entry.expiresAt) ? { entry, version: next, readAt } : null, began)
      return next
    })
  }

  async touch(id: Id, expiresAt: number, version?: Version): Promise<boolean> {
    this.#state.assertOpen()
    return this.#change(id, async (seen, began) => {
      const done = await this.#durable.touch(id, expiresAt, version)
      // Only a copy of the version that was touched: another one never had this deadline. It keeps its readAt, because a touch
      // says nothing about the bytes.
      const copy = done && this.#isExact(expiresAt) && seen?.copy?.version === version ? seen?.copy : null
      await this.#replace(id, seen, copy && { ...copy, entry: { ...copy.entry, expiresAt } }, began)
      return done
    })
  }

  async delete(id: Id, version?: Version, owner?: string | null): Promise<boolean> {
    this.#state.assertOpen()
    try {
      return await this.#durable.delete(id, version, owner)
    } finally {
      await this.#invalidate(id)
    }
  }

  async clearExpired(options: ClearOptions = {}): Promise<number> {
    this.#state.assertOpen()
    const removed = await this.#durable.clearExpired(options)
    if (!options.dryRun && !options.signal?.aborted) await this.#slots.clearExpired(options)
    return removed
  }

  async close(): Promise<void> {
    this.#state.close()
    await this.#feed?.stop()
    // A process that ends something and exits, as a command does, may not have reached the cache yet.
    await this.#slots.settle(CONNECT_LIMIT)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** As `read`, for a usable copy in this process. Asking the durable store takes time. */
  #readSync(id: Id): Found | undefined {
    if (this.#state.isClosed) return undefined
    this.#feed?.start()
    const copy = this.#slots.readSync(id)?.copy
    return copy && this.#isUsable(id, copy) ? copy : undefined
  }

  #isUsable(id: Id, { readAt, entry: { owner, expiresAt } }: Copy): boolean {
    const now = this.#clock()
    const age = now - readAt
    // Negative: the clock was put back, or another machine's is ahead. Past its deadline: it may have been touched
    // elsewhere.
    if (age < 0 || age >= this.#maxAge || now >= expiresAt || this.#invalidations.covers(id, readAt)) return false
    return owner === null || !this.#invalidations.covers(owner, readAt)
  }

  /** Reads the slot, then makes the change. A change that failed may have been made all the same. */
  async #change<T>(id: Id, make: (seen: Slot | undefined, began: number) => Promise<T>): Promise<T> {
    const began = performance.now()
    const seen = await this.#slots.read(id)
    try {
      return await make(seen, began)
    } catch (error) {
      await this.#invalidate(id)
      throw error
    }
  }

  /**
   * After a change: puts the new copy, or a tombstone if there is none or if another caller wrote to the slot in
   * between.
   */
  async #replace(id: Id, seen: Slot | undefined, copy: Copy | null | undefined, began: number): Promise<void> {
    if (!copy || !mayFill(seen, began) || !(await this.#slots.replace(id, seen, copy))) await this.#invalidate(id)
  }

  /** In this process no earlier copy is used from now on, even if the tombstone does not get into the cache. */
  async #invalidate(id: Id): Promise<void> {
    this.#invalidations.add(id)
    await this.#slots.putTombstone(id)
  }

  async #deleteAll(index: OwnerIndex, owner: string, except: Id | undefined): Promise<number> {
    this.#state.assertOpen()
    const ending: Id[] = []
    for await (const page of index.list(owner)) for (const { id } of page) if (id !== except) ending.push(id)
    try {
      return await index.deleteAll(owner, except)
    } finally {
      // Every copy names its owner, which is fixed: also that of a session that was created after the list.
      this.#invalidations.add(owner)
      await this.#putTombstones(ending)
    }
  }

  /**
   * A user has few sessions. If a slow cache cannot take all of their tombstones in a second, `maxAge` ends the rest.
   */
  async #putTombstones(ended: readonly Id[]): Promise<void> {
    const began = performance.now()
    for (let at = 0; at < ended.length && performance.now() - began < DELETE_ALL_LIMIT; at += IN_PARALLEL)
      await Promise.all(ended.slice(at, at + IN_PARALLEL).map((id) => this.#slots.putTombstone(id)))
  }

  /** Does the durable store keep this deadline as it is? If it rounds, only a read tells what it has. */
  #isExact(expiresAt: number): boolean {
    return Number.isInteger(expiresAt) && expiresAt % this.traits.granularity === 0
  }

  async *#whileOpen(pages: () => AsyncIterable<readonly Listing[]>): AsyncGenerator<readonly Listing[]> {
    this.#state.assertOpen()
    for await (const page of pages()) {
      this.#state.assertOpen()
      yield page
    }
  }
}

/** Only what was seen is replaced. An empty slot does not show what came and went since, so there the time decides. */
function mayFill(seen: Slot | undefined, began: number): seen is Slot {
  return seen !== undefined && (seen !== null || performance.now() - began <= FILL_WINDOW)
}
