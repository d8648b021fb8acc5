import { checkOptions, clockOption, timeoutOption } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Clock, IndexedStore, ScannableStore, Store } from '../../store.ts'
import { withBackend } from '../shared/backend.ts'
import { driverAdvice } from '../shared/driver-options.ts'
import { insteadOfClient } from '../shared/foreign-client.ts'
import { withoutConflict } from '../shared/url-query.ts'
import { type Durable, givenClient, isRedisClient, ownClient, type RedisClient, RedisConnection } from './connection.ts'
import type { IoredisClient } from './ioredis.ts'
import type { NodeRedisClient } from './node-redis.ts'
import { Redis } from './store.ts'
import { parseRedisUrl, type RedisAddress } from './url.ts'

export type { IoredisClient } from './ioredis.ts'
export type { NodeRedisClient } from './node-redis.ts'

/** A store that is shared, and may evict sessions: it scans and locks across machines. With `notify` it also has `changes`. */
export type EvictingRedisStore = ScannableStore & Required<Pick<Store, 'tryWithLock'>> & AsyncDisposable

/** The same, which evicts nothing, and so can find sessions by owner. */
export type RedisStore = EvictingRedisStore & IndexedStore

interface CommonOptions {
  /** What every key begins with (default "strongroom:"). */
  readonly prefix?: string | undefined
  /** Ms within which every call resolves or rejects (default 2000). */
  readonly timeout?: number | undefined
  /**
   * What an acknowledged write survives, as your Redis is configured: "process" with an append-only file (`appendonly yes`),
   * "machine" when each write reaches the disk before the reply (`appendfsync always`), otherwise "no" (the default). Where
   * `CONFIG GET` is permitted, the first call checks this, and rejects with `ConfigError` when it is not true.
   */
  readonly durable?: Durable | undefined
  /**
   * Whether Redis may evict live sessions: whether it has a `maxmemory` and its `maxmemory-policy` is not `noeviction`. False, and
   * the default, is compared by the first call where `CONFIG GET` is permitted, and rejected with `ConfigError` when it is not
   * true. Where it is forbidden, the option must be given. With true there is no `byOwner`: Redis could evict the index of a
   * user's sessions and not the sessions, which a "log out everywhere" would then miss.
   */
  readonly evicts?: boolean | undefined
  /** Publish updates and deletes, so that `changes` can listen to them (default false). */
  readonly notify?: boolean | undefined
  readonly clock?: Clock | undefined
}

/** A connection of the store's own, made on first use: with ioredis if it is installed, otherwise with node-redis. */
export interface RedisUrlOptions extends CommonOptions {
  /**
   * `redis://`, `rediss://`, `redis+sentinel://` or `redis+cluster://`, or the same with `valkey` instead of `redis`. Its query
   * may contain the options of the store.
   */
  readonly url: string
}

/** A client of the application's, with the settings that it has. Closing the store leaves it open. */
export interface RedisClientOptions extends CommonOptions {
  readonly client: IoredisClient | NodeRedisClient
}

/**
 * Sessions in Redis or Valkey: one server, a master behind Sentinel, or a Cluster.
 *
 * Throws `ConfigError` for options that it does not know or cannot use. With a URL, the first call rejects when neither ioredis
 * nor redis is installed. With `evicts=true` in the URL itself there is no `byOwner` either, which the types cannot tell.
 */
export function redis(given: (RedisUrlOptions | RedisClientOptions) & { readonly evicts: true }): EvictingRedisStore
export function redis(
  given: string | IoredisClient | NodeRedisClient | RedisUrlOptions | RedisClientOptions,
): RedisStore
export function redis(
  given: string | IoredisClient | NodeRedisClient | RedisUrlOptions | RedisClientOptions,
): EvictingRedisStore {
  const { client, address, ...options } = toOptions(given)
  const { prefix = 'strongroom:', durable = 'no', notify = false } = options
  if (typeof prefix !== 'string') throw new ConfigError('Option "prefix" of redis() must be a string.')
  if (!['no', 'process', 'machine'].includes(durable))
    throw new ConfigError('Option "durable" of redis() must be "no", "process" or "machine".')
  if (typeof notify !== 'boolean') throw new ConfigError('Option "notify" of redis() must be true or false.')
  const evicts = options.evicts ?? null
  if (evicts !== null && typeof evicts !== 'boolean')
    throw new ConfigError('Option "evicts" of redis() must be true or false.')
  const timeout = timeoutOption('redis()', options.timeout, 2000)
  const clock = clockOption('redis()', options.clock)
  const source = client ? givenClient(client) : ownClient(address as RedisAddress, timeout)
  const claims = { durable, evicts }
  const connection = new RedisConnection(source, timeout, claims)
  return withBackend(new Redis(connection, { prefix, clock, notify, ...claims }), {
    engine: 'redis',
    ...claims,
    tls: client ? usesTls(client) : (address as RedisAddress).tls,
    command: (...words) =>
      connection.inspect(async (driver) => Promise.all((await driver.masters()).map((node) => node.command(words)))),
  })
}

/** By the options that clients of ioredis and of node-redis keep; null if there are none. */
function usesTls(client: RedisClient): boolean | null {
  const { options } = client as {
    options?: { tls?: unknown; redisOptions?: { tls?: unknown }; socket?: { tls?: unknown } }
  }
  if (!options) return null
  return Boolean(options.tls || options.redisOptions?.tls || options.socket?.tls)
}

type Options = CommonOptions & {
  readonly client?: RedisClient | undefined
  readonly address?: RedisAddress | undefined
}

const KNOWN = ['url', 'client', 'prefix', 'timeout', 'durable', 'evicts', 'notify', 'clock']

function toOptions(given: unknown): Options {
  if (typeof given === 'string') return fromUrl(given, {})
  if (typeof given !== 'object' || given === null || insteadOfClient(given) !== '')
    throw new ConfigError(
      `redis() takes a URL, a client of ioredis or of node-redis, or options.${insteadOfClient(given)}`,
    )
  if (isRedisClient(given)) return { client: given }
  checkOptions('redis()', given, KNOWN, driverAdvice('new Redis({ … })'))
  const { url, client, ...options } = given as Partial<RedisUrlOptions & RedisClientOptions>
  if ((client === undefined) === (url === undefined))
    throw new ConfigError('redis() takes either a "url" or a "client".')
  if (url !== undefined) return fromUrl(url, options)
  if (isRedisClient(client)) return { ...options, client }
  throw new ConfigError(
    `Option "client" of redis() must be a client of ioredis or of node-redis.${insteadOfClient(client)}`,
  )
}

function fromUrl(url: unknown, given: CommonOptions): Options {
  if (typeof url !== 'string') throw new ConfigError('Option "url" of redis() must be a string.')
  const { address, query } = parseRedisUrl(url)
  const inUrl = {
    prefix: query.string('prefix'),
    timeout: query.number('timeout'),
    durable: query.string('durable') as Durable | undefined,
    evicts: query.boolean('evicts'),
    notify: query.boolean('notify'),
  }
  return { ...withoutConflict<CommonOptions>('redis()', inUrl, given), address }
}
