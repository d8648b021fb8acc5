import {
  type ClearOptions,
  ConfigError,
  type Entry,
  type Id,
  type ScanOptions,
  type Store,
  StoreError,
  type Traits,
  type Version,
} from 'strongroom'
import { checkOptions, type IoredisClient, isRedisClient, type NodeRedisClient, wholeNumber } from 'strongroom/internal'
import type { DjangoEngine, EnumerableStore } from '../engine.ts'
import { cacheOf, type DjangoCacheOptions } from './cache.ts'
import { type CacheNaming, cacheKey } from './cache-key.ts'
import { FORGET } from './redis-store.ts'

/** A cache that is not on Redis: removes a key, which may be absent. It must reject if the cache does not answer. */
export interface DjangoCacheDelete extends CacheNaming {
  readonly delete: (key: string) => unknown
}

/** Options of `djangoCachedDb`. */
export interface DjangoCachedDbOptions {
  /** `djangoPostgres(…)`, `djangoMysql(…)` or `djangoSqlite(…)`: the table. */
  readonly database: DjangoEngine
  /** Django's cache (SESSION_CACHE_ALIAS): a URL or client of Redis, its options, or a function `delete` for another cache. */
  readonly cache: string | IoredisClient | NodeRedisClient | DjangoCacheOptions | DjangoCacheDelete
}

/**
 * Django's `cached_db` backend. Sessions are read from the table, where Django always writes them, too. When a session changes or
 * ends here, Django's cached copy of it is removed, so that Django reads the table. Copies are never read here: they are pickles.
 *
 * A cache in the memory of Django's processes (LocMemCache) cannot be reached, and a logout here would not reach it either.
 */
export function djangoCachedDb(options: DjangoCachedDbOptions): DjangoEngine {
  checkOptions('djangoCachedDb()', options, ['database', 'cache'])
  const { database, cache } = options
  if (database?.name !== 'db')
    throw new ConfigError('djangoCachedDb(): database must be djangoPostgres(…), djangoMysql(…) or djangoSqlite(…).')
  if (cache === undefined || cache === null)
    throw new ConfigError(
      "djangoCachedDb() needs Django's cache: without it, a user who logs out here stays logged in there.",
    )
  const connect = connecting(cache)
  return {
    name: 'cached_db',
    open: (context) => new CachedDbStore(database.open(context) as Store & EnumerableStore, connect()),
  }
}

interface Copies {
  /** Removes Django's cached copy of a session. */
  forget(sessionKey: string): Promise<void>
  close(): Promise<void>
}

function connecting(cache: DjangoCachedDbOptions['cache']): () => Copies {
  if (isDelete(cache)) {
    checkOptions('djangoCachedDb(): cache', cache, ['delete', 'keyPrefix', 'version'])
    const { keyPrefix, version } = cache
    const naming = { keyPrefix, version: wholeNumber('djangoCachedDb(): cache', 'version', version, 1, 0) }
    return () => ({
      async forget(sessionKey) {
        try {
          await cache.delete(cacheKey('cached_db', sessionKey, naming))
        } catch (cause) {
          throw new StoreError("Django's cache did not remove a session.", { cause })
        }
      },
      close: async () => {},
    })
  }
  const redis = cacheOf('djangoCachedDb(): cache', cache as string | DjangoCacheOptions)
  return () => {
    const connection = redis.connect()
    return {
      async forget(sessionKey) {
        await connection.run(FORGET, [redis.keyOf('cached_db', sessionKey)], [])
      },
      close: () => connection.close(),
    }
  }
}

const isDelete = (cache: DjangoCachedDbOptions['cache']): cache is DjangoCacheDelete =>
  typeof cache === 'object' && !isRedisClient(cache) && typeof (cache as DjangoCacheDelete).delete === 'function'

class CachedDbStore implements EnumerableStore {
  readonly traits: Traits
  readonly ofUser: EnumerableStore['ofUser']
  readonly #rows: Store & EnumerableStore
  readonly #copies: Copies

  constructor(rows: Store & EnumerableStore, copies: Copies) {
    this.#rows = rows
    this.#copies = copies
    this.ofUser = rows.ofUser
    this.traits = { ...rows.traits, engine: rows.traits.engine.replace('(', '(cached_db, ') }
  }

  read = (id: Id) => this.#rows.read(id)
  /** Under a new key, of which Django cannot have a copy: it does not cache that there is no session. */
  create = (id: Id, entry: Entry) => this.#rows.create(id, entry)
  /** Only the moment of expiry changes, which Django's copy does not contain. */
  touch = (id: Id, expiresAt: number, version?: Version) => this.#rows.touch(id, expiresAt, version)
  update = (id: Id, entry: Entry, version: Version) => this.#forgetting(id, () => this.#rows.update(id, entry, version))
  delete = (id: Id, version?: Version) => this.#forgetting(id, () => this.#rows.delete(id, version))
  /** Copies of expired sessions expire by themselves. */
  clearExpired = (options?: ClearOptions) => this.#rows.clearExpired(options)
  keys = (options?: ScanOptions) => this.#rows.keys(options)

  async close(): Promise<void> {
    await Promise.all([this.#rows.close(), this.#copies.close()])
  }

  /**
   * Before the change, so that nothing changes if the cache does not answer: then Django would go on with its copy. And after it,
   * because Django may have cached the row again in between.
   */
  async #forgetting<T>(id: Id, change: () => Promise<T>): Promise<T> {
    await this.#copies.forget(id)
    const changed = await change()
    await this.#copies.forget(id)
    return changed
  }
}
