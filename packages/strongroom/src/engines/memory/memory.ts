import { LRUCache } from 'lru-cache'
import { latin1Of } from '../../base/bytes.ts'
import { checkOptions, clockOption, wholeNumber } from '../../base/check.ts'
import { OpenState } from '../../base/open-state.ts'
import type { Id } from '../../crypto/token.ts'
import { ConfigError, StoreError } from '../../errors.ts'
import type {
  ClearOptions,
  Clock,
  Entry,
  Found,
  IndexedStore,
  Listing,
  OwnerIndex,
  ScannableStore,
  ScanOptions,
  Traits,
  Version,
} from '../../store.ts'
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'

export interface MemoryOptions {
  /** The most sessions to hold. Beyond that, the least recently used one is dropped (default 100 000). */
  readonly max?: number | undefined
  /** The most bytes to hold, the overhead of each session included, from 4096 (default 256 MiB). */
  readonly maxBytes?: number | undefined
  readonly clock?: Clock | undefined
}

/**
 * Measured: what a session costs beside its bytes (its id, its record, its places in the LRU list and the owner index).
 */
const OVERHEAD = 400

/**
 * Sessions in this process's memory: the fastest store. It forgets everything at a restart, and drops the least
 * recently used session when it is full (`traits` say so). `max` and `maxBytes` bound its size.
 */
export function memory(options: MemoryOptions = {}): IndexedStore & ScannableStore {
  checkOptions('memory()', options, ['max', 'maxBytes', 'clock'])
  return new Memory(
    wholeNumber('memory()', 'max', options.max, 100_000),
    wholeNumber('memory()', 'maxBytes', options.maxBytes, 256 * 2 ** 20, 4096),
    clockOption('memory()', options.clock),
  )
}

class Memory implements IndexedStore, ScannableStore {
  readonly traits: Traits
  readonly byOwner: OwnerIndex = {
    list: async (owner) => this.#list(owner),
    deleteAll: async (owner, except) => this.#deleteAll(owner, except),
  }
  readonly #items: LRUCache<Id, Item>
  readonly #owners = new Owners()
  readonly #clock: Clock
  readonly #sizeLimit: number
  readonly #state = new OpenState()
  #lastVersion = 0

  constructor(max: number, maxBytes: number, clock: Clock) {
    this.#clock = clock
    this.#sizeLimit = maxBytes - 1024
    this.#items = reserve(max, maxBytes, (item, id) => this.#owners.remove(item.owner, id))
    this.traits = {
      engine: 'memory',
      durable: 'no',
      shared: 'process',
      expiresByItself: false,
      granularity: 1,
      sizeLimit: this.#sizeLimit,
      evicts: true,
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
    if (this.#live(this.#items.peek(id))) return false
    this.#put(id, entry)
    return true
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    this.#state.assertOpen()
    this.#assertFits(entry)
    if (this.#live(this.#items.peek(id))?.version !== version) return null
    return this.#put(id, entry)
  }

  async touch(id: Id, expiresAt: number, version?: Version): Promise<boolean> {
    this.#state.assertOpen()
    const item = this.#live(this.#items.get(id))
    if (!item || (version ?? item.version) !== item.version) return false
    item.expiresAt = expiresAt
    return true
  }

  async delete(id: Id, version?: Version): Promise<boolean> {
    this.#state.assertOpen()
    const item = this.#live(this.#items.peek(id))
    if (!item || (version !== undefined && item.version !== version)) return false
    return this.#items.delete(id)
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
      if (item) listings.push(toListing(id, item))
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
        if (!dryRun) this.#items.delete(id)
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

  #put(id: Id, entry: Entry): Version {
    const item = toItem(entry, ++this.#lastVersion)
    this.#items.set(id, item, { size: item.bytes.length + (item.label?.length ?? 0) + OVERHEAD })
    this.#owners.add(item.owner, id)
    return item.version
  }

  #list(owner: string): Listing[] {
    this.#state.assertOpen()
    return this.#owners.of(owner).flatMap((id) => {
      const item = this.#live(this.#items.peek(id))
      return item ? [toListing(id, item)] : []
    })
  }

  #deleteAll(owner: string, except: Id | undefined): number {
    const ending = this.#list(owner).filter(({ id }) => id !== except)
    for (const { id } of ending) this.#items.delete(id)
    return ending.length
  }

  #live(item: Item | undefined): Item | null {
    return item !== undefined && this.#clock() < item.expiresAt ? item : null
  }

  #assertFits({ bytes }: Entry): void {
    if (bytes.length <= this.#sizeLimit) return
    throw new StoreError(`An entry is larger than this store can hold (${this.#sizeLimit} bytes): raise maxBytes.`)
  }
}

function reserve(max: number, maxBytes: number, dispose: (item: Item, id: Id) => void): LRUCache<Id, Item> {
  try {
    return new LRUCache({ max, maxSize: maxBytes, dispose })
  } catch (cause) {
    // The list is allocated in full, for `max` entries.
    throw new ConfigError('Option "max" of memory() is more than this process can hold.', { cause })
  }
}

/**
 * An entry in memory. Its bytes are a Latin-1 string: immutable, so it needs no copy, and no pooled slab of 8 KB stays
 * alive for one session.
 */
interface Item {
  readonly bytes: string
  readonly label: string | null
  readonly owner: string | null
  readonly createdAt: number
  readonly version: number
  expiresAt: number
}

function toItem({ bytes, label, owner, createdAt, expiresAt }: Entry, version: number): Item {
  return { bytes: latin1Of(bytes), label: label && latin1Of(label), owner, createdAt, expiresAt, version }
}

function toEntry({ bytes, label, owner, createdAt, expiresAt }: Item): Entry {
  return { bytes: toBytes(bytes), expiresAt, owner, label: label === null ? null : toBytes(label), createdAt }
}

function toListing(id: Id, { bytes, label, owner, createdAt, expiresAt }: Item): Listing {
  return { id, expiresAt, createdAt, owner, label: label === null ? null : toBytes(label), size: bytes.length }
}

function toBytes(latin1: string): Uint8Array {
  return Buffer.from(latin1, 'latin1')
}

/**
 * Which ids an owner has. Most people have one session and a Set costs some 200 bytes, so a single id is stored without
 * one.
 */
class Owners {
  readonly #ids = new Map<string, Id | Set<Id>>()

  add(owner: string | null, id: Id): void {
    if (owner === null) return
    const known = this.#ids.get(owner)
    if (known === undefined) this.#ids.set(owner, id)
    else if (typeof known === 'object') known.add(id)
    else if (known !== id) this.#ids.set(owner, new Set([known, id]))
  }

  remove(owner: string | null, id: Id): void {
    if (owner === null) return
    const known = this.#ids.get(owner)
    if (typeof known === 'object') known.delete(id)
    if (known === id || (typeof known === 'object' && known.size === 0)) this.#ids.delete(owner)
  }

  /** A copy: the index may change while the caller goes through it. */
  of(owner: string): Id[] {
    const known = this.#ids.get(owner)
    if (known === undefined) return []
    return typeof known === 'object' ? [...known] : [known]
  }
}
