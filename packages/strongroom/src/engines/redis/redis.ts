import { checkOptions, clockOption, wholeNumber } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Clock, IndexedStore, ScannableStore, Store } from '../../store.ts'
import type { Driver } from './driver.ts'
import { type IoredisClient, ioredisDriver, isIoredis } from './ioredis.ts'
import { type Durable, Link } from './link.ts'
import { isNodeRedis, type NodeRedisClient, nodeRedisDriver } from './node-redis.ts'
import { open } from './open.ts'
import { type Place, parsePlace } from './place.ts'
import { Redis } from './store.ts'

export type { IoredisClient } from './ioredis.ts'
export type { NodeRedisClient } from './node-redis.ts'

/** It can find an owner's sessions, be walked, and tell runners apart; it tells of changes with `notify`. */
export type RedisStore = IndexedStore & ScannableStore & Required<Pick<Store, 'tryWithLock'>>

interface CommonOptions {
  /** What every key begins with (default "strongroom:"). */
  readonly prefix?: string | undefined
  /** Ms in which every call answers or rejects (default 2000). */
  readonly timeout?: number | undefined
  /**
   * What your Redis is set to keep of an acknowledged write: "process" with an append-only file (`appendonly yes`), "machine"
   * when that reaches the disk before the answer (`appendfsync always`), "no" (the default) otherwise. Where Redis may be
   * asked (`CONFIG GET`) it is, and what is not true is an error.
   */
  readonly durable?: Durable | undefined
  /** Tell of updates and deletes, so that `changes` can be listened to (default false). */
  readonly notify?: boolean | undefined
  readonly clock?: Clock | undefined
}

/** A connection of our own, made on first use with ioredis if that is installed, else with node-redis. */
export interface RedisUrlOptions extends CommonOptions {
  /**
   * `redis://`, `rediss://`, `redis+sentinel://`, `redis+cluster://`, or `valkey` in the place of `redis`. Its query may hold
   * the options of the store.
   */
  readonly url: string
}

/** A client that is there already, with the settings that it has. It stays open when the store is closed. */
export interface RedisClientOptions extends CommonOptions {
  readonly client: IoredisClient | NodeRedisClient
}

/**
 * Sessions in Redis or Valkey: standalone, behind Sentinel, or a Cluster.
 *
 * Throws `ConfigError` for options that it does not know or cannot use. The first call on a URL rejects when neither ioredis
 * nor redis is installed.
 */
export function redis(
  given: string | IoredisClient | NodeRedisClient | RedisUrlOptions | RedisClientOptions,
): RedisStore {
  const { client, place, ...options } = toOptions(given)
  const { prefix = 'strongroom:', durable = 'no', notify = false } = options
  if (typeof prefix !== 'string') throw new ConfigError('Option "prefix" of redis() must be a text.')
  if (!['no', 'process', 'machine'].includes(durable))
    throw new ConfigError('Option "durable" of redis() must be "no", "process" or "machine".')
  if (typeof notify !== 'boolean') throw new ConfigError('Option "notify" of redis() must be true or false.')
  const timeout = wholeNumber('redis()', 'timeout', options.timeout, 2000)
  const clock = clockOption('redis()', options.clock)
  const source = client
    ? { open: async () => driverOf(client), owned: false }
    : { open: () => open(place as Place, timeout), owned: true }
  return new Redis(new Link(source, timeout, durable), { prefix, clock, durable, notify })
}

type Options = CommonOptions & { readonly client?: object | undefined; readonly place?: Place | undefined }

const KNOWN = ['url', 'client', 'prefix', 'timeout', 'durable', 'notify', 'clock']

function toOptions(given: unknown): Options {
  if (typeof given === 'string') return fromUrl(given, {})
  if (typeof given !== 'object' || given === null) throw new ConfigError('redis() takes a URL, a client or options.')
  if (isIoredis(given) || isNodeRedis(given)) return { client: given }
  checkOptions('redis()', given, KNOWN)
  const { url, client, ...options } = given as Partial<RedisUrlOptions & RedisClientOptions>
  if ((client === undefined) === (url === undefined))
    throw new ConfigError('redis() takes either a "url" or a "client".')
  if (url !== undefined) return fromUrl(url, options)
  if (typeof client === 'object' && client !== null && (isIoredis(client) || isNodeRedis(client)))
    return { ...options, client }
  throw new ConfigError('Option "client" of redis() must be a client of ioredis or of node-redis.')
}

function fromUrl(url: unknown, beside: CommonOptions): Options {
  if (typeof url !== 'string') throw new ConfigError('Option "url" of redis() must be a text.')
  const { place, own } = parsePlace(url)
  const inside = {
    prefix: own.text('prefix'),
    timeout: own.number('timeout'),
    durable: own.text('durable') as Durable | undefined,
    notify: own.boolean('notify'),
  }
  const options: Record<string, unknown> = { ...beside, place }
  for (const [name, value] of Object.entries(inside)) {
    if (value === undefined) continue
    if (options[name] !== undefined)
      throw new ConfigError(`Option "${name}" of redis() stands in the URL and beside it.`)
    options[name] = value
  }
  return options
}

function driverOf(client: object): Driver {
  return isIoredis(client) ? ioredisDriver(client) : nodeRedisDriver(client as NodeRedisClient)
}
