import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type {
  ChangeFeed,
  ClearOptions,
  Clock,
  Entry,
  Listing,
  OwnerIndex,
  ScanOptions,
  Schema,
  Store,
  Traits,
  Version,
} from '../../store.ts'
import { bothCleared, bothFeeds, bothScanned, bothSchemas, listedOnce, weaker } from './both.ts'
import { digestOf, ownVersion, tombstone, versionHere, versionThere } from './marks.ts'
import type { Place, Sides } from './sides.ts'

const ROUNDS = 50

export interface MovingSettings {
  readonly sides: Sides
  readonly clock: Clock
  /** Were the stores made for this one, so that it closes them? */
  readonly made: boolean
}

/** What a change needs to be true of the session that it finds. */
type Condition = (place: Place) => boolean

export class Moving implements Store {
  readonly traits: Traits
  readonly byOwner?: OwnerIndex
  readonly scan?: (options?: ScanOptions) => AsyncIterable<readonly Listing[]>
  readonly tryWithLock?: NonNullable<Store['tryWithLock']>
  readonly changes?: ChangeFeed
  readonly schema?: Schema
  readonly #sides: Sides
  readonly #clock: Clock
  readonly #made: boolean
  #closed = false

  constructor({ sides, clock, made }: MovingSettings) {
    this.#sides = sides
    this.#clock = clock
    this.#made = made
    const { from, to } = sides
    this.traits = weaker(from.traits, to.traits)
    if (from.byOwner && to.byOwner) this.byOwner = this.#index(from.byOwner, to.byOwner)
    if (from.scan && to.scan) this.scan = (options) => bothScanned(sides, () => this.#check(), options)
    if (to.tryWithLock) this.tryWithLock = to.tryWithLock.bind(to)
    if (from.changes && to.changes) this.changes = bothFeeds(from.changes, to.changes)
    const schemas = [from.schema, to.schema].filter((schema) => schema !== undefined)
    if (schemas.length > 0) this.schema = bothSchemas(schemas)
  }

  async read(id: Id): Promise<{ entry: Entry; version: Version } | null> {
    this.#check()
    const place = await this.#sides.find(id)
    if (!place || place.ended) return null
    const { entry, side, version } = place
    return { entry, version: side === 'to' ? versionThere(version) : versionHere(entry) }
  }

  async create(id: Id, given: Entry): Promise<boolean> {
    this.#check()
    const entry = copyOf(given)
    const { from, to, phase } = this.#sides
    // What is not there yet is created where this phase writes; the other store is asked only whether it has the id.
    const other = phase === 'move' ? await this.#sides.here(id) : await this.#sides.there(id)
    if (!other) {
      if (await (phase === 'move' ? to : from).create(id, entry)) return true
    }
    const place = await this.#sides.find(id)
    return place?.ended === true && (await to.update(id, entry, place.version)) !== null
  }

  async update(id: Id, given: Entry, version: Version): Promise<Version | null> {
    this.#check()
    const entry = copyOf(given)
    const own = ownVersion(version)
    if (own !== null) return this.#updateThere(id, entry, own)
    for (const _ of this.#rounds()) {
      const place = await this.#sides.settle(id)
      if (!place || !this.#matches(place, version)) return null
      if (place.side === 'to') return this.#updateThere(id, entry, place.version)
      if ((await this.#sides.from.update(id, entry, place.version)) !== null) return versionHere(entry)
    }
    throw busy()
  }

  async touch(id: Id, expiresAt: number): Promise<boolean> {
    this.#check()
    const { from, to } = this.#sides
    for (const _ of this.#rounds()) {
      const place = await this.#sides.settle(id)
      if (!place || place.ended) return false
      if (place.side === 'from') {
        // No touch of that store: it keeps the version, and so whoever freezes the entry would not see the new deadline.
        if ((await from.update(id, { ...place.entry, expiresAt }, place.version)) !== null) return true
        continue
      }
      if (expiresAt <= this.#clock()) {
        if (await this.#endThere(id, place)) return true
        continue
      }
      // A copy that a crash has left behind would outlive the session that it was made of.
      if (expiresAt < place.entry.expiresAt) await from.delete(id)
      return to.touch(id, expiresAt)
    }
    throw busy()
  }

  async delete(id: Id, version?: Version): Promise<boolean> {
    this.#check()
    return this.#end(id, (place) => version === undefined || this.#matches(place, version))
  }

  async clearExpired(options: ClearOptions = {}): Promise<number> {
    this.#check()
    return bothCleared(this.#sides, options)
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#made) await Promise.all([this.#sides.from.close(), this.#sides.to.close()])
  }

  /** An ending leaves a tombstone: without one, a copy that is on its way would bring the session back. */
  async #updateThere(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    const { from, to } = this.#sides
    const now = this.#clock()
    const ends = entry.expiresAt <= now
    const next = await to.update(id, ends ? tombstone(entry, now) : entry, version)
    if (next === null) return null
    if (ends) await from.delete(id)
    return versionThere(next)
  }

  async #end(id: Id, condition: Condition): Promise<boolean> {
    const { from } = this.#sides
    for (const _ of this.#rounds()) {
      const place = await this.#sides.settle(id)
      if (!place) return false
      if (place.ended) {
        // Whoever put the tombstone may not have come as far as this.
        await from.delete(id)
        return false
      }
      if (!condition(place)) return false
      // Not frozen in the old store is nowhere else: deleting that version is all.
      if (place.side === 'to' ? await this.#endThere(id, place) : await from.delete(id, place.version)) return true
    }
    throw busy()
  }

  async #endThere(id: Id, { entry, version }: Place): Promise<boolean> {
    const { from, to } = this.#sides
    if ((await to.update(id, tombstone(entry, this.#clock()), version)) === null) return false
    await from.delete(id)
    return true
  }

  #matches({ entry, version, side, ended }: Place, wanted: Version): boolean {
    if (ended) return false
    if (side === 'to' && wanted === versionThere(version)) return true
    return wanted === `d${digestOf(entry)}`
  }

  #index(here: OwnerIndex, there: OwnerIndex): OwnerIndex {
    const list = async (owner: string) => {
      this.#check()
      // In this order: what is moved in between is then in both lists, and not in none.
      const old = await here.list(owner)
      return listedOnce(old, await there.list(owner), (id) => this.#sides.there(id))
    }
    const deleteAll = async (owner: string, except?: Id) => {
      const ids = (await list(owner)).map(({ id }) => id).filter((id) => id !== except)
      const ended = await Promise.all(ids.map((id) => this.#end(id, ({ entry }) => entry.owner === owner)))
      return ended.filter(Boolean).length
    }
    return { list, deleteAll }
  }

  *#rounds(): Generator<number> {
    for (let round = 0; round < ROUNDS; round += 1) {
      this.#check()
      yield round
    }
  }

  #check(): void {
    if (this.#closed) throw new StoreError('This store was closed.')
  }
}

/** The stores get their bytes after others were asked: until then the caller may reuse its buffers. */
function copyOf(entry: Entry): Entry {
  return { ...entry, bytes: Buffer.from(entry.bytes), label: entry.label && Buffer.from(entry.label) }
}

function busy(): StoreError {
  return new StoreError('A session changed too often to be changed once more.')
}
