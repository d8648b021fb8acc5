import { join } from 'node:path'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type {
  ClearOptions,
  Clock,
  Entry,
  IndexedStore,
  Listing,
  OwnerIndex,
  ScannableStore,
  ScanOptions,
  Traits,
  Version,
} from '../../store.ts'
import { Locks } from '../shared/file-lock.ts'
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'
import { momentIn } from '../sqlite/patience.ts'
import { Disk, type Found, unanswered } from './disk.ts'
import { encode } from './record.ts'
import { clearing, isId } from './sweep.ts'

export interface Settings {
  readonly dir: string
  readonly durable: boolean
  readonly timeout: number
  readonly clock: Clock
}

/** The largest file that is read in one piece. */
const SIZE_LIMIT = 2 ** 30

/**
 * Whatever changes an id runs under the lock of that id's directory, a touch too: without it, a touch that has just seen a
 * live entry could land on the file that an update has meanwhile put in its place, and undo the deadline that came with it,
 * or be undone by a file that was stamped before. Under the lock the later of the two simply wins. A read takes no lock: it
 * opens one file, and a rename does not change the file that is open.
 */
export class Files implements IndexedStore, ScannableStore {
  readonly traits: Traits
  readonly byOwner: OwnerIndex = {
    list: (owner) => this.#answer(() => this.#list(owner)),
    deleteAll: (owner, except) => this.#answer(() => this.#deleteAll(owner, except)),
  }
  readonly #disk: Disk
  readonly #locks: Locks
  readonly #timeout: number
  readonly #clock: Clock
  #closed = false

  constructor({ dir, durable, timeout, clock }: Settings) {
    this.#disk = new Disk(dir, durable)
    this.#locks = new Locks(join(dir, 'locks'), timeout)
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

  read(id: Id): Promise<{ entry: Entry; version: Version } | null> {
    return this.#answer(async () => {
      const found = this.#live(await this.#disk.load(id))
      if (!found) return null
      const { version, ...entry } = found
      return { entry, version }
    })
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    const written = prepare(entry)
    return this.#change(id, async () => {
      const old = await this.#disk.load(id)
      if (this.#live(old)) return false
      await this.#put(id, written, old)
      return true
    })
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    const written = prepare(entry)
    return this.#change(id, async () => {
      const old = await this.#disk.load(id)
      if (this.#live(old)?.version !== version) return null
      await this.#put(id, written, old)
      return written.version
    })
  }

  touch(id: Id, expiresAt: number): Promise<boolean> {
    return this.#change(id, async () => {
      if (!this.#live(await this.#disk.load(id))) return false
      await this.#disk.touch(id, Math.floor(expiresAt))
      return true
    })
  }

  delete(id: Id, version?: Version): Promise<boolean> {
    return this.#change(id, () => this.#end(id, (found) => version === undefined || found.version === version))
  }

  clearExpired(options: ClearOptions = {}): Promise<number> {
    const dryRun = options.dryRun === true
    const hold = <T>(id: Id, work: () => Promise<T>) => this.#change(id, work)
    return this.#answer(() => {
      return drive(clearing({ disk: this.#disk, hold, now: this.#clock(), batch: batchOf(options), dryRun }), options)
    })
  }

  async *scan({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<Listing[]> {
    const limit = atLeastOne(page)
    let listings: Listing[] = []
    for (const shard of await this.#answer(() => this.#disk.shards('sessions'))) {
      const ids = (await this.#answer(() => this.#disk.names(shard))).filter(isId)
      while (ids.length > 0) {
        listings.push(...(await this.#answer(() => this.#listings(ids.splice(0, limit - listings.length)))))
        if (listings.length < limit) continue
        if (signal?.aborted) return
        yield listings
        listings = []
      }
    }
    if (listings.length > 0 && !signal?.aborted) yield listings
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#locks.close()
  }

  async #put(id: Id, { image, owner, expiresAt }: Written, old: Found | null): Promise<void> {
    // The mark first: a session without one would escape its owner's "log me out everywhere".
    if (owner !== null && old?.owner !== owner) await this.#disk.mark(owner, id)
    await this.#disk.write(id, image, expiresAt)
    if (old && old.owner !== null && old.owner !== owner) await this.#disk.unmark(old.owner, id)
  }

  async #end(id: Id, matches: (found: Found) => boolean): Promise<boolean> {
    const found = this.#live(await this.#disk.load(id))
    if (!found || !matches(found)) return false
    await this.#disk.remove(id)
    if (found.owner !== null) await this.#disk.unmark(found.owner, id)
    return true
  }

  async #list(owner: string): Promise<Listing[]> {
    const listings = await this.#listings(await this.#disk.marked(owner))
    return listings.filter((listing) => listing.owner === owner)
  }

  async #deleteAll(owner: string, except: Id | undefined): Promise<number> {
    const ids = (await this.#disk.marked(owner)).filter((id) => id !== except)
    const ended = await Promise.all(
      ids.map((id) => this.#change(id, () => this.#end(id, (found) => found.owner === owner))),
    )
    return ended.filter((each) => each).length
  }

  async #listings(ids: readonly Id[]): Promise<Listing[]> {
    const found = await Promise.all(ids.map((id) => this.#disk.load(id)))
    return ids.flatMap((id, index) => {
      const kept = this.#live(found[index])
      return kept ? [toListing(id, kept)] : []
    })
  }

  #live<T extends { readonly expiresAt: number }>(found: T | null | undefined): T | null {
    return found && this.#clock() < found.expiresAt ? found : null
  }

  #change<T>(id: Id, work: () => Promise<T>): Promise<T> {
    const until = momentIn(this.#timeout)
    // The first two characters are the directory, and a quarter as many locks will do.
    const lock = String(Number.parseInt(id.slice(0, 2), 16) % 64).padStart(2, '0')
    return this.#answer(() => this.#locks.hold(lock, until, work))
  }

  async #answer<T>(work: () => Promise<T>): Promise<T> {
    try {
      this.#check()
      await this.#disk.make()
      this.#check()
      return await work()
    } catch (error) {
      throw unanswered(error)
    }
  }

  #check(): void {
    if (this.#closed) throw new StoreError('This store was closed.')
  }
}

interface Written {
  readonly image: Buffer
  readonly version: string
  readonly owner: string | null
  readonly expiresAt: number
}

/** Copies at once: the write waits for its turn, and the caller may reuse its buffers meanwhile. */
function prepare(entry: Entry): Written {
  if (entry.bytes.length > SIZE_LIMIT)
    throw new StoreError(`An entry is larger than a session file (${SIZE_LIMIT} bytes).`)
  return { ...encode(entry), owner: entry.owner, expiresAt: Math.floor(entry.expiresAt) }
}

function toListing(id: Id, { bytes, label, owner, createdAt, expiresAt }: Found): Listing {
  return { id, expiresAt, createdAt, owner, label, size: bytes.length }
}
