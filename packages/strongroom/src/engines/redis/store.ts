import { randomBytes } from 'node:crypto'
import type { Id } from '../../crypto/token.ts'
import type {
  ClearOptions,
  Clock,
  Entry,
  Found,
  Listing,
  OwnerIndex,
  ScannableStore,
  ScanOptions,
  Traits,
  Version,
} from '../../store.ts'
import type { Count } from '../shared/estimate.ts'
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'
import { packCreate, packOwner, packTouch, packUpdate } from './arguments.ts'
import { RedisChangeFeed } from './changes.ts'
import type { Claims, RedisConnection } from './connection.ts'
import { estimateOf } from './estimate.ts'
import { decode, decodeHead, indexUntil, isVersion, Keys, newVersion, SIZE_LIMIT } from './format.ts'
import { OwnerSets } from './owners.ts'
import { KeyScan } from './scan.ts'
import { CREATE, LOCK, RENEW_LOCK, TOUCH, UNLOCK, UPDATE } from './scripts.ts'

/** A lock whose lease is not renewed for this many ms is free again: its holder has died. */
const LEASE = 30_000

export interface Settings extends Claims {
  readonly prefix: string
  readonly clock: Clock
  readonly notify: boolean
}

export class Redis implements ScannableStore {
  readonly traits: Traits
  readonly byOwner?: OwnerIndex
  readonly changes?: RedisChangeFeed
  readonly #connection: RedisConnection
  readonly #keys: Keys
  readonly #clock: Clock
  readonly #owners: OwnerSets
  /** Where the scripts publish changes; empty when they do not. */
  readonly #channel: string

  constructor(connection: RedisConnection, { prefix, clock, durable, evicts, notify }: Settings) {
    this.#connection = connection
    this.#clock = clock
    this.#keys = new Keys(prefix)
    this.#channel = notify ? this.#keys.channel : ''
    const owners = new OwnerSets(connection, this.#keys, { clock, channel: this.#channel })
    this.#owners = owners
    if (notify) this.changes = new RedisChangeFeed(connection, this.#keys.channel)
    // An index that was evicted would hide live sessions from a revoke-all.
    if (evicts !== true)
      this.byOwner = {
        list: (owner, options) => owners.list(owner, options),
        deleteAll: (owner, except) => owners.deleteAll(owner, except),
      }
    this.traits = {
      engine: 'redis',
      durable,
      shared: 'network',
      expiresByItself: true,
      granularity: 1,
      sizeLimit: SIZE_LIMIT,
      // The connection checks that it is not a false promise.
      evicts: evicts === true,
      revocable: true,
    }
  }

  read(id: Id): Promise<Found | null> {
    return this.#connection.get(this.#keys.session(id)).then((value) => {
      const found = value && decode(value)
      return found && found.entry.expiresAt > this.#clock() ? found : null
    })
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    const { owner } = entry
    const write = this.#writeOf(entry, newVersion())
    // A copy, before anything is waited for: the caller may reuse its buffers.
    const packed = packCreate(entry, write)
    const keys = this.#keysOf(id, owner)
    // Without its index, the script cannot add it itself.
    if (owner !== null && keys.length === 1) await this.#owners.add(owner, id, write.until)
    return (await this.#connection.run(CREATE, keys, [packed])) === 1
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    if (!isVersion(version)) return null
    const { owner } = entry
    const write = this.#writeOf(entry, newVersion())
    const packed = packUpdate(entry, write, version)
    const keys = this.#keysOf(id, owner)
    let reply = await this.#connection.run(UPDATE, keys, this.#channel === '' ? [packed] : [packed, this.#channel])
    if (reply === 2) {
      await this.#owners.add(owner as string, id, write.until)
      reply = await this.#connection.run(UPDATE, keys, [packed, this.#channel, '1'])
    }
    return reply === 1 ? write.version : null
  }

  async touch(id: Id, expiresAt: number, version?: Version): Promise<boolean> {
    if (version !== undefined && !isVersion(version)) return false
    const now = this.#clock()
    const keys = [this.#keys.session(id)]
    const packed = packTouch(now, expiresAt, version)
    let reply = await this.#connection.run(TOUCH, keys, [packed])
    const head = decodeHead(reply)
    if (head?.owner) {
      const until = indexUntil(expiresAt, now, head.version)
      await this.#owners.add(head.owner, id, until)
      // Refused once more, it is no longer the same session: an id that is created again may have another owner.
      reply = await this.#connection.run(TOUCH, keys, [packed, packOwner(until, head.owner)])
    }
    return reply === 1
  }

  async delete(id: Id, version?: Version, owner: string | null = null): Promise<boolean> {
    if (version !== undefined && !isVersion(version)) return false
    const { ended, head } = await this.#owners.delete(id, owner, version)
    // Not in the background: an id that is created again meanwhile would be lost from the index.
    if (head) await this.#owners.remove([{ id, head }])
    return ended
  }

  async clearExpired(options: ClearOptions = {}): Promise<number> {
    return drive(this.#scan().clearing(batchOf(options), this.#owners, options.dryRun === true), options)
  }

  scan({ page = 500, signal }: ScanOptions = {}): AsyncIterable<readonly Listing[]> {
    return this.#scan().listings(atLeastOne(page), signal)
  }

  estimate(): Promise<Count | null> {
    return estimateOf(this.#connection, this.#keys)
  }

  async tryWithLock<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    const keys = [this.#keys.lease(name)]
    const holder = randomBytes(16)
    if ((await this.#connection.run(LOCK, keys, [holder, LEASE])) !== 1) return null
    // A renewal that fails is made up for by the next one: the lease lasts long enough for two.
    const renewal = setInterval(
      () => this.#connection.run(RENEW_LOCK, keys, [holder, LEASE]).catch(() => {}),
      LEASE / 3,
    )
    renewal.unref()
    try {
      return await work()
    } finally {
      clearInterval(renewal)
      // If this fails, the work is done all the same, and the lease runs out.
      await this.#connection.run(UNLOCK, keys, [holder]).catch(() => {})
    }
  }

  close(): Promise<void> {
    this.changes?.end()
    return this.#connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #scan(): KeyScan {
    return new KeyScan(this.#connection, this.#keys, this.#clock)
  }

  #writeOf({ owner, expiresAt }: Entry, version: number) {
    const now = this.#clock()
    return { now, version, until: owner === null ? 0 : indexUntil(expiresAt, now, version) }
  }

  /** The index as well, if a script may use both keys. */
  #keysOf(id: Id, owner: string | null): string[] {
    const session = this.#keys.session(id)
    return owner !== null && this.#connection.isOneServer ? [session, this.#keys.index(owner)] : [session]
  }
}
