import { OpenState } from '../../base/open-state.ts'
import type { Id } from '../../crypto/token.ts'
import type {
  ChangeFeed,
  ClearOptions,
  Clock,
  CopyKeys,
  Entry,
  Found,
  Listing,
  ListOptions,
  OwnerIndex,
  ReadOptions,
  ScanOptions,
  Schema,
  Store,
  Traits,
  Version,
} from '../../store.ts'
import { copyOf } from '../shared/entry.ts'
import { keysOfPart } from '../shared/part-keys.ts'
import { feedWhileOpen, lockWhileOpen, schemaWhileOpen } from '../shared/while-open.ts'
import { bothFeeds, bothSchemas, clearBoth, listBoth, scanBoth, weakerTraits } from './combined.ts'
import { inRounds, type Located, type Sides } from './sides.ts'
import { digestOf, tombstone } from './tombstones.ts'

/** Both stores as one. They are not closed with it. */
export class Moving implements Store {
  readonly traits: Traits
  readonly byOwner?: OwnerIndex
  readonly scan?: (options?: ScanOptions) => AsyncIterable<readonly Listing[]>
  readonly tryWithLock?: NonNullable<Store['tryWithLock']>
  readonly authenticate?: (keys: CopyKeys) => void
  readonly clearCopies?: NonNullable<Store['clearCopies']>
  readonly changes?: ChangeFeed
  readonly schema?: Schema
  readonly #sides: Sides
  readonly #clock: Clock
  readonly #state = new OpenState()

  constructor(sides: Sides, clock: Clock) {
    this.#sides = sides
    this.#clock = clock
    const { from, to } = sides
    this.traits = weakerTraits(from.traits, to.traits)
    if (from.byOwner && to.byOwner) this.byOwner = this.#index(from.byOwner, to.byOwner)
    if (from.scan && to.scan) this.scan = (options) => scanBoth(sides, () => this.#state.assertOpen(), options)
    const tryWithLock = lockWhileOpen(this.#state, to)
    if (tryWithLock) this.tryWithLock = tryWithLock
    if (from.changes && to.changes) this.changes = feedWhileOpen(this.#state, bothFeeds(from.changes, to.changes))
    if (from.authenticate || to.authenticate)
      this.authenticate = (keys) => {
        from.authenticate?.(keysOfPart('from', keys))
        to.authenticate?.(keysOfPart('to', keys))
      }
    if (from.clearCopies || to.clearCopies)
      this.clearCopies = async (options) => {
        await from.clearCopies?.(options)
        await to.clearCopies?.(options)
      }
    const schemas = [from.schema, to.schema].filter((schema) => schema !== undefined)
    if (schemas.length > 0) this.schema = schemaWhileOpen(this.#state, bothSchemas(schemas))
  }

  async read(id: Id, options: ReadOptions = {}): Promise<Found | null> {
    this.#state.assertOpen()
    const located = await this.#sides.locate(id, options)
    if (!located || located.isEnded) return null
    const { entry, side, version } = located
    return { entry, version: side === 'to' ? versionInNew(version) : versionInOld(entry) }
  }

  async create(id: Id, given: Entry): Promise<boolean> {
    this.#state.assertOpen()
    const entry = copyOf(given)
    const { from, to, phase } = this.#sides
    // A new session is created where this phase writes. The other store is only asked whether it has the id.
    const other = phase === 'move' ? await this.#sides.readOld(id) : await this.#sides.readNew(id)
    if (!other) {
      if (await (phase === 'move' ? to : from).create(id, entry)) return true
    }
    const located = await this.#sides.locate(id)
    if (!located?.isEnded) return false
    if (located.entry.owner === entry.owner) return (await to.update(id, entry, located.version)) !== null
    // Then there is neither for a moment. The ids of sessions are random, and none is created again; what may be are copies of
    // another framework's sessions, under ids that are computed.
    return (await to.delete(id, located.version)) && to.create(id, entry)
  }

  async update(id: Id, given: Entry, version: Version): Promise<Version | null> {
    this.#state.assertOpen()
    const entry = copyOf(given)
    const inner = innerVersion(version)
    if (inner !== null) return this.#updateInNew(id, entry, inner)
    return this.#inRounds(async () => {
      const located = await this.#sides.settle(id)
      if (!located || !isVersionOf(version, located) || located.entry.owner !== entry.owner) return null
      if (located.side === 'to') return this.#updateInNew(id, entry, located.version)
      const done = (await this.#sides.from.update(id, entry, located.version)) !== null
      return done ? versionInOld(entry) : undefined
    })
  }

  async touch(id: Id, expiresAt: number, version?: Version): Promise<boolean> {
    this.#state.assertOpen()
    const { from, to } = this.#sides
    return this.#inRounds(async () => {
      const located = await this.#sides.settle(id)
      if (!located || located.isEnded) return false
      if (version !== undefined && !isVersionOf(version, located)) return false
      if (located.side === 'from') {
        // Not a touch of that store, which keeps the version: a node that freezes the entry would miss the new
        // deadline.
        return (await from.update(id, { ...located.entry, expiresAt }, located.version)) !== null || undefined
      }
      if (expiresAt <= this.#clock()) return (await this.#endInNew(id, located)) || undefined
      // A crash may have left a copy in the old store. It must not outlive the session.
      if (expiresAt < located.entry.expiresAt) await from.delete(id)
      return to.touch(id, expiresAt, version === undefined ? undefined : located.version)
    })
  }

  async delete(id: Id, version?: Version): Promise<boolean> {
    this.#state.assertOpen()
    return this.#deleteIf(id, (located) => version === undefined || isVersionOf(version, located))
  }

  async clearExpired(options: ClearOptions = {}): Promise<number> {
    this.#state.assertOpen()
    return clearBoth(this.#sides, options)
  }

  async close(): Promise<void> {
    this.#state.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * An update that ends the session leaves a tombstone. Without one, a copy that a node still holds would bring it
   * back.
   */
  async #updateInNew(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    const { from, to } = this.#sides
    const now = this.#clock()
    const ends = entry.expiresAt <= now
    const next = await to.update(id, ends ? tombstone(entry, now) : entry, version)
    if (next === null) return null
    if (ends) await from.delete(id)
    return versionInNew(next)
  }

  #deleteIf(id: Id, matches: (located: Located) => boolean): Promise<boolean> {
    const { from } = this.#sides
    return this.#inRounds(async () => {
      const located = await this.#sides.settle(id)
      if (!located) return false
      if (located.isEnded) {
        // The node that left the tombstone may have died before this.
        await from.delete(id)
        return false
      }
      if (!matches(located)) return false
      // A session that is not frozen in the old store is nowhere else, so deleting that version is enough.
      const done = located.side === 'to' ? this.#endInNew(id, located) : from.delete(id, located.version)
      return (await done) || undefined
    })
  }

