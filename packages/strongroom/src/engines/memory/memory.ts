import { LRUCache } from 'lru-cache'
import { checkOptions, clockOption, wholeNumber } from '../../base/check.ts'
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
import { Owners } from '../shared/owner-index.ts'
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'
import { type Kept, toEntry, toKept, toListing } from './kept.ts'

export interface MemoryOptions {
  /** Sessions kept at most; the least recently used live one makes room (default 100 000). */
  readonly max?: number | undefined
  /** Bytes kept at most, counting the overhead of each session, from 4096 (default 256 MiB). */
  readonly maxBytes?: number | undefined
  readonly clock?: Clock | undefined
}

/** Measured: what a session costs beside its bytes (id, record, places in the LRU list and in the owner index). */
const OVERHEAD = 400

/**
 * Sessions in this process's memory: the fastest store, and the one that forgets everything at a restart and drops the least
 * recently used session when it is full (`traits` say so). Its size is bounded by `max` and by `maxBytes`.
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
  readonly #cache: LRUCache<Id, Kept>
  readonly #owners = new Owners()
  readonly #clock: Clock
  readonly #sizeLimit: number
  #lastVersion = 0
  #closed = false

  constructor(max: number, maxBytes: number, clock: Clock) {
    this.#clock = clock
    this.#sizeLimit = maxBytes - 1024
    this.#cache = reserve(max, maxBytes, (kept, id) => this.#owners.drop(kept.owner, id))
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
    this.#check()
    return this.#find(id)
  }

  readSync(id: Id): Found | null | undefined {
    return this.#closed ? undefined : this.#find(id)
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    this.#check(entry)
    if (this.#live(this.#cache.peek(id))) return false
    this.#keep(id, entry)
    return true
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    this.#check(entry)
    if (this.#live(this.#cache.peek(id))?.version !== version) return null
    return this.#keep(id, entry)
  }

  async touch(id: Id, expiresAt: number): Promise<boolean> {
    this.#check()
    const kept = this.#live(this.#cache.get(id))
    if (!kept) return false
    kept.expiresAt = expiresAt
    return true
  }

  async delete(id: Id, version?: Version): Promise<boolean> {
    this.#check()
    const kept = this.#live(this.#cache.peek(id))
    if (!kept || (version !== undefined && kept.version !== version)) return false
    return this.#cache.delete(id)
  }

  async clearExpired(options: ClearOptions = {}): Promise<number> {
    this.#check()
    return drive(this.#clearing(batchOf(options), options.dryRun === true), options)
  }

  async *scan({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<Listing[]> {
    this.#check()
    let listings: Listing[] = []
    for (const id of [...this.#cache.keys()]) {
      const kept = this.#live(this.#cache.peek(id))
      if (kept) listings.push(toListing(id, kept))
      if (listings.length < atLeastOne(page)) continue
      if (signal?.aborted) return
      yield listings
      this.#check()
      listings = []
    }
    if (listings.length > 0 && !signal?.aborted) yield listings
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cache.clear()
  }

  /** A step looks at a bounded number of entries, so that a store full of live ones does not hold up the event loop either. */
  async *#clearing(batch: number, dryRun: boolean): AsyncGenerator<number> {
    const ids = [...this.#cache.keys()]
    let [found, seen] = [0, 0]
    for (const id of ids) {
      const kept = this.#cache.peek(id)
      if (kept && !this.#live(kept)) {
        if (!dryRun) this.#cache.delete(id)
        found += 1
      }
      seen += 1
      if (found < batch && seen < 10_000) continue
      yield found
      this.#check()
      found = seen = 0
    }
    yield found
  }

  #find(id: Id): Found | null {
    const kept = this.#live(this.#cache.get(id))
    return kept && { entry: toEntry(kept), version: kept.version }
  }

  #keep(id: Id, entry: Entry): Version {
    const kept = toKept(entry, ++this.#lastVersion)
    this.#cache.set(id, kept, { size: kept.text.length + (kept.label?.length ?? 0) + OVERHEAD })
    this.#owners.add(kept.owner, id)
    return kept.version
  }

  #list(owner: string): Listing[] {
    this.#check()
    return this.#owners.of(owner).flatMap((id) => {
      const kept = this.#live(this.#cache.peek(id))
      return kept ? [toListing(id, kept)] : []
    })
  }

  #deleteAll(owner: string, except: Id | undefined): number {
    const ended = this.#list(owner).filter(({ id }) => id !== except)
    for (const { id } of ended) this.#cache.delete(id)
    return ended.length
  }

  #live(kept: Kept | undefined): Kept | null {
    return kept !== undefined && this.#clock() < kept.expiresAt ? kept : null
  }

  #check(entry?: Entry): void {
    if (this.#closed) throw closed()
    if (entry && entry.bytes.length > this.#sizeLimit) {
      throw new StoreError(`An entry is larger than this store keeps (${this.#sizeLimit} bytes): raise maxBytes.`)
    }
  }
}

function reserve(max: number, maxBytes: number, dispose: (kept: Kept, id: Id) => void): LRUCache<Id, Kept> {
  try {
    return new LRUCache({ max, maxSize: maxBytes, dispose })
  } catch (cause) {
    // The list is allocated for `max` entries at once.
    throw new ConfigError('Option "max" of memory() is more than this process can hold.', { cause })
  }
}

function closed(): StoreError {
  return new StoreError('This store was closed.')
}
