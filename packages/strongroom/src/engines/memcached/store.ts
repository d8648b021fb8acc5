import { randomInt } from 'node:crypto'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type { ClearOptions, Clock, Entry, Store, Traits, Version } from '../../store.ts'
import { pack, unpack } from '../shared/packing.ts'
import { exptimeFor } from './exptime.ts'
import { Recent } from './recent.ts'
import type { Ring } from './ring.ts'
import type { Answer } from './server.ts'

export interface MemcachedSettings {
  readonly ring: Ring
  readonly prefix: string
  readonly sizeLimit: number
  readonly clock: Clock
}

/**
 * What is there, under memcached's own CAS, which is another after each change: ours after a touch is not. What somebody else
 * has put there, or altered, is no session: absent for whoever reads, and not in the way of a new one.
 */
type Found =
  | { readonly live: true; readonly cas: string; readonly entry: Entry; readonly version: Version }
  | { readonly live: false; readonly cas: string }

interface Packed {
  readonly bytes: Buffer
  readonly version: Version
  readonly expiresAt: number
}

/** Each try that fails has lost to somebody else's that did not. */
const ATTEMPTS = 1000

export class Memcached implements Store {
  readonly traits: Traits
  readonly #ring: Ring
  readonly #prefix: string
  readonly #sizeLimit: number
  readonly #clock: Clock
  readonly #recent = new Recent()

  constructor({ ring, prefix, sizeLimit, clock }: MemcachedSettings) {
    this.#ring = ring
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

  async read(id: Id): Promise<{ entry: Entry; version: Version } | null> {
    const found = await this.#find(id)
    return found?.live ? { entry: found.entry, version: found.version } : null
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    // A random start, so that whoever has read an earlier entry of this id does not hold a version of this one.
    const record = this.#pack(entry, randomInt(2 ** 47))
    return this.#insist(async () => {
      if ((await this.#write(id, record, 'ME')).code === 'HD') return true
      const found = await this.#find(id)
      if (found?.live) return false
      // Dead by our clock, and not yet by the server's.
      return found && (await this.#write(id, record, `C${found.cas}`)).code === 'HD' ? true : null
    })
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    if (typeof version !== 'number') return null
    const record = this.#pack(entry, version + 1)
    const done = await this.#change(id, version, (cas) => this.#write(id, record, `C${cas}`))
    return done ? version + 1 : null
  }

  touch(id: Id, expiresAt: number): Promise<boolean> {
    return this.#insist(async () => {
      const found = await this.#find(id)
      if (!found?.live) return false
      const { entry, version, cas } = found
      return outcome(await this.#write(id, this.#pack({ ...entry, expiresAt }, version), `C${cas}`))
    })
  }

  delete(id: Id, version?: Version): Promise<boolean> {
    return this.#change(id, version, (cas) => this.#ring.of(id).ask(`md ${this.#prefix}${id} C${cas}`))
  }

  /** There is nothing to clear: memcached drops what is expired. Only asks whether the servers are there. */
  async clearExpired(_options?: ClearOptions): Promise<number> {
    await this.#ring.ping()
    return 0
  }

  async close(): Promise<void> {
    this.#ring.close()
  }

  /**
   * Changes what is live, of this version if one is given, until nobody else does so in between. What was seen last is tried
   * first, without reading again: if it is there no longer, memcached refuses.
   */
  async #change(id: Id, version: Version | undefined, make: (cas: string) => Promise<Answer>): Promise<boolean> {
    const fits = (known: { version: Version }) => version === undefined || known.version === version
    const known = this.#recent.get(id)
    this.#recent.delete(id)
    if (known && known.line === this.#ring.of(id).line && fits(known) && this.#clock() < known.expiresAt) {
      if ((await make(known.cas)).code === 'HD') return true
    }
    return this.#insist(async () => {
      const found = await this.#find(id)
      if (!found?.live || !fits(found)) return false
      return outcome(await make(found.cas))
    })
  }

  async #insist(attempt: () => Promise<boolean | null>): Promise<boolean> {
    for (let left = ATTEMPTS; left > 0; left--) {
      const done = await attempt()
      if (done !== null) return done
    }
    throw new StoreError('The session was changed by others all the time; nothing was written.')
  }

  async #find(id: Id): Promise<Found | null> {
    const { code, value, cas, line } = await this.#ring.of(id).ask(`mg ${this.#prefix}${id} v c`)
    if (code === 'EN') return null
    if (cas === null) throw new StoreError('memcached answered without the CAS that was asked for.')
    const found = value && unpack(value)
    if (!found || !(this.#clock() < found.entry.expiresAt)) return { live: false, cas }
    const { entry, version } = found
    this.#recent.set(id, { cas, version, expiresAt: entry.expiresAt, line })
    return { live: true, entry, version, cas }
  }

  /** `mode` is ME, to add, or C and the CAS to replace: never a plain set, which would bring back what was deleted. */
  async #write(id: Id, { bytes, version, expiresAt }: Packed, mode: 'ME' | `C${string}`): Promise<Answer> {
    const seconds = exptimeFor(expiresAt, this.#clock())
    const command = ['ms', `${this.#prefix}${id}`, bytes.length, mode, `T${seconds}`, 'c'].join(' ')
    const reply = await this.#ring.of(id).ask(command, bytes)
    const { code, cas, line } = reply
    if (code === 'HD' && cas !== null) this.#recent.set(id, { cas, version, expiresAt, line })
    return reply
  }

  #pack(entry: Entry, version: Version): Packed {
    // Refused here: memcached throws away what is there when it refuses something that is too large.
    if (entry.bytes.length > this.#sizeLimit)
      throw new StoreError(`An entry is larger than memcached keeps (${this.#sizeLimit} bytes).`)
    return { bytes: pack(entry, version), version, expiresAt: entry.expiresAt }
  }
}

/** Null when somebody else was faster. */
function outcome({ code }: Answer): boolean | null {
  return code === 'EX' ? null : code === 'HD'
}
