import { createHash } from 'node:crypto'
import { type Clock, ConfigError, type Entry, type Id, type ScanOptions, type Traits, type Version } from 'strongroom'
import {
  checkOptions,
  type IoredisClient,
  ioredisDriver,
  isIoredis,
  isNodeRedis,
  type NodeRedisClient,
  nodeRedisDriver,
  open,
  parsePlace,
  RedisLink,
  wholeNumber,
} from 'strongroom/internal'
import type { DjangoEngine, WalkedStore } from '../engine.ts'
import { isKey } from '../key.ts'
import { isPickle, pickled } from '../payload.ts'

export interface DjangoRedisOptions {
  /** `redis://host:6379/0`, for a connection of our own, made with ioredis or node-redis. */
  readonly url?: string | undefined
  /** Or a client of ioredis or node-redis that is there already. It stays open when the sessions are closed. */
  readonly client?: IoredisClient | NodeRedisClient | undefined
  /** SESSION_REDIS['prefix']: a key is the prefix, a colon, and the session key; without a prefix the session key alone. */
  readonly prefix?: string | undefined
  /** Ms in which a call answers or rejects (default 2000). */
  readonly timeout?: number | undefined
}

/**
 * What django-redis-sessions keeps: the signed text under the session's key. Django's own `cache` and `cached_db` backends keep
 * pickles, which are refused with `Unsupported`.
 */
export function djangoRedis(given: string | IoredisClient | NodeRedisClient | DjangoRedisOptions): DjangoEngine {
  const options = toOptions(given)
  checkOptions('djangoRedis()', options, ['url', 'client', 'prefix', 'timeout'])
  const { url, client, prefix = '' } = options
  if ((typeof url === 'string' && url !== '') === (client !== undefined))
    throw new ConfigError('djangoRedis() takes either a URL or a client.')
  if (client && !isIoredis(client) && !isNodeRedis(client))
    throw new ConfigError('djangoRedis(): client is one of ioredis or of node-redis.')
  if (typeof prefix !== 'string') throw new ConfigError('djangoRedis(): prefix is a text.')
  const timeout = wholeNumber('djangoRedis()', 'timeout', options.timeout, 2000)
  const place = client ? null : parsePlace(url as string).place
  const source = place
    ? { open: () => open(place, timeout), owned: true }
    : {
        open: () =>
          isIoredis(client as object)
            ? ioredisDriver(client as IoredisClient)
            : nodeRedisDriver(client as NodeRedisClient),
        owned: false,
      }
  const before = prefix === '' ? '' : `${prefix}:`
  return { name: 'redis', open: ({ clock }) => new Values(new RedisLink(source, timeout, 'no'), before, clock) }
}

function toOptions(given: string | IoredisClient | NodeRedisClient | DjangoRedisOptions): DjangoRedisOptions {
  if (typeof given === 'string') return { url: given }
  const isClient = typeof given === 'object' && given !== null && (isIoredis(given) || isNodeRedis(given))
  return isClient ? { client: given as IoredisClient } : (given as DjangoRedisOptions)
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
const TOUCH = script(`return redis.call('PEXPIRE', KEYS[1], ARGV[1])`)

/** Session keys as ids, signed texts as bytes and versions; what expires, Redis removes. */
class Values implements WalkedStore {
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
  readonly #link: RedisLink
  readonly #prefix: string
  readonly #clock: Clock

  constructor(link: RedisLink, prefix: string, clock: Clock) {
    this.#link = link
    this.#prefix = prefix
    this.#clock = clock
  }

  async read(id: Id): Promise<{ entry: Entry; version: Version } | null> {
    const [value, left] = (await this.#link.run(READ, [this.#key(id)], [])) as [Buffer | null, number]
    if (value === null) return null
    const bytes = Buffer.from(value)
    if (isPickle(bytes)) throw pickled()
    // Without a deadline there, which nothing of Django's leaves, it is as good as saved now.
    const expiresAt = left < 0 ? Number.MAX_SAFE_INTEGER : this.#clock() + left
    const entry = { bytes, expiresAt, owner: null, label: null, createdAt: 0 }
    return { entry, version: bytes.toString('latin1') }
  }

  async create(id: Id, { bytes, expiresAt }: Entry): Promise<boolean> {
    const left = this.#left(expiresAt)
    return left > 0 ? this.#did(CREATE, id, [Buffer.from(bytes), left]) : true
  }

  async update(id: Id, { bytes, expiresAt }: Entry, version: Version): Promise<Version | null> {
    const left = this.#left(expiresAt)
    // One that is over is gone: Redis refuses a life of nothing.
    if (left <= 0) return (await this.delete(id, version)) ? version : null
    const done = await this.#did(UPDATE, id, [Buffer.from(bytes), left, Buffer.from(String(version), 'latin1')])
    return done ? Buffer.from(bytes).toString('latin1') : null
  }

  touch(id: Id, expiresAt: number): Promise<boolean> {
    return this.#did(TOUCH, id, [Math.max(0, this.#left(expiresAt))])
  }

  delete(id: Id, version?: Version): Promise<boolean> {
    return this.#did(DELETE, id, version === undefined ? [] : [Buffer.from(String(version), 'latin1')])
  }

  async clearExpired(): Promise<number> {
    return 0
  }

  /** Without a prefix, everything that is named like a session; what is none will not be signed like one. */
  async *keys({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<readonly string[]> {
    const before = (await this.#link.ask(async ({ keyPrefix }) => keyPrefix)) + this.#prefix
    const pattern = `${before.replace(/[\\*?[\]]/g, '\\$&')}*`
    for (const node of await this.#link.ask((driver) => driver.masters())) {
      let cursor = '0'
      do {
        const [next, names] = await this.#link.ask(() => node.scan(cursor, pattern, page))
        cursor = next
        yield names.map((name) => name.slice(before.length)).filter(isKey)
      } while (cursor !== '0' && !signal?.aborted)
    }
  }

  close(): Promise<void> {
    return this.#link.close()
  }

  async #did(what: typeof READ, id: Id, args: readonly (Buffer | number)[]): Promise<boolean> {
    return Number(await this.#link.run(what, [this.#key(id)], args)) > 0
  }

  /** From now on: the application's clock counts, and not the server's. */
  #left(expiresAt: number): number {
    return Math.ceil(expiresAt - this.#clock())
  }

  #key(id: Id): string {
    return this.#prefix + id
  }
}
