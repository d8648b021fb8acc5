import type { Id } from '../../crypto/token.ts'
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
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'
import { Changes } from './changes.ts'
import { Keys } from './keys.ts'
import { withLease } from './lease.ts'
import type { Durable, Link } from './link.ts'
import { forgetIn, indexUntil } from './moments.ts'
import { Owners } from './owners.ts'
import { decode, decodeHead, encode, moment, newVersion, packed, packedOwner, SIZE_LIMIT } from './record.ts'
import { CREATE, TOUCH, UPDATE } from './scripts.ts'
import { Walk } from './walk.ts'

export interface Settings {
  readonly prefix: string
  readonly clock: Clock
  readonly durable: Durable
  readonly notify: boolean
}

export class Redis implements IndexedStore, ScannableStore {
  readonly traits: Traits
  readonly byOwner: OwnerIndex
  readonly changes?: Changes
  readonly #link: Link
  readonly #keys: Keys
  readonly #clock: Clock
  readonly #owners: Owners
  /** Where scripts tell of changes; empty when they do not. */
  readonly #channel: string

  constructor(link: Link, { prefix, clock, durable, notify }: Settings) {
    this.#link = link
    this.#clock = clock
    this.#keys = new Keys(prefix)
    this.#channel = notify ? this.#keys.channel : ''
    const owners = new Owners(link, this.#keys, { clock, channel: this.#channel })
    this.#owners = owners
    if (notify) this.changes = new Changes(link, this.#keys.channel)
    this.byOwner = {
      list: (owner) => owners.list(owner),
      deleteAll: (owner, except) => owners.deleteAll(owner, except),
    }
    // What is said to be durable is checked not to evict.
    const said = { durable, evicts: durable === 'no', sizeLimit: SIZE_LIMIT }
    this.traits = {
      engine: 'redis',
      ...said,
      shared: 'network',
      expiresByItself: true,
      granularity: 1,
      revocable: true,
    }
  }

  async read(id: Id): Promise<{ entry: Entry; version: Version } | null> {
    const value = await this.#link.get(this.#keys.session(id))
    const kept = value && decode(value)
    if (!kept || kept.expiresAt <= this.#clock()) return null
    const { version, bytes, expiresAt, owner, label, createdAt } = kept
    return { entry: { bytes, expiresAt, owner, label, createdAt }, version }
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    const { owner, args, until } = this.#toWrite(id, entry, newVersion())
    const keys = [this.#keys.session(id)]
    if (owner !== null) {
      if (await this.#link.isSplit()) await this.#owners.tell(owner, id, until)
      else keys.push(this.#keys.index(owner))
    }
    return (await this.#link.run(CREATE, keys, args)) === 1
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    const next = newVersion()
    const { owner, args, until } = this.#toWrite(id, entry, next)
    if (!isVersion(version)) return null
    const old = packed(version)
    const keys = [this.#keys.session(id)]
    if (owner !== null && !(await this.#link.isSplit())) keys.push(this.#keys.index(owner))
    let reply = await this.#link.run(UPDATE, keys, [...args, old, '', this.#channel])
    if (reply === 2) {
      await this.#owners.tell(owner as string, id, until)
      reply = await this.#link.run(UPDATE, keys, [...args, old, '1', this.#channel])
    }
    const before = decodeHead(reply)
    if (before) void this.#owners.forget(id, before)
    return before || reply === 1 ? next : null
  }

  async touch(id: Id, expiresAt: number): Promise<boolean> {
    const now = this.#clock()
    const keys = [this.#keys.session(id)]
    const args = [now, moment(expiresAt), forgetIn(expiresAt, now)]
    let reply = await this.#link.run(TOUCH, keys, [...args, '', 0])
    // Once is enough, unless its owner changes in between, again and again.
    for (let tries = 0; tries < 3; tries += 1) {
      const head = decodeHead(reply)
      if (head?.owner == null) break
      const until = indexUntil(expiresAt, now, head.version)
      await this.#owners.tell(head.owner, id, until)
      reply = await this.#link.run(TOUCH, keys, [...args, packedOwner(head.owner), until])
    }
    return reply === 1
  }

  async delete(id: Id, version?: Version, owner: string | null = null): Promise<boolean> {
    if (version !== undefined && !isVersion(version)) return false
    const { ended, head } = await this.#owners.end(id, owner, version === undefined ? null : packed(version))
    if (head) void this.#owners.forget(id, head)
    return ended
  }

  async clearExpired(options: ClearOptions = {}): Promise<number> {
    return drive(this.#walk().clearing(batchOf(options), this.#owners, options.dryRun === true), options)
  }

  scan({ page = 500, signal }: ScanOptions = {}): AsyncIterable<readonly Listing[]> {
    return this.#walk().listings(atLeastOne(page), signal)
  }

  tryWithLock<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    return withLease(this.#link, this.#keys.lease(name), work)
  }

  close(): Promise<void> {
    this.changes?.end()
    return this.#link.close()
  }

  #walk(): Walk {
    return new Walk(this.#link, this.#keys, this.#clock)
  }

  /** A copy of the entry as a value, and what the scripts want to know with it. */
  #toWrite(id: Id, entry: Entry, version: number) {
    const { owner, expiresAt } = entry
    const now = this.#clock()
    const until = owner === null ? 0 : indexUntil(expiresAt, now, version)
    const value = encode(entry, version, until)
    return { owner, until, args: [now, value, forgetIn(expiresAt, now), id, until, forgetIn(until, now)] }
  }
}

function isVersion(version: Version): version is number {
  return Number.isSafeInteger(version) && (version as number) >= 0 && (version as number) < 2 ** 48
}