  async #endInNew(id: Id, { entry, version }: Located): Promise<boolean> {
    const { from, to } = this.#sides
    if ((await to.update(id, tombstone(entry, this.#clock()), version)) === null) return false
    await from.delete(id)
    return true
  }

  #index(inOld: OwnerIndex, inNew: OwnerIndex): OwnerIndex {
    const list = (owner: string, options?: ListOptions) =>
      listBoth(
        [inOld.list(owner, options), inNew.list(owner, options)],
        () => this.#state.assertOpen(),
        (id) => this.#sides.readNew(id),
      )
    const deleteAll = async (owner: string, except?: Id) => {
      let ended = 0
      for await (const page of list(owner)) {
        const ids = page.map(({ id }) => id).filter((id) => id !== except)
        const done = await Promise.all(ids.map((id) => this.#deleteIf(id, ({ entry }) => entry.owner === owner)))
        ended += done.filter(Boolean).length
      }
      return ended
    }
    return { list, deleteAll }
  }

  /** Stops between two attempts when the store is closed. */
  #inRounds<T>(attempt: () => Promise<T | undefined>): Promise<T> {
    return inRounds(async () => {
      this.#state.assertOpen()
      return attempt()
    })
  }
}

/** A version of the new store, as one of ours. Numbers and strings stay distinct. */
function versionInNew(version: Version): Version {
  return `${typeof version === 'number' ? 'n' : 's'}${version}`
}

/** A version of an entry in the old store. It is made of the content, because it must survive the move. */
function versionInOld(entry: Entry): Version {
  return `d${digestOf(entry)}`
}

/** The new store's own version inside one of ours; null when ours is not of that store. */
function innerVersion(version: Version): Version | null {
  if (typeof version !== 'string') return null
  if (version.startsWith('n')) return Number(version.slice(1))
  return version.startsWith('s') ? version.slice(1) : null
}

function isVersionOf(wanted: Version, { entry, version, side, isEnded }: Located): boolean {
  if (isEnded) return false
  return (side === 'to' && wanted === versionInNew(version)) || wanted === versionInOld(entry)
}
