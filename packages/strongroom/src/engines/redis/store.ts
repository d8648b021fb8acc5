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
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'
import { RedisChangeFeed } from './changes.ts'
import type { Claims, RedisConnection } from './connection.ts'
import {
  decode,
  decodeHead,
  encode,
  expireIn,
  indexUntil,
  isVersion,
  Keys,
  newVersion,
  packOwner,
  packVersion,
  SIZE_LIMIT,
  storedMoment,
} from './format.ts'
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

  async read(id: Id): Promise<Found | null> {
    const value = await this.#connection.get(this.#keys.session(id))
    const stored = value && decode(value)
    if (!stored || stored.expiresAt <= this.#clock()) return null
    const { version, bytes, expiresAt, owner, label, createdAt } = stored
    return { entry: { bytes, expiresAt, owner, label, createdAt }, version }
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    const { owner, args, until } = this.#toWrite(id, entry, newVersion())
    const keys = [this.#keys.session(id)]
    if (owner !== null) {
      if (await this.#connection.isCluster()) await this.#owners.add(owner, id, until)
      else keys.push(this.#keys.index(owner))
    }
    return (await this.#connection.run(CREATE, keys, args)) === 1
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    const next = newVersion()
    const { owner, args, until } = this.#toWrite(id, entry, next)
    if (!isVersion(version)) return null
    const expected = packVersion(version)
    const keys = [this.#keys.session(id)]
    if (owner !== null && !(await this.#connection.isCluster())) keys.push(this.#keys.index(owner))
    let reply = await this.#connection.run(UPDATE, keys, [...args, expected, '', this.#channel])
    if (reply === 2) {
      await this.#owners.add(owner as string, id, until)
      reply = await this.#connection.run(UPDATE, keys, [...args, expected, '1', this.#channel])
    }
    return reply === 1 ? next : null
  }

  async touch(id: Id, expiresAt: number, version?: Version): Promise<boolean> {
    if (version !== undefined && !isVersion(version)) return false
    const now = this.#clock()
    const keys = [this.#keys.session(id)]
    const expected = version === undefined ? '' : packVersion(version)
    const args = [now, storedMoment(expiresAt), expireIn(expiresAt, now), expected]
    let reply = await this.#connection.run(TOUCH, keys, [...args, '', 0])
    const head = decodeHead(reply)
    if (head?.owner) {
      const until = indexUntil(expiresAt, now, head.version)
      await this.#owners.add(head.owner, id, until)
      // Refused once more, it is no longer the same session: an id that is created again may have another owner.
      reply = await this.#connection.run(TOUCH, keys, [...args, packOwner(head.owner), until])
    }
    return reply === 1
  }

  async delete(id: Id, version?: Version, owner: string | null = null): Promise<boolean> {
    if (version !== undefined && !isVersion(version)) return false
    const { ended, head } = await this.#owners.delete(id, owner, version === undefined ? null : packVersion(version))
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

  /** Copies the entry into a value, and puts together the arguments of the scripts that write it. */
  #toWrite(id: Id, entry: Entry, version: number) {
    const { owner, expiresAt } = entry
    const now = this.#clock()
    const until = owner === null ? 0 : indexUntil(expiresAt, now, version)
    const value = encode(entry, version, until)
    return { owner, until, args: [now, value, expireIn(expiresAt, now), id, until, expireIn(until, now)] }
  }
}
