import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type {
  ChangeFeed,
  ClearOptions,
  Clock,
  Entry,
  Found,
  Listing,
  OwnerIndex,
  ScanOptions,
  Schema,
  Store,
  Traits,
  Version,
} from '../../store.ts'
import type { Copy } from './copy.ts'
import { Doubts } from './doubts.ts'
import { Feed } from './feed.ts'
import { ownedThrough } from './owned.ts'
import { Patience } from './patience.ts'
import { Places, type Seen, WINDOW } from './places.ts'

export interface CachedSettings {
  readonly durable: Store
  readonly cache: Store
  readonly maxAge: number
  readonly cacheTimeout: number
  readonly report: (error: unknown) => void
  readonly clock: Clock
  /** What was opened for this store and ends with it. */
  readonly own: readonly Store[]
}

type Alone = Required<Pick<Store, 'tryWithLock'>>

/** The durable store decides; what lies in the cache only saves asking it. */
export class Cached implements Store {
  readonly traits: Traits
  readonly byOwner?: OwnerIndex
  readonly readSync?: (id: Id) => Found | null | undefined
  readonly scan?: (options?: ScanOptions) => AsyncIterable<readonly Listing[]>
  readonly tryWithLock?: <T>(name: string, work: () => Promise<T>) => Promise<T | null>
  readonly changes?: ChangeFeed
  readonly schema?: Schema
  readonly #durable: Store
  readonly #places: Places
  readonly #doubts: Doubts
  readonly #feed: Feed | null
  readonly #clock: Clock
  readonly #maxAge: number
  readonly #own: readonly Store[]
  #closed = false

  constructor({ durable, cache, maxAge, cacheTimeout, report, clock, own }: CachedSettings) {
    this.#durable = durable
    this.#places = new Places(cache, new Patience(cacheTimeout, report), { clock, maxAge })
    this.#doubts = new Doubts(clock)
    this.#clock = clock
    this.#maxAge = maxAge
    this.#own = own
    this.traits = { ...durable.traits, engine: `cached ${durable.traits.engine} with ${cache.traits.engine}` }
    if (cache.readSync) this.readSync = (id) => this.#readSync(id)
    const { byOwner: owned, changes, schema } = durable
    this.#feed = changes ? new Feed(changes, this.#doubts, report) : null
    if (owned)
      this.byOwner = ownedThrough(owned, { doubts: this.#doubts, places: this.#places, open: () => this.#open() })
    if (durable.scan) this.scan = (options) => this.#scan(options)
    if (durable.tryWithLock) this.tryWithLock = async (name, work) => (this.#open() as Alone).tryWithLock(name, work)
    const feed = this.#feed
    if (feed) {
      this.changes = {
        listen: async (listener) => {
          this.#open()
          return feed.pass(listener)
        },
      }
    }
    if (schema) this.schema = schema
  }

  async read(id: Id): Promise<Found | null> {
    const durable = this.#open()
    this.#feed?.start()
    const began = performance.now()
    const seen = await this.#places.look(id)
    const copy = seen?.copy
    if (copy && this.#believes(id, copy)) return copy
    const readAt = this.#clock()
    const found = await durable.read(id)
    if (found) await this.#fill(id, seen, { ...found, readAt }, began)
    else if (copy) await this.#bury(id)
    return found
  }

  /** Nothing is cached: what was created is known to no one yet, and its version is not told. */
  create(id: Id, entry: Entry): Promise<boolean> {
    return this.#closed ? Promise.reject(closed()) : this.#durable.create(id, entry)
  }

  async update(id: Id, given: Entry, version: Version): Promise<Version | null> {
    const durable = this.#open()
    // Now, for the caller may reuse its buffers while we look.
    const entry = { ...given, bytes: new Uint8Array(given.bytes), label: given.label && new Uint8Array(given.label) }
    return this.#change(id, async (seen, began) => {
      const readAt = this.#clock()
      const next = await durable.update(id, entry, version)
      // Whoever is refused reads again, and must not find here what it was refused for.
      if (next === null) this.#doubts.raise(id)
      else
        await this.#replace(id, seen, this.#isExact(entry.expiresAt) ? { entry, version: next, readAt } : null, began)
      return next
    })
  }

  async touch(id: Id, expiresAt: number): Promise<boolean> {
    const durable = this.#open()
    return this.#change(id, async (seen, began) => {
      const done = await durable.touch(id, expiresAt)
      const copy = done && this.#isExact(expiresAt) ? seen?.copy : null
      // It is as old as it was: a touch says nothing about the bytes.
      await this.#replace(id, seen, copy && { ...copy, entry: { ...copy.entry, expiresAt } }, began)
      return done
    })
  }

