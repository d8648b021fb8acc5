import type { Clock, Store } from '../../../packages/strongroom/src/store.ts'

/** All that another process has to know to open the same store. It travels as JSON. */
export type Where =
  | { readonly engine: 'memory' }
  | { readonly engine: 'file' | 'sqlite'; readonly path: string; readonly synced: boolean }
  | { readonly engine: 'postgres' | 'mysql' | 'redis' | 'memcached'; readonly url: string }
  | {
      readonly engine: 'cached'
      readonly durable: Where
      readonly cache: Where
      readonly maxAge: number
      readonly cacheTimeout?: number
    }

/** What each process, and each test, may choose for itself. */
export interface Opening {
  readonly clock?: Clock
  /** Ms that a call may take in the engine itself. */
  readonly timeout?: number
}

/** A handle of its own on the store; loads the engine that is asked for and no other. */
export async function openAt(where: Where, opening: Opening = {}): Promise<Store> {
  const { clock, timeout = 10_000 } = opening
  switch (where.engine) {
    case 'memory':
      return (await import('../../../packages/strongroom/src/engines/memory/memory.ts')).memory({ clock })
    case 'file':
      return (await import('../../../packages/strongroom/src/engines/file/file.ts')).file({
        dir: where.path,
        durable: where.synced,
        clock,
        timeout,
      })
    case 'sqlite':
      return (await import('../../../packages/strongroom/src/engines/sqlite/sqlite.ts')).sqlite({
        path: where.path,
        synchronous: where.synced ? 'full' : 'normal',
        clock,
        timeout,
      })
    case 'postgres': {
      const { postgres } = await import('../../../packages/strongroom/src/engines/postgres/postgres.ts')
      return postgres({ url: where.url, createTable: true, clock, timeout })
    }
    case 'mysql': {
      const { mysql } = await import('../../../packages/strongroom/src/engines/mysql/mysql.ts')
      return mysql({ url: where.url, createTable: true, clock, timeout })
    }
    case 'redis':
      return (await import('../../../packages/strongroom/src/engines/redis/redis.ts')).redis({
        url: where.url,
        clock,
        timeout,
      })
    case 'memcached': {
      const { memcached } = await import('../../../packages/strongroom/src/engines/memcached/memcached.ts')
      return memcached({ servers: where.url.replace('memcached://', ''), clock, timeout })
    }
    case 'cached': {
      const { cached } = await import('../../../packages/strongroom/src/engines/cached/cached.ts')
      const [durable, cache] = [await openAt(where.durable, opening), await openAt(where.cache, opening)]
      const { maxAge, cacheTimeout } = where
      const store = cached({ durable, cache, clock, maxAge, cacheTimeout })
      return closingBoth(store, [durable, cache])
    }
  }
}

/** A cached store leaves open what it was given; here nobody else has the two. */
function closingBoth(store: Store, both: readonly Store[]): Store {
  const close = store.close.bind(store)
  return Object.assign(store, {
    async close() {
      await close()
      await Promise.all(both.map((one) => one.close()))
    },
  })
}
