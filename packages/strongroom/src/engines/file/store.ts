import { join } from 'node:path'
import { OpenState } from '../../base/open-state.ts'
import { momentIn } from '../../base/retry.ts'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
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
import { isHexId } from '../shared/entry.ts'
import { type Count, SAMPLE } from '../shared/estimate.ts'
import { inPages, STEP } from '../shared/pages.ts'
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'
import { forbidden } from './directory.ts'
import { Disk, type LoadedFile, unanswered } from './disk.ts'
import { FileLocks, type LockRequest } from './lock.ts'
import { encode } from './record.ts'
import { chunks, sweepFiles } from './sweep.ts'

export interface Settings {
  readonly dir: string
  readonly durable: boolean
  readonly timeout: number
  readonly clock: Clock
}

/** The largest file that is read in one call. */
const SIZE_LIMIT = 2 ** 30

/** How many sessions a `deleteAll` removes each time it has a lock. More would not be faster: libuv has four threads for files. */
const DELETED_AT_ONCE = 4

/**
 * Every change of an id runs under the lock of that id's directory. So does a touch: without the lock, it could see a
 * live entry, hit the file that an update has put in its place in between, and overwrite the deadline of that update;
 * or an update could overwrite the deadline of the touch. Under the lock, the later of the two wins. A read takes no
 * lock: it opens one file, and a rename does not change a file that is open.
 */
