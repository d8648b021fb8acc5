import { randomInt } from 'node:crypto'
import { Memo } from '../../base/memo.ts'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type { ClearOptions, Clock, Entry, Found, Store, Traits, Version } from '../../store.ts'
import { pack, unpack } from '../shared/packing.ts'
import type { NumberedReply, Servers } from './servers.ts'

export interface MemcachedSettings {
  readonly servers: Servers
  readonly prefix: string
  readonly sizeLimit: number
  readonly clock: Clock
}

/**
 * An item, with memcached's own CAS. Every change makes a new CAS, while our version survives a touch. An item that
 * another program has put there or altered is not a session: it reads as absent, and does not prevent a new one.
 */
type Item =
  | { readonly live: true; readonly cas: string; readonly entry: Entry; readonly version: Version }
  | { readonly live: false; readonly cas: string }

interface Packed {
  readonly bytes: Buffer
  readonly version: Version
  readonly owner: string | null
  readonly expiresAt: number
}

/** Each attempt that fails has lost to another caller's that succeeded. */
const ATTEMPTS = 1000

/** What is known about an item without asking again. All of it is true as long as the item still has this CAS. */
interface Known {
  readonly cas: string
  readonly version: Version
  readonly owner: string | null
  readonly expiresAt: number
  /** The connection that said so, because a server that was restarted counts its CAS from the beginning. */
  readonly connection: number
}

/** What decides whether a change is meant for an item. */
type Changeable = Pick<Known, 'version' | 'owner'>

/** How many items are remembered. */
const REMEMBERED = 10_000

export class Memcached implements Store {
  readonly traits: Traits
  readonly #servers: Servers
  readonly #prefix: string
  readonly #sizeLimit: number
  readonly #clock: Clock
  /** Of the items that were read or written lately. */
  readonly #known = new Memo<Known>(REMEMBERED)

  constructor({ servers, prefix, sizeLimit, clock }: MemcachedSettings) {
    this.#servers = servers
    this.#prefix = prefix
    this.#sizeLimit = sizeLimit
    this.#clock = clock
    this.traits = {
      engine: 'memcached',
      durable: 'no',
      shared: 'network',
      expiresByItself: true,
      granularity: 1,
      sizeLimit,
      evicts: true,
      revocable: true,
    }
  }

  async read(id: Id): Promise<Found | null> {
    const item = await this.#load(id)
    return item?.live ? { entry: item.entry, version: item.version } : null
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    // A random start, so that a version of an earlier entry of this id is no version of this one.
    const record = this.#pack(entry, randomInt(2 ** 47))
    return this.#retry(async () => {
      if ((await this.#write(id, record, 'ME')).code === 'HD') return true
      const item = await this.#load(id)
      if (item?.live) return false
      // Expired by our clock, but not yet by the server's.
      return item && (await this.#write(id, record, `C${item.cas}`)).code === 'HD' ? true : null
    })
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    if (typeof version !== 'number') return null
    const record = this.#pack(entry, version + 1)
    const isSame = (item: Changeable) => item.version === version && item.owner === entry.owner
    const done = await this.#change(id, isSame, (cas) => this.#write(id, record, `C${cas}`))
    return done ? version + 1 : null
  }

  touch(id: Id, expiresAt: number, version?: Version): Promise<boolean> {
    return this.#retry(async () => {
      const item = await this.#load(id)
      if (!item?.live || (version ?? item.version) !== item.version) return false
      const touched = this.#pack({ ...item.entry, expiresAt }, item.version)
      return outcome(await this.#write(id, touched, `C${item.cas}`))
    })
  }

  delete(id: Id, version?: Version): Promise<boolean> {
    const isSame = (item: Changeable) => version === undefined || item.version === version
    return this.#change(id, isSame, (cas) => this.#servers.of(id).send(`md ${this.#prefix}${id} C${cas}`))
  }

  /** There is nothing to clear, because memcached removes expired items itself. Only checks that the servers answer. */
  async clearExpired(_options?: ClearOptions): Promise<number> {
    await this.#servers.ping()
    return 0
  }