  async delete(id: Id, version?: Version, owner?: string | null): Promise<boolean> {
    const durable = this.#open()
    try {
      return await durable.delete(id, version, owner)
    } finally {
      await this.#bury(id)
    }
  }

  async clearExpired(options: ClearOptions = {}): Promise<number> {
    const removed = await this.#open().clearExpired(options)
    if (!options.dryRun && !options.signal?.aborted) await this.#places.clear(options)
    return removed
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#feed?.end()
    await Promise.all(this.#own.map((store) => store.close()))
  }

  #open(): Store {
    if (this.#closed) throw closed()
    return this.#durable
  }

  /** As `read`, for a copy that is in this process and believed; what asks the durable store takes time. */
  #readSync(id: Id): Found | undefined {
    if (this.#closed) return undefined
    this.#feed?.start()
    const copy = this.#places.lookSync(id)?.copy
    return copy && this.#believes(id, copy) ? copy : undefined
  }

  #believes(id: Id, { readAt, entry: { owner, expiresAt } }: Copy): boolean {
    const now = this.#clock()
    const age = now - readAt
    // Negative: the clock was put back, or another machine's is ahead. Past its deadline it may have been touched elsewhere.
    if (age < 0 || age >= this.#maxAge || now >= expiresAt || this.#doubts.about(id, readAt)) return false
    return owner === null || !this.#doubts.about(owner, readAt)
  }

  /** Looks before the change is made. One whose outcome is not known may have been made all the same. */
  async #change<T>(id: Id, make: (seen: Seen | undefined, began: number) => Promise<T>): Promise<T> {
    const began = performance.now()
    const seen = await this.#places.look(id)
    try {
      return await make(seen, began)
    } catch (error) {
      await this.#bury(id)
      throw error
    }
  }

  /** Only what was seen is replaced. A place that was empty cannot tell what came and went meanwhile, so there time decides. */
  async #fill(id: Id, seen: Seen | undefined, copy: Copy, began: number): Promise<boolean> {
    if (seen === undefined || (seen === null && performance.now() - began > WINDOW)) return false
    return (await this.#places.put(id, seen, copy)) === true
  }

  /** After a change: the copy of what is there now, or none when there is none, or somebody else has come in between. */
  async #replace(id: Id, seen: Seen | undefined, copy: Copy | null | undefined, began: number): Promise<void> {
    if (!copy || !(await this.#fill(id, seen, copy, began))) await this.#bury(id)
  }

  /** In this process what was read so far is over at once, whatever becomes of the cache. */
  async #bury(id: Id): Promise<void> {
    this.#doubts.raise(id)
    await this.#places.bury(id)
  }

  /** Would the durable store keep this deadline as it is? What it rounds is asked of it. */
  #isExact(expiresAt: number): boolean {
    return Number.isInteger(expiresAt) && expiresAt % this.traits.granularity === 0
  }

  async *#scan(options?: ScanOptions): AsyncGenerator<readonly Listing[]> {
    for await (const page of this.#open().scan?.(options) ?? []) {
      this.#open()
      yield page
    }
  }
}

function closed(): StoreError {
  return new StoreError('This store was closed.')
}
