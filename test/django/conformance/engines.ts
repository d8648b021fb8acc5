import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached } from '../../../packages/strongroom/src/engines/cached/cached.ts'
import { cookie } from '../../../packages/strongroom/src/engines/cookie/cookie.ts'
import { file } from '../../../packages/strongroom/src/engines/file/file.ts'
import { memcached } from '../../../packages/strongroom/src/engines/memcached/memcached.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { mysql } from '../../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../../packages/strongroom/src/engines/postgres/postgres.ts'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import { sqlite } from '../../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { Clock, Store } from '../../../packages/strongroom/src/store.ts'
import { watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { mariadbNeed } from '../../servers/mariadb.ts'
import { memcachedNeed } from '../../servers/memcached.ts'
import { postgresNeed } from '../../servers/postgres.ts'
import { redisNeed } from '../../servers/redis.ts'
import { own } from './own.ts'
import { mariadbUrl, memcachedUrl, postgresUrl, redisUrl } from './servers.ts'
import type { Engine, StartedEngine } from './subject.ts'

const STORE = ['record', 'revokes', 'versions'] as const
const WHOLE = [...STORE, 'index', 'scan'] as const
const TWO = [...WHOLE, 'cache'] as const

/** An engine that is one store. `make` creates one under the given name. */
function single(make: (name: string) => Store, end: () => unknown = () => undefined): StartedEngine {
  const made: Store[] = []
  const store = (name: string) => {
    const fresh = make(name)
    made.push(fresh)
    return fresh
  }
  const records = store('main')
  return {
    store: records,
    records,
    another: async () => store(`other${made.length}`),
    async close() {
      for (const one of made) await one.close()
      await end()
    },
  }
}

const folder = () => mkdtempSync(join(tmpdir(), 'strongroom-conformance-'))
const removed = (dir: string) => () => rmSync(dir, { recursive: true, force: true })

function layered(durable: Store, clock: Clock, another: () => Store): StartedEngine {
  const [below, front] = [watched(durable), watched(memory({ clock, evicts: true, max: 10_000 }))]
  const cacheErrors: unknown[] = []
  const onCacheError = (error: unknown) => cacheErrors.push(error)
  const store = cached({ durable: below.store, cache: front.store, clock, maxAge: 10_000, onCacheError })
  const made: Store[] = [store, durable]
  return {
    store,
    records: store,
    durable: below,
    cache: front,
    cacheErrors,
    async another() {
      const fresh = another()
      made.push(fresh)
      return cached({ durable: fresh, cache: memory({ clock, evicts: true, max: 100 }), clock })
    },
    async close() {
      for (const one of made) await one.close()
    },
  }
}

function inCookies(protection: 'sealed' | 'signed', clock: Clock, revocable: boolean): StartedEngine {
  const revocations = memory({ clock, max: 10_000 })
  return {
    store: revocable ? cookie({ protection, revocations }) : cookie({ protection }),
    records: null,
    another: async () => memory({ clock, max: 100 }),
    close: () => revocations.close(),
  }
}

/** The engines of `createSessions`. */
export const OWN_ENGINES: readonly Engine[] = (
  [
    {
      name: 'memory',
      skip: false,
      abilities: WHOLE,
      start: async (clock) => single(() => memory({ clock, max: 10_000 })),
    },
    {
      name: 'file',
      skip: false,
      abilities: [...WHOLE, 'files'],
      async start(clock) {
        const dir = folder()
        const open = (at: string) => file({ dir: at, clock, durable: false })
        const crash = () => {
          const [record = ''] = globSync('main/sessions/*/*', { cwd: dir })
          const draft = join(dir, `${record}.draft`)
          writeFileSync(draft, 'half a write')
          return draft
        }
        return { ...single((name) => open(join(dir, name)), removed(dir)), files: { dir, open, crash } }
      },
    },
    {
      name: 'sqlite',
      skip: false,
      abilities: WHOLE,
      async start(clock) {
        const dir = folder()
        return single((name) => sqlite({ path: join(dir, name), clock, synchronous: 'normal' }), removed(dir))
      },
    },
    {
      name: 'postgres',
      skip: postgresNeed.skip,
      abilities: WHOLE,
      async start(clock) {
        const url = await postgresUrl()
        return single((name) => postgres({ url, table: `plain_${name}`, createTable: true, clock }))
      },
    },
    {
      name: 'mysql',
      skip: mariadbNeed.skip,
      abilities: WHOLE,
      async start(clock) {
        const url = await mariadbUrl()
        return single((name) => mysql({ url, table: `plain_${name}`, createTable: true, clock }))
      },
    },
    {
      name: 'redis',
      skip: redisNeed.skip,
      abilities: WHOLE,
      async start(clock) {
        const url = await redisUrl()
        return single((name) => redis({ url, prefix: `plain-${name}:`, clock }))
      },
    },
    {
      name: 'memcached',
      skip: memcachedNeed.skip,
      abilities: STORE,
      async start(clock) {
        const url = await memcachedUrl()
        const at = url.replace('memcached://', '')
        return single((name) => memcached({ servers: at, prefix: `plain-${name}:`, clock }))
      },
    },
    {
      name: 'cached, postgres and memory',
      skip: postgresNeed.skip,
      abilities: TWO,
      async start(clock) {
        const url = await postgresUrl()
        const make = (table: string) => postgres({ url, table, createTable: true, clock })
        return layered(make('behind_main'), clock, () => make('behind_other'))
      },
    },
    {
      name: 'cached, redis and memory',
      skip: redisNeed.skip,
      abilities: TWO,
      async start(clock) {
        const url = await redisUrl()
        const make = (prefix: string) => redis({ url, prefix, clock })
        return layered(make('behind-main:'), clock, () => make('behind-other:'))
      },
    },
    { name: 'cookie, signed', skip: false, abilities: [], start: async (clock) => inCookies('signed', clock, false) },
    { name: 'cookie, sealed', skip: false, abilities: [], start: async (clock) => inCookies('sealed', clock, false) },
    {
      name: 'cookie, sealed, with revocations',
      skip: false,
      abilities: ['revokes'],
      start: async (clock) => inCookies('sealed', clock, true),
    },
  ] satisfies Omit<Engine, 'format' | 'drift'>[]
).map((engine) => ({ ...engine, format: own, drift: 0 }))