  async close(): Promise<void> {
    this.#servers.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * Changes a live item, if it is the one that is meant, and tries again when another caller changed it in between.
   * The item as it was last seen is tried first, without reading it again: if it has changed since, memcached refuses.
   */
  async #change(
    id: Id,
    isMeant: (item: Changeable) => boolean,
    make: (cas: string) => Promise<NumberedReply>,
  ): Promise<boolean> {
    const known = this.#known.get(id)
    this.#known.delete(id)
    if (
      known &&
      known.connection === this.#servers.of(id).connection &&
      isMeant(known) &&
      this.#clock() < known.expiresAt
    ) {
      if ((await make(known.cas)).code === 'HD') return true
    }
    return this.#retry(async () => {
      const item = await this.#load(id)
      if (!item?.live || !isMeant({ version: item.version, owner: item.entry.owner })) return false
      return outcome(await make(item.cas))
    })
  }

  async #retry(attempt: () => Promise<boolean | null>): Promise<boolean> {
    for (let left = ATTEMPTS; left > 0; left--) {
      const done = await attempt()
      if (done !== null) return done
    }
    throw new StoreError(`The session was changed by others in each of ${ATTEMPTS} attempts; nothing was written.`)
  }

  async #load(id: Id): Promise<Item | null> {
    const { code, value, cas, connection } = await this.#servers.of(id).send(`mg ${this.#prefix}${id} v c`)
    if (code === 'EN') return null
    if (cas === null) throw new StoreError('memcached did not send the CAS that it was asked for.')
    const found = value && unpack(value)
    if (!found || !(this.#clock() < found.entry.expiresAt)) return { live: false, cas }
    const { entry, version } = found
    this.#known.set(id, { cas, version, owner: entry.owner, expiresAt: entry.expiresAt, connection }, 1)
    return { live: true, entry, version, cas }
  }

  /** `mode` is ME to add, or C and the CAS to replace. Never a plain set, which would bring back what was deleted. */
  async #write(
    id: Id,
    { bytes, version, owner, expiresAt }: Packed,
    mode: 'ME' | `C${string}`,
  ): Promise<NumberedReply> {
    const seconds = exptimeFor(expiresAt, this.#clock())
    const command = ['ms', `${this.#prefix}${id}`, bytes.length, mode, `T${seconds}`, 'c'].join(' ')
    const reply = await this.#servers.of(id).send(command, bytes)
    const { code, cas, connection } = reply
    if (code === 'HD' && cas !== null) this.#known.set(id, { cas, version, owner, expiresAt, connection }, 1)
    return reply
  }

  #pack(entry: Entry, version: Version): Packed {
    // Refused here, because memcached drops the item that it has when it refuses one that is too large.
    if (entry.bytes.length > this.#sizeLimit)
      throw new StoreError(`An entry is larger than memcached accepts (${this.#sizeLimit} bytes).`)
    return { bytes: pack(entry, version), version, owner: entry.owner, expiresAt: entry.expiresAt }
  }
}

/** Null when another caller was faster. */
function outcome({ code }: NumberedReply): boolean | null {
  return code === 'EX' ? null : code === 'HD'
}

/** Up to here memcached takes the number for a length; beyond, for a moment by its own clock. */
const LONGEST = 30 * 86_400
/** How far the clocks of memcached and of this machine may be apart, for lifetimes that have to be sent as a moment. */
const CLOCK_SKEW = 86_400

/**
 * Seconds for memcached, which only cleans up by them: the deadline in the record decides. So they must never end too
 * early. The length is by the application's clock, rounded up, plus one second for memcached's clock, which ticks once
 * a second.
 */
export function exptimeFor(expiresAt: number, now: number, wallClock = Date.now()): number {
  const seconds = Math.max(Math.ceil((expiresAt - now) / 1000), 0) + 1
  return seconds <= LONGEST ? seconds : Math.min(Math.ceil(wallClock / 1000) + seconds + CLOCK_SKEW, 2 ** 32 - 1)
}
