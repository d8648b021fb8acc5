import { LRUCache } from 'lru-cache'
import { OpenState } from '../../base/open-state.ts'
import type { Id } from '../../crypto/token.ts'
import { ConfigError, StoreError } from '../../errors.ts'
import type {
  ClearOptions,
  Clock,
  Entry,
  Found,
  Listing,
  ListOptions,
  OwnerIndex,
  ScannableStore,
  ScanOptions,
  Traits,
  Version,
} from '../../store.ts'
import { inPages, STEP } from '../shared/pages.ts'
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'
import { Deadlines } from './deadlines.ts'
import { type Item, MOST_BESIDE, sizeOf, toEntry, toItem, toListing } from './item.ts'
import { Owners } from './owners.ts'

export interface Settings {
  readonly max: number
  readonly maxBytes: number
  readonly evicts: boolean
  readonly clock: Clock
}

export class Memory implements ScannableStore {
  readonly traits: Traits
  readonly byOwner?: OwnerIndex
  readonly #items: LRUCache<Id, Item>
  /** Null, like `#deadlines`, in a store that evicts: it has no lists, and makes room by dropping what was not used. */
  readonly #owners: Owners | null
  readonly #deadlines: Deadlines | null
  readonly #clock: Clock
  readonly #max: number
  readonly #maxBytes: number
  readonly #sizeLimit: number
  readonly #state = new OpenState()
  #lastVersion = 0

