import { ConfigError, UnsupportedError } from 'strongroom'
import {
  checkOptions,
  givenRedisClient,
  type IoredisClient,
  isRedisClient,
  type NodeRedisClient,
  ownRedisClient,
  RedisConnection,
  timeoutOption,
  wholeNumber,
} from 'strongroom/internal'
import type { DjangoEngine } from '../engine.ts'
import { isPickle, pickled } from '../payload.ts'
import { type CacheNaming, cacheKey } from './cache-key.ts'
import { addressIn } from './redis-address.ts'
import { RedisStore } from './redis-store.ts'

/** Django's cache on Redis: Django's own RedisCache, or django-redis. */
export interface DjangoCacheOptions extends CacheNaming {
  /** `redis://user:password@host:6379/0`, or `rediss:` for TLS. Needs the package redis or ioredis. */
  readonly url?: string | undefined
  /** Or an existing client of ioredis or node-redis. It stays open when the sessions are closed. */
  readonly client?: IoredisClient | NodeRedisClient | undefined
  /** How long a call may take, in ms (default 2000). */
  readonly timeout?: number | undefined
}

/**
 * Django's `cache` backend, with a cache on Redis whose serializer is JSON: django-redis with
 * `'SERIALIZER': 'django_redis.serializers.json.JSONSerializer'`. By default, Django's caches store Python pickles, and reading a
 * pickle runs code: sessions in them are an `UnsupportedError`, and nobody is logged out.
 *
 * Django does not sign what it caches. Anyone who can write to the cache can sign in as anyone.
 */
export function djangoCache(given: string | IoredisClient | NodeRedisClient | DjangoCacheOptions): DjangoEngine {
  const cache = cacheOf('djangoCache()', given)
  return {
    name: 'cache',
    unsigned: true,
    open: ({ clock }) =>
      new RedisStore(cache.connect(), clock, {
        engine: 'django (cache)',
        prefix: cache.keyOf('cache', ''),
        refuse: refuseUnlessJson,
        elsewhere: [
          (key) => ({ key: cache.keyOf('cached_db', key), advice: 'Its backend is cached_db: use djangoCachedDb().' }),
        ],
      }),
  }
}

export interface Cache {
  connect(): RedisConnection
  /** The key of a session of one of the two backends that use the cache. */
  keyOf(backend: 'cache' | 'cached_db', sessionKey: string): string
}

/** Checks options. Throws `ConfigError`, naming `where`. */
export function cacheOf(where: string, given: string | IoredisClient | NodeRedisClient | DjangoCacheOptions): Cache {
  const options = toOptions(given)
  checkOptions(where, options, ['url', 'client', 'keyPrefix', 'version', 'timeout'])
  const { url, client, keyPrefix = '' } = options
  if ((typeof url === 'string' && url !== '') === (client !== undefined))
    throw new ConfigError(`${where} takes either a URL or a client of Django's cache.`)
  if (client !== undefined && !isRedisClient(client))
    throw new ConfigError(`${where}: client must be a client of ioredis or node-redis.`)
  if (typeof keyPrefix !== 'string') throw new ConfigError(`${where}: keyPrefix must be a string.`)
  const version = wholeNumber(where, 'version', options.version, 1, 0)
  const timeout = timeoutOption(where, options.timeout, 2000)
  const source = client ? givenRedisClient(client) : ownRedisClient(addressIn(where, url as string), timeout)
  return {
    connect: () => new RedisConnection(source, timeout, { durable: 'no', evicts: true }),
    keyOf: (backend, sessionKey) => cacheKey(backend, sessionKey, { keyPrefix, version }),
  }
}

function toOptions(given: string | IoredisClient | NodeRedisClient | DjangoCacheOptions): DjangoCacheOptions {
  if (typeof given === 'string') return { url: given }
  return isRedisClient(given) ? { client: given } : (given as DjangoCacheOptions)
}

/** It may be compressed, or in the format of another serializer. What cannot be read must not look like a logout. */
function refuseUnlessJson(bytes: Uint8Array): void {
  if (isPickle(bytes)) throw pickled()
  if (bytes[0] !== OBJECT)
    throw new UnsupportedError(
      "A session in Django's cache is not JSON. Of the serializers of django-redis, only JSONSerializer can be read here, and of its compressors, only the default, which is none.",
    )
}

const OBJECT = '{'.charCodeAt(0)
