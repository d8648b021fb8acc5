import { createHash } from 'node:crypto'
import {
  type Clock,
  ConfigError,
  type Entry,
  type Found,
  type Id,
  type ScanOptions,
  type Traits,
  type Version,
} from 'strongroom'
import {
  checkOptions,
  givenRedisClient,
  type IoredisClient,
  isRedisClient,
  latin1Of,
  type NodeRedisClient,
  ownRedisClient,
  parseRedisUrl,
  RedisConnection,
  timeoutOption,
} from 'strongroom/internal'
import { type DjangoEngine, type EnumerableStore, isSessionKey } from '../engine.ts'
import { isPickle, pickled } from '../payload.ts'

export interface DjangoRedisOptions {
  /** `redis://host:6379/0`: opens a connection of its own with ioredis or node-redis. */
  readonly url?: string | undefined
  /** Or an existing client of ioredis or node-redis. It stays open when the sessions are closed. */
  readonly client?: IoredisClient | NodeRedisClient | undefined
  /** SESSION_REDIS['prefix']. A key is the prefix, a colon and the session key; without a prefix, just the session key. */
  readonly prefix?: string | undefined
  /** How long a call may take, in ms (default 2000). */
  readonly timeout?: number | undefined
}

/**
 * The storage of django-redis-sessions: the signed string under the session key. Django's own `cache` and `cached_db` backends
 * store pickles, which are refused with `UnsupportedError`.
 */
export function djangoRedis(given: string | IoredisClient | NodeRedisClient | DjangoRedisOptions): DjangoEngine {
  const options = toOptions(given)
  checkOptions('djangoRedis()', options, ['url', 'client', 'prefix', 'timeout'])
  const { url, client, prefix = '' } = options
  if ((typeof url === 'string' && url !== '') === (client !== undefined))
    throw new ConfigError('djangoRedis() takes either a URL or a client.')
  if (client && !isRedisClient(client))
    throw new ConfigError('djangoRedis(): client must be a client of ioredis or node-redis.')
  if (typeof prefix !== 'string') throw new ConfigError('djangoRedis(): prefix must be a string.')
  const timeout = timeoutOption('djangoRedis()', options.timeout, 2000)
  const source = client ? givenRedisClient(client) : ownRedisClient(parseRedisUrl(url as string).address, timeout)
  const keyPrefix = prefix === '' ? '' : `${prefix}:`
  return {
    name: 'redis',
    open: ({ clock }) =>
      new RedisStore(new RedisConnection(source, timeout, { durable: 'no', evicts: true }), keyPrefix, clock),
  }
}

function toOptions(given: string | IoredisClient | NodeRedisClient | DjangoRedisOptions): DjangoRedisOptions {
  if (typeof given === 'string') return { url: given }
  return isRedisClient(given) ? { client: given } : (given as DjangoRedisOptions)
}

const script = (lua: string) => ({ lua, sha: createHash('sha1').update(lua).digest('hex') })

const READ = script(`return { redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]) }`)
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

/** Ids are session keys; bytes and versions are the signed string. Redis removes what has expired. */
class RedisStore implements EnumerableStore {
  readonly traits: Traits = {
    engine: 'django (redis)',
    durable: 'no',
    shared: 'network',
    expiresByItself: true,
    granularity: 1,
    sizeLimit: 512 * 1024 * 1024,
    evicts: true,
    revocable: true,
  }
  readonly #connection: RedisConnection
  readonly #prefix: string
  readonly #clock: Clock

  constructor(connection: RedisConnection, prefix: string, clock: Clock) {
    this.#connection = connection
    this.#prefix = prefix
    this.#clock = clock
  }

  async read(id: Id): Promise<Found | null> {
    const [value, left] = (await this.#connection.run(READ, [this.#key(id)], [])) as [Buffer | null, number]
    if (value === null) return null
    const bytes = Buffer.from(value)
    if (isPickle(bytes)) throw pickled()
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