  constructor({ max, maxBytes, evicts, clock }: Settings) {
    this.#clock = clock
    this.#max = max
    this.#maxBytes = maxBytes
    this.#sizeLimit = maxBytes - MOST_BESIDE
    this.#items = reserve(max, maxBytes)
    this.#owners = evicts ? null : new Owners()
    this.#deadlines = evicts ? null : new Deadlines()
    if (this.#owners) this.byOwner = this.#index(this.#owners)
    this.traits = {
      engine: 'memory',
      durable: 'no',
      shared: 'process',
      expiresByItself: false,
      granularity: 1,
      sizeLimit: this.#sizeLimit,
      evicts,
      revocable: true,
    }
  }

  async read(id: Id): Promise<Found | null> {
    this.#state.assertOpen()
    return this.#read(id)
  }

  readSync(id: Id): Found | null | undefined {
    return this.#state.isClosed ? undefined : this.#read(id)
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    this.#state.assertOpen()
    this.#assertFits(entry)
    const old = this.#items.peek(id)
    if (this.#live(old)) return false
    if (old) this.#remove(old)
    this.#put(toItem(id, entry, ++this.#lastVersion), null)
    this.#owners?.add(entry.owner, id)
    return true
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    this.#state.assertOpen()
    return this.#update(id, entry, version)
  }

  updateSync(id: Id, entry: Entry, version: Version): Version | null | undefined {
    return this.#state.isClosed ? undefined : this.#update(id, entry, version)
  }

  async touch(id: Id, expiresAt: number, version?: Version): Promise<boolean> {
    this.#state.assertOpen()
    const item = this.#live(this.#items.get(id))
    if (!item || (version ?? item.version) !== item.version) return false
    item.expiresAt = expiresAt
    this.#deadlines?.move(item)
    return true
  }

  async delete(id: Id, version?: Version): Promise<boolean> {
    this.#state.assertOpen()
    const item = this.#live(this.#items.peek(id))
    if (!item || (version !== undefined && item.version !== version)) return false
    return this.#remove(item)
  }

  async clearExpired(options: ClearOptions = {}): Promise<number> {
    this.#state.assertOpen()
    return drive(this.#sweep(batchOf(options), options.dryRun === true), options)
  }

  async *scan({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<Listing[]> {
    this.#state.assertOpen()
    let listings: Listing[] = []
    for (const id of [...this.#items.keys()]) {
      const item = this.#live(this.#items.peek(id))
      if (item) listings.push(toListing(item))
      if (listings.length < atLeastOne(page)) continue
      if (signal?.aborted) return
      yield listings
      this.#state.assertOpen()
      listings = []
    }
    if (listings.length > 0 && !signal?.aborted) yield listings
  }

  async close(): Promise<void> {
    this.#state.close()
    this.#items.clear()
    this.#owners?.clear()
    this.#deadlines?.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * A step looks at a bounded number of entries, so that a store full of live ones does not block the event loop
   * either.
   */
  async *#sweep(batch: number, dryRun: boolean): AsyncGenerator<number> {
    let [expired, seen] = [0, 0]
    for (const id of [...this.#items.keys()]) {
      const item = this.#items.peek(id)
      if (item && !this.#live(item)) {
        if (!dryRun) this.#remove(item)
        expired += 1
      }
      seen += 1
      if (expired < batch && seen < 10_000) continue
      yield expired
      this.#state.assertOpen()
      expired = seen = 0
    }
    yield expired
  }

  #read(id: Id): Found | null {
    const item = this.#live(this.#items.get(id))
    return item && { entry: toEntry(item), version: item.version }
  }

  #update(id: Id, entry: Entry, version: Version): Version | null {
    this.#assertFits(entry)
    const old = this.#live(this.#items.peek(id))
    if (old?.version !== version || old.owner !== entry.owner) return null
    return this.#put(toItem(id, entry, ++this.#lastVersion), old)
  }

  #put(item: Item, old: Item | null): Version {
    const size = sizeOf(item)
    if (this.#deadlines) this.#makeRoom(size - (old ? sizeOf(old) : 0), old, this.#deadlines)
    this.#items.set(item.id, item, { size })
    if (old) this.#deadlines?.replace(old, item)
    else this.#deadlines?.add(item)
    return item.version
  }

  #remove(item: Item): boolean {
    this.#owners?.remove(item.owner, item.id)
    this.#deadlines?.remove(item)
    return this.#items.delete(item.id)
  }

  /**
   * Removes as many expired items as it takes, and never a live one: an entry that is dropped before its deadline may be what
   * refuses sessions that were ended. `replaced` is live and stays, although its deadline may pass at this very moment.
   */
  #makeRoom(bytes: number, replaced: Item | null, deadlines: Deadlines): void {
    for (;;) {
      const full = this.#items.size >= this.#max && !replaced ? 'max' : this.#lacks(bytes) ? 'maxBytes' : null
      if (full === null) return
      const { first } = deadlines
      if (!first || first === replaced || this.#live(first)) throw this.#isFull(full)
      this.#remove(first)
    }
  }

  #lacks(bytes: number): boolean {
    return bytes > 0 && this.#items.calculatedSize + bytes > this.#maxBytes
  }

  #isFull(option: 'max' | 'maxBytes'): StoreError {
    const value = option === 'max' ? this.#max : this.#maxBytes
    return new StoreError(
      `memory() is full, and nothing in it has expired: raise its option "${option}", which is ${value}.`,
    )
  }

  #index(owners: Owners): OwnerIndex {
    const find = (id: Id, owner: string) => {
      const item = this.#live(this.#items.peek(id))
      return item?.owner === owner ? item : null
    }
    const list = (owner: string, options: ListOptions = {}) =>
      inPages(options, owners.of(owner), async (ids, size) => {
        this.#state.assertOpen()
        const some = take(ids, Math.max(size, STEP))
        const listings = some.flatMap((id) => find(id, owner) ?? []).map(toListing)
        return { listings, next: some.length < Math.max(size, STEP) ? null : ids }
      })
    const deleteAll = async (owner: string, except?: Id) => {
      let ended = 0
      for await (const page of list(owner)) {
        // Each is looked up again: it may have been updated or ended since the page was read.
        const items = page.flatMap(({ id }) => (id === except ? [] : (find(id, owner) ?? [])))
        for (const item of items) this.#remove(item)
        ended += items.length
      }
      return ended
    }
    return { list, deleteAll }
  }

  #live(item: Item | undefined): Item | null {
    return item !== undefined && this.#clock() < item.expiresAt ? item : null
  }

  #assertFits({ bytes }: Entry): void {
    if (bytes.length <= this.#sizeLimit) return
    throw new StoreError(`An entry is larger than this store can hold (${this.#sizeLimit} bytes): raise maxBytes.`)
  }
}

function take<T>(items: Iterator<T>, count: number): T[] {
  const taken: T[] = []
  while (taken.length < count) {
    const { done, value } = items.next()
    if (done) break
    taken.push(value)
  }
  return taken
}

function reserve(max: number, maxBytes: number): LRUCache<Id, Item> {
  try {
    return new LRUCache({ max, maxSize: maxBytes })
  } catch (cause) {
    // The list is allocated in full, for `max` entries.
    throw new ConfigError('Option "max" of memory() is more than this process can hold.', { cause })
  }
}
