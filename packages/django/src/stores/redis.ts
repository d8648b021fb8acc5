import { ConfigError } from 'strongroom'
import {
  checkOptions,
  givenRedisClient,
  type IoredisClient,
  isRedisClient,
  type NodeRedisClient,
  ownRedisClient,
  RedisConnection,
  timeoutOption,
} from 'strongroom/internal'
import type { DjangoEngine } from '../engine.ts'
import { isPickle, pickled } from '../payload.ts'
import { cacheKey } from './cache-key.ts'
import { addressIn } from './redis-address.ts'
import { type RedisFormat, RedisStore } from './redis-store.ts'

/** Options of `djangoRedis`. */
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
 * The storage of django-redis-sessions: the signed string under the session key. Sessions of Django's own `cache` and `cached_db`
 * backends are an `UnsupportedError`: see `djangoCache` and `djangoCachedDb`.
 */
export function djangoRedis(given: string | IoredisClient | NodeRedisClient | DjangoRedisOptions): DjangoEngine {
  const options = toOptions(given)
  checkOptions('djangoRedis()', options, ['url', 'client', 'prefix', 'timeout'])
  const { url, client, prefix = '' } = options
  if ((typeof url === 'string' && url !== '') === (client !== undefined))
    throw new ConfigError('djangoRedis() takes either a URL or a client.')
  if (client !== undefined && !isRedisClient(client))
    throw new ConfigError('djangoRedis(): client must be a client of ioredis or node-redis.')
  if (typeof prefix !== 'string') throw new ConfigError('djangoRedis(): prefix must be a string.')
  const timeout = timeoutOption('djangoRedis()', options.timeout, 2000)
  const source = client ? givenRedisClient(client) : ownRedisClient(addressIn('djangoRedis()', url as string), timeout)
  const keyPrefix = prefix === '' ? '' : `${prefix}:`
  return {
    name: 'redis',
    open: ({ clock }) =>
      new RedisStore(new RedisConnection(source, timeout, { durable: 'no', evicts: true }), clock, {
        engine: 'django (redis)',
        prefix: keyPrefix,
        refuse: refusePickles,
        elsewhere: ELSEWHERE,
      }),
  }
}

function toOptions(given: string | IoredisClient | NodeRedisClient | DjangoRedisOptions): DjangoRedisOptions {
  if (typeof given === 'string') return { url: given }
  return isRedisClient(given) ? { client: given } : (given as DjangoRedisOptions)
}

/** With the default settings of Django's cache, so that the wrong engine is noticed where it can be. */
const ELSEWHERE: RedisFormat['elsewhere'] = [
  (key) => ({ key: cacheKey('cache', key), advice: 'Its backend is cache: use djangoCache().' }),
  (key) => ({ key: cacheKey('cached_db', key), advice: 'Its backend is cached_db: use djangoCachedDb().' }),
]

function refusePickles(bytes: Uint8Array): void {
  if (isPickle(bytes)) throw pickled()
}
