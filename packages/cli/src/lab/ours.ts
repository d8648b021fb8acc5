import { randomBytes } from 'node:crypto'
import { type CookieEngine, createSessions, type Store } from 'strongroom'
import { engineFromUrl } from 'strongroom/internal'
import { APPLICATION, optionsFor } from './application.ts'
import { nodeProgram } from './process.ts'
import { type Backend, startSite } from './running.ts'
import type { Row } from './site.ts'
import { withMemoryCache, withRedisCache } from './stores/cached.ts'
import { cookieBackend, revocableCookieBackend } from './stores/cookie.ts'
import { fileBackend } from './stores/file.ts'
import { memcachedBackend } from './stores/memcached.ts'
import { memoryBackend } from './stores/memory.ts'
import { mysqlBackend } from './stores/mysql.ts'
import { postgresBackend } from './stores/postgres.ts'
import { redisBackend } from './stores/redis.ts'
import { sqliteBackend } from './stores/sqlite.ts'
import { ourThief } from './thief.ts'

/** What the default cookie of the library is called. */
const COOKIE = '__Host-id'

interface Ours {
  readonly name: string
  /** A URL of this engine, which need not lead anywhere: for what the engine says of itself. */
  readonly url: string
  /** Empty for the engine's default. */
  readonly seal?: 'two-key' | 'server-key' | 'none'
  backend(): Promise<Backend>
}

const POSTGRES = 'postgres://127.0.0.1/lab'
const SQLITE = 'sqlite:./sessions.db'
const REDIS = 'redis://127.0.0.1/?durable=machine'
const cachedOver = (durable: string, cache: string) =>
  `cached:?durable=${encodeURIComponent(durable)}&cache=${encodeURIComponent(cache)}`

const OURS: readonly Ours[] = [
  { name: 'memory', url: 'memory:', backend: memoryBackend },
  { name: 'memory, seal two-key', url: 'memory:', seal: 'two-key', backend: memoryBackend },
  { name: 'file', url: 'file:./sessions', backend: fileBackend },
  { name: 'sqlite', url: SQLITE, backend: sqliteBackend },
  { name: 'sqlite, seal server-key', url: SQLITE, seal: 'server-key', backend: sqliteBackend },
  { name: 'sqlite, seal none', url: SQLITE, seal: 'none', backend: sqliteBackend },
  { name: 'postgres', url: POSTGRES, backend: postgresBackend },
  { name: 'postgres, seal server-key', url: POSTGRES, seal: 'server-key', backend: postgresBackend },
  { name: 'postgres, seal none', url: POSTGRES, seal: 'none', backend: postgresBackend },
  { name: 'mysql', url: 'mysql://127.0.0.1/lab', backend: mysqlBackend },
  { name: 'redis', url: REDIS, backend: () => redisBackend('redis') },
  { name: 'valkey', url: REDIS.replace('redis', 'valkey'), backend: () => redisBackend('valkey') },
  { name: 'memcached', url: 'memcached://127.0.0.1:11211', backend: memcachedBackend },
  {
    name: 'cached, memory over postgres',
    url: cachedOver(POSTGRES, 'memory:?evicts=true'),
    backend: () => withMemoryCache(postgresBackend),
  },
  {
    name: 'cached, redis over sqlite',
    url: cachedOver(SQLITE, 'redis://127.0.0.1/'),
    backend: () => withRedisCache(sqliteBackend, 'redis'),
  },
  { name: 'cookie, sealed', url: 'cookie:', backend: cookieBackend('sealed') },
  { name: 'cookie, signed', url: 'cookie:?protection=signed', backend: cookieBackend('signed') },
  {
    name: 'cookie, with revocations',
    url: `cookie:?revocations=${encodeURIComponent(SQLITE)}`,
    backend: revocableCookieBackend,
  },
]

function rowOf({ name, url, seal, backend }: Ours): Row {
  const engine = engineFromUrl(url)
  const { traits } = engine
  const info = {
    name,
    family: 'strongroom' as const,
    // "cached sqlite with redis" and "cookie (sealed)" are kinds of these.
    engine: traits.engine.split(' ', 1)[0] ?? traits.engine,
    seal: seal ?? sealOf(engine),
    traits,
  }
  const withSeal = async () => {
    const made = await backend()
    return { ...made, settings: { ...made.settings, seal: seal ?? '' } }
  }
  const runnable = {
    info,
    // What visitors read of errors differs in production.
    program: { ...nodeProgram(APPLICATION), env: { NODE_ENV: 'production' } },
    cookieName: COOKIE,
    shared: traits.shared !== 'process' || 'kind' in engine,
    backend: withSeal,
    sessionsOptions: optionsFor,
    thief: ourThief,
  }
  return { ...info, start: (options) => startSite(runnable, options) }
}

/** The seal that `createSessions` takes for this engine when nobody names one. */
function sealOf(engine: Store | CookieEngine): string {
  const sessions = createSessions({ store: engine as Store, secrets: randomBytes(32), sweep: false })
  return sessions.policy.seal
}

export const ourRows = (): Row[] => OURS.map(rowOf)
