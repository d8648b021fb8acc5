import { createHash } from 'node:crypto'
import {
  type Clock,
  type Entry,
  type Found,
  type Id,
  type ScanOptions,
  type Traits,
  UnsupportedError,
  type Version,
} from 'strongroom'
import { latin1Of, type RedisConnection } from 'strongroom/internal'
import { type EnumerableStore, isSessionKey } from '../engine.ts'

const script = (lua: string) => ({ lua, sha: createHash('sha1').update(lua).digest('hex') })

const READ = script(`return { redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]) }`)
/** Whatever is there. */
export const FORGET = script(`return redis.call('DEL', KEYS[1])`)
const EXISTS = script(`return redis.call('EXISTS', KEYS[1])`)
const CREATE = script(`return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0`)
const UPDATE = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'XX', 'PX', ARGV[2])
return 1`)
const DELETE = script(`
if ARGV[1] and redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)
const TOUCH = script(`
if ARGV[2] and redis.call('GET', KEYS[1]) ~= ARGV[2] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])`)

export interface RedisFormat {
  /** The engine's name in traits. */
  readonly engine: string
  /** What comes before the session key. */
  readonly prefix: string
  /** Throws if a value is in a format that is not to be read. */
  refuse(bytes: Uint8Array): void
  /** Under which other key Django may have the session, and what to do if it has. Asked only when there is none here. */
  readonly elsewhere: readonly ((sessionKey: string) => { readonly key: string; readonly advice: string })[]
}

/** Ids are session keys; bytes and versions are what Django stores. Redis removes what has expired. */
export class RedisStore implements EnumerableStore {
  readonly traits: Traits
  readonly #connection: RedisConnection
  readonly #format: RedisFormat
  readonly #prefix: string
  readonly #clock: Clock

  constructor(connection: RedisConnection, clock: Clock, format: RedisFormat) {
    this.#connection = connection
    this.#format = format
    this.#prefix = format.prefix
    this.#clock = clock
    this.traits = {
      engine: format.engine,
      durable: 'no',
      shared: 'network',
      expiresByItself: true,
      granularity: 1,
      sizeLimit: 512 * 1024 * 1024,
      evicts: true,
      revocable: true,
    }
  }

  async read(id: Id): Promise<Found | null> {
    const [value, left] = (await this.#connection.run(READ, [this.#key(id)], [])) as [Buffer | null, number]
    if (value === null) return this.#missing(id)
    const bytes = Buffer.from(value)
    this.#format.refuse(bytes)
    // Django always sets an expiry. A value without one never expires.
    const expiresAt = left < 0 ? Number.MAX_SAFE_INTEGER : this.#clock() + left
    const entry = { bytes, expiresAt, owner: null, label: null, createdAt: 0 }
    return { entry, version: bytes.toString('latin1') }
  }

  async create(id: Id, { bytes, expiresAt }: Entry): Promise<boolean> {
    const left = this.#left(expiresAt)
    return left > 0 ? this.#run(CREATE, id, [Buffer.from(bytes), left]) : true
  }

  async update(id: Id, { bytes, expiresAt }: Entry, version: Version): Promise<Version | null> {
    const left = this.#left(expiresAt)
    // A session that has ended is deleted, because Redis refuses an expiry that is not positive.
    if (left <= 0) return (await this.delete(id, version)) ? version : null
    const done = await this.#run(UPDATE, id, [Buffer.from(bytes), left, Buffer.from(String(version), 'latin1')])
    return done ? latin1Of(bytes) : null
  }

  touch(id: Id, expiresAt: number, version?: Version): Promise<boolean> {
    const expected = version === undefined ? [] : [Buffer.from(String(version), 'latin1')]
    return this.#run(TOUCH, id, [Math.max(0, this.#left(expiresAt)), ...expected])
  }

  delete(id: Id, version?: Version): Promise<boolean> {
    return this.#run(DELETE, id, version === undefined ? [] : [Buffer.from(String(version), 'latin1')])
  }

  async clearExpired(): Promise<number> {
    return 0
  }

  /** Without a prefix, yields every key that looks like a session key. Whatever is not a session lacks the signature of one. */
  async *keys({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<readonly string[]> {
    const before = (await this.#connection.use(async ({ keyPrefix }) => keyPrefix)) + this.#prefix
    const pattern = `${before.replace(/[\\*?[\]]/g, '\\$&')}*`
    for (const node of await this.#connection.use((driver) => driver.masters())) {
      let cursor = '0'
      do {
        const [next, names] = await this.#connection.use(() => node.scan(cursor, pattern, page))
        cursor = next
        yield names.map((name) => name.slice(before.length)).filter(isSessionKey)
      } while (cursor !== '0' && !signal?.aborted)
    }
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  /** A session that is in Django's cache must not look like one that has ended. */
  async #missing(id: Id): Promise<null> {
    for (const place of this.#format.elsewhere) {
      const { key, advice } = place(id)
      if (Number(await this.#connection.run(EXISTS, [key], [])) > 0)
        throw new UnsupportedError(`Django has this session in its cache, and not where this engine reads. ${advice}`)
    }
    return null
  }

  async #run(what: typeof READ, id: Id, args: readonly (Buffer | number)[]): Promise<boolean> {
    return Number(await this.#connection.run(what, [this.#key(id)], args)) > 0
  }

  /** Ms from now on, by the application's clock, not the server's. */
  #left(expiresAt: number): number {
    return Math.ceil(expiresAt - this.#clock())
  }

  #key(id: Id): string {
    return this.#prefix + id
  }
}