export class Files implements IndexedStore, ScannableStore {
  readonly traits: Traits
  readonly byOwner: OwnerIndex = {
    list: (owner, options = {}) =>
      inPages<Place>(options, { ids: null, at: 0 }, (from) => this.#run(() => this.#list(owner, from))),
    deleteAll: (owner, except) => this.#run(() => this.#deleteAll(owner, except)),
  }
  readonly #disk: Disk
  readonly #locks: FileLocks
  readonly #timeout: number
  readonly #clock: Clock
  readonly #state = new OpenState()

  constructor({ dir, durable, timeout, clock }: Settings) {
    this.#disk = new Disk(dir, durable)
    this.#locks = new FileLocks(join(dir, 'locks'), timeout)
    this.#timeout = timeout
    this.#clock = clock
    this.traits = {
      engine: 'file',
      durable: durable ? 'machine' : 'process',
      shared: 'machine',
      expiresByItself: false,
      granularity: 1,
      sizeLimit: SIZE_LIMIT,
      evicts: false,
      revocable: true,
    }
  }

  read(id: Id): Promise<Found | null> {
    return this.#run(async () => {
      const found = this.#live(await this.#disk.load(id))
      if (!found) return null
      const { version, ...entry } = found
      return { entry, version }
    })
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    const { image, owner, expiresAt } = prepareWrite(entry)
    return this.#change(id, async () => {
      const old = await this.#disk.load(id)
      if (this.#live(old)) return false
      // The marker first: a session without one would escape its owner's "log me out everywhere".
      if (owner !== null) await this.#disk.addMarker(owner, id)
      await this.#disk.write(id, image, expiresAt)
      if (old && old.owner !== null && old.owner !== owner) await this.#disk.removeMarker(old.owner, id)
      return true
    })
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    const { image, version: next, owner, expiresAt } = prepareWrite(entry)
    return this.#change(id, async () => {
      const old = this.#live(await this.#disk.loadAgain(id))
      if (old?.version !== version || old.owner !== owner) return null
      await this.#disk.write(id, image, expiresAt)
      return next
    })
  }

  touch(id: Id, expiresAt: number, version?: Version): Promise<boolean> {
    return this.#change(id, async () => {
      const found = this.#live(await this.#disk.loadAgain(id))
      if (!found || (version ?? found.version) !== found.version) return false
      await this.#disk.touch(id, Math.floor(expiresAt))
      return true
    })
  }

  delete(id: Id, version?: Version): Promise<boolean> {
    return this.#change(id, () => this.#deleteIf(id, (found) => version === undefined || found.version === version))
  }

  clearExpired(options: ClearOptions = {}): Promise<number> {
    const dryRun = options.dryRun === true
    const withLock = <T>(id: Id, work: () => Promise<T>) => this.#changeSome(id, work)
    return this.#run(() => {
      return drive(
        sweepFiles({ disk: this.#disk, withLock, now: this.#clock(), batch: batchOf(options), dryRun }),
        options,
      )
    })
  }

  async *scan({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<Listing[]> {
    const limit = atLeastOne(page)
    let listings: Listing[] = []
    for (const shard of await this.#run(() => this.#disk.shards('sessions'))) {
      const ids = (await this.#run(() => this.#disk.names(shard))).filter(isHexId)
      while (ids.length > 0) {
        listings.push(...(await this.#run(() => this.#listings(ids.splice(0, limit - listings.length)))))
        if (listings.length < limit) continue
        if (signal?.aborted) return
        yield listings
        listings = []
      }
    }
    if (listings.length > 0 && !signal?.aborted) yield listings
  }

  /** Reads no file, and of many sessions not all the names: they are spread evenly over the directories. */
  estimate(): Promise<Count> {
    return this.#run(async () => {
      // Always the same first ones: two looks at the same sessions do not differ.
      const shards = (await this.#disk.shards('sessions')).toSorted()
      let seen = 0
      for (const [index, shard] of shards.entries()) {
        seen += (await this.#disk.names(shard)).filter(isHexId).length
        const done = index + 1
        if (seen >= SAMPLE && done < shards.length)
          return { count: Math.round((seen / done) * shards.length), exact: false }
      }
      return { count: seen, exact: true }
    })
  }

  async close(): Promise<void> {
    this.#state.close()
    await this.#locks.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #deleteIf(id: Id, matches: (found: LoadedFile) => boolean): Promise<boolean> {
    const found = this.#live(await this.#disk.load(id))
    if (!found || !matches(found)) return false
    await this.#disk.remove(id)
    if (found.owner !== null) await this.#disk.removeMarker(found.owner, id)
    return true
  }

  /** One step of a list. The names of all markers are read at once, and the files that they lead to some at a time. */
  async #list(owner: string, { ids, at }: Place): Promise<{ listings: Listing[]; next: Place | null }> {
    const all = ids ?? (await this.#disk.markedIds(owner))
    const listings = await this.#listings(all.slice(at, at + STEP))
    const next = at + STEP < all.length ? { ids: all, at: at + STEP } : null
    return { listings: listings.filter((listing) => listing.owner === owner), next }
  }

  async #deleteAll(owner: string, except: Id | undefined): Promise<number> {
    const ids = (await this.#disk.markedIds(owner)).filter((id) => id !== except)
    const ended = await Promise.all(byLock(ids).map((group) => this.#deleteGroup(group, owner)))
    return ended.reduce((sum, count) => sum + count, 0)
  }

  /** The ids share a lock. They do not await it all at once: the last of very many would be too late. */
  async #deleteGroup(ids: readonly Id[], owner: string): Promise<number> {
    let ended = 0
    for (const some of chunks(ids, DELETED_AT_ONCE)) {
      const isDeleted = await this.#changeSome(some[0] as Id, () =>
        Promise.all(some.map((id) => this.#deleteIf(id, (found) => found.owner === owner))),
      )
      ended += isDeleted.filter((each) => each).length
    }
    return ended
  }

  async #listings(ids: readonly Id[]): Promise<Listing[]> {
    const found = await Promise.all(ids.map((id) => this.#disk.load(id)))
    return ids.flatMap((id, index) => {
      const live = this.#live(found[index])
      return live ? [toListing(id, live)] : []
    })
  }

  #live<T extends { readonly expiresAt: number }>(found: T | null | undefined): T | null {
    return found && this.#clock() < found.expiresAt ? found : null
  }

  /** Changes one session, beside changes of others. */
  #change<T>(id: Id, work: () => Promise<T>): Promise<T> {
    return this.#withLock(id, { until: momentIn(this.#timeout), session: id }, work)
  }

  /** Changes any sessions that share the lock of this one. */
  #changeSome<T>(id: Id, work: () => Promise<T>): Promise<T> {
    return this.#withLock(id, { until: momentIn(this.#timeout) }, work)
  }

  #withLock<T>(id: Id, request: LockRequest, work: () => Promise<T>): Promise<T> {
    return this.#run(() => this.#locks.withLock(lockOf(id), request, work))
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    try {
      this.#state.assertOpen()
      await this.#disk.prepare()
      this.#state.assertOpen()
      return await work()
    } catch (error) {
      throw (await forbidden(error, this.#disk.root)) ?? unanswered(error)
    }
  }
}

/** How far a list has come: all ids with a marker of the owner, null before they are read, and how many of them are done. */
interface Place {
  readonly ids: readonly Id[] | null
  readonly at: number
}

/** The first two characters name one of 256 directories. They share 64 locks. */
function lockOf(id: Id): string {
  return String(Number.parseInt(id.slice(0, 2), 16) % 64).padStart(2, '0')
}

function byLock(ids: readonly Id[]): Id[][] {
  const groups = new Map<string, Id[]>()
  for (const id of ids) {
    const group = groups.get(lockOf(id))
    if (group) group.push(id)
    else groups.set(lockOf(id), [id])
  }
  return [...groups.values()]
}

/** Encoded, and so copied, immediately: the write waits for its lock, and the caller may reuse its buffers. */
function prepareWrite(entry: Entry) {
  if (entry.bytes.length > SIZE_LIMIT)
    throw new StoreError(`An entry is larger than a session file can be (${SIZE_LIMIT} bytes).`)
  return { ...encode(entry), owner: entry.owner, expiresAt: Math.floor(entry.expiresAt) }
}

function toListing(id: Id, { bytes, label, owner, createdAt, expiresAt }: LoadedFile): Listing {
  return { id, expiresAt, createdAt, owner, label, size: bytes.length }
}
