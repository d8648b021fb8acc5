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
import type { Count } from '../shared/estimate.ts'
import { inPages, STEP } from '../shared/pages.ts'
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'
import { Deadlines } from './deadlines.ts'
import { identityOf, LEAST, MOST_BESIDE, ownerOf, sizeOf, toEntry, toListing, toText } from './item.ts'
import { Lists } from './lists.ts'
import { Owners } from './owners.ts'
import { Table } from './table.ts'

export interface Settings {
  readonly max: number
  readonly maxBytes: number
  readonly evicts: boolean
  readonly clock: Clock
}

export class Memory implements ScannableStore {
  readonly traits: Traits
  readonly byOwner?: OwnerIndex
  readonly #table: Table
  /** Null, like `#deadlines`, in a store that evicts: it has no lists, and makes room by dropping what was not used. */
  readonly #owners: Owners | null
  readonly #deadlines: Deadlines | null
  /** In a store that evicts, all entries in one list, the most recently used one first. */
  readonly #recent: Lists | null
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
    const slots = Math.min(max, Math.ceil(maxBytes / LEAST))
    this.#table = reserve(slots)
    this.#owners = evicts ? null : new Owners(slots)
    this.#deadlines = evicts ? null : new Deadlines(this.#table.expiresAt)
    this.#recent = evicts ? new Lists(1, slots) : null
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
    const old = this.#table.find(id)
    if (this.#isLive(old)) return false
    if (old !== NONE) this.#remove(old)
    const text = toText(id, entry)
    this.#makeRoom(sizeOf(text), NONE)
    const slot = this.#table.add(text, entry, ++this.#lastVersion)
    this.#owners?.add(entry.owner, slot)
    this.#deadlines?.add(slot)
    this.#recent?.add(ALL, slot)
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
    const slot = this.#find(id, version)
    if (slot === NONE) return false
    this.#used(slot)
    this.#table.expiresAt[slot] = expiresAt
    this.#deadlines?.move(slot)
    return true
  }

  async delete(id: Id, version?: Version): Promise<boolean> {
    this.#state.assertOpen()
    const slot = this.#find(id, version)
    if (slot === NONE) return false
    this.#remove(slot)
    return true
  }

  async clearExpired(options: ClearOptions = {}): Promise<number> {
    this.#state.assertOpen()
    return drive(this.#sweep(batchOf(options), options.dryRun === true), options)
  }

  async estimate(): Promise<Count> {
    this.#state.assertOpen()
    return { count: this.#table.size, exact: true }
  }

  async *scan({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<Listing[]> {
    this.#state.assertOpen()
    let listings: Listing[] = []
    for (let slot = 1, { end } = this.#table; slot < end; slot++) {
      if (this.#isLive(slot)) listings.push(this.#listing(slot))
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
    this.#table.clear()
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
    for (let slot = 1, { end } = this.#table; slot < end; slot++) {
      if (this.#table.text(slot) !== '' && !this.#isLive(slot)) {
        if (!dryRun) this.#remove(slot)
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
    const slot = this.#find(id)
    if (slot === NONE) return null
    this.#used(slot)
    return { entry: toEntry(this.#table.text(slot), this.#table.moments(slot)), version: this.#table.version(slot) }
  }

  #update(id: Id, entry: Entry, version: Version): Version | null {
    this.#assertFits(entry)
    const slot = this.#find(id, version)
    if (slot === NONE) return null
    const [old, text] = [this.#table.text(slot), toText(id, entry)]
    if (identityOf(old) !== identityOf(text)) return null
    this.#used(slot)
    this.#makeRoom(text.length - old.length, slot)
    this.#table.set(slot, text, entry, ++this.#lastVersion)
    this.#deadlines?.move(slot)
    return this.#lastVersion
  }

  /** The slot of a live entry, of this version if one is given; `NONE` if there is none. */
  #find(id: Id, version?: Version): number {
    const slot = this.#table.find(id)
    if (!this.#isLive(slot)) return NONE
    return version === undefined || version === this.#table.version(slot) ? slot : NONE
  }

  #listing(slot: number): Listing {
    return toListing(this.#table.text(slot), this.#table.moments(slot))
  }

  #used(slot: number): void {
    this.#recent?.remove(ALL, slot)
    this.#recent?.add(ALL, slot)
  }

  #remove(slot: number): void {
    this.#owners?.remove(ownerOf(this.#table.text(slot)), slot)
    this.#deadlines?.remove(slot)
    this.#recent?.remove(ALL, slot)
    this.#table.remove(slot)
  }

  /** Removes as many entries as it takes. `replaced` is live and stays, although its deadline may pass at this very moment. */
  #makeRoom(bytes: number, replaced: number): void {
    for (;;) {
      const full = this.#table.size >= this.#max && replaced === NONE ? 'max' : this.#lacks(bytes) ? 'maxBytes' : null
      if (full === null) return
      this.#remove(this.#recent ? this.#recent.last(ALL) : this.#expired(full, replaced))
    }
  }

  /** Never a live one: an entry that is dropped before its deadline may be what refuses sessions that were ended. */
  #expired(full: 'max' | 'maxBytes', replaced: number): number {
    const first = this.#deadlines?.first ?? NONE
    if (first === NONE || first === replaced || this.#isLive(first)) throw this.#isFull(full)
    return first
  }

  #lacks(bytes: number): boolean {
    return bytes > 0 && this.#table.bytes + bytes > this.#maxBytes
  }

  #isFull(option: 'max' | 'maxBytes'): StoreError {
    const value = option === 'max' ? this.#max : this.#maxBytes
    return new StoreError(
      `memory() is full, and nothing in it has expired: raise its option "${option}", which is ${value}.`,
    )
  }

  #index(owners: Owners): OwnerIndex {
    const isOf = (slot: number, owner: string) => this.#isLive(slot) && ownerOf(this.#table.text(slot)) === owner
    const list = (owner: string, options: ListOptions = {}) =>
      inPages<number[] | undefined>(options, undefined, async (left = owners.of(owner), size) => {
        this.#state.assertOpen()
        const some = left.splice(-Math.max(size, STEP)).filter((slot) => isOf(slot, owner))
        return { listings: some.map((slot) => this.#listing(slot)), next: left.length > 0 ? left : null }
      })
    const deleteAll = async (owner: string, except?: Id) => {
      let ended = 0
      for await (const page of list(owner)) {
        this.#state.assertOpen()
        for (const { id } of page) {
          if (id === except) continue
          // Each is looked up again: it may have been updated or ended since the page was read.
          const slot = this.#table.find(id)
          if (!isOf(slot, owner)) continue
          this.#remove(slot)
          ended += 1
        }
      }
      return ended
    }
    return { list, deleteAll }
  }

  /** False for a slot that is empty, and for `NONE`. */
  #isLive(slot: number): boolean {
    return this.#clock() < (this.#table.expiresAt[slot] as number)
  }

  #assertFits({ bytes }: Entry): void {
    if (bytes.length <= this.#sizeLimit) return
    throw new StoreError(`An entry is larger than this store can hold (${this.#sizeLimit} bytes): raise maxBytes.`)
  }
}

/** No slot, since they are counted from 1. */
const NONE = 0

/** The only list of those that were used. */
const ALL = 0

function reserve(slots: number): Table {
  try {
    return new Table(slots)
  } catch (cause) {
    throw new ConfigError('Option "max" of memory() is more than this process can hold.', { cause })
  }
}
