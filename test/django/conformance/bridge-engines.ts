import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Redis } from 'ioredis'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { type DjangoEngine, djangoCookies, newSessionKey } from '../../../packages/django/src/engine.ts'
import { djangoCache } from '../../../packages/django/src/stores/cache.ts'
import { djangoCachedDb } from '../../../packages/django/src/stores/cached-db.ts'
import { djangoFiles } from '../../../packages/django/src/stores/files.ts'
import { djangoMysql } from '../../../packages/django/src/stores/mysql.ts'
import { djangoPostgres } from '../../../packages/django/src/stores/postgres.ts'
import { djangoRedis } from '../../../packages/django/src/stores/redis.ts'
import { djangoSqlite } from '../../../packages/django/src/stores/sqlite.ts'
import type { Clock } from '../../../packages/strongroom/src/store.ts'
import { mariadbNeed } from '../../servers/mariadb.ts'
import { postgresNeed } from '../../servers/postgres.ts'
import { redisNeed } from '../../servers/redis.ts'
import { bridge, observed } from './bridge.ts'
import { mariadbUrl, postgresUrl, redisUrl } from './servers.ts'
import type { Engine, StartedEngine } from './subject.ts'

const STORE = ['record', 'revokes', 'versions'] as const
const HOUR = 3_600_000

/** Makes the table with its session columns, and returns the engine. */
type MakeTable = (table: string) => Promise<DjangoEngine>

/** An engine with a storage of its own for each name. The clients stay open until the end, because each session opens a store. */
async function started(make: MakeTable, end: () => unknown): Promise<StartedEngine> {
  let others = 0
  const store = await make('main')
  return {
    store,
    records: null,
    another: () => make(`other${others++}`),
    async close() {
      await end()
    },
  }
}

const columns = (text: string, moment: string) =>
  `session_key varchar(40) NOT NULL PRIMARY KEY, session_data ${text} NOT NULL, expire_date ${moment} NOT NULL`

function sqliteTables() {
  const database = new DatabaseSync(':memory:')
  return {
    close: () => database.close(),
    async make(table: string, options: Partial<Parameters<typeof djangoSqlite>[0] & object> = {}) {
      database.exec(`CREATE TABLE ${table} (${columns('text', 'datetime')}, account_id varchar(40))`)
      return djangoSqlite({ database, table, ...options })
    },
  }
}

/** Redis removes what has expired by its own clock: makes it as if this much time had passed there. */
const AGE = `
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local left = redis.call('PTTL', key) - ARGV[2]
  if left > 0 then redis.call('PEXPIRE', key, left) else redis.call('DEL', key) end
end`

async function onRedis(make: (client: Redis, name: string) => DjangoEngine, pattern: string): Promise<StartedEngine> {
  const client = new Redis(await redisUrl())
  const engine = await started(
    async (name) => make(client, name),
    () => client.disconnect(),
  )
  return { ...engine, passed: (ms) => client.eval(AGE, 0, pattern, ms) }
}

async function onCachedDb(): Promise<StartedEngine> {
  const client = new Redis(await redisUrl())
  const tables = sqliteTables()
  const cache: NonNullable<StartedEngine['cache']> = { before: null, calls: [] }
  const of = (database: DjangoEngine) =>
    djangoCachedDb({
      database,
      cache: {
        async delete(key) {
          cache.calls.push('delete')
          await cache.before?.('delete')
          await client.del(key)
        },
      },
    })
  const rows = observed(await tables.make('main'))
  let others = 0
  return {
    store: of(rows.store),
    records: null,
    another: async () => of(await tables.make(`other${others++}`)),
    // Another process that does not know of the cache.
    durable: Object.assign(rows.watch, { store: rows.store }),
    cache,
    async close() {
      client.disconnect()
      tables.close()
    },
  }
}

async function onFiles(): Promise<StartedEngine> {
  const dir = mkdtempSync(join(tmpdir(), 'strongroom-conformance-'))
  const make = async (name: string) => {
    mkdirSync(join(dir, name))
    return djangoFiles(join(dir, name))
  }
  const engine = await started(make, () => rmSync(dir, { recursive: true, force: true }))
  /** A draft of a write that began long ago: a younger one may be that of a Django that is still writing. */
  const crash = (clock: Clock) => () => {
    const draft = join(dir, 'main', `sessionid${newSessionKey()}_out_${newSessionKey()}`)
    writeFileSync(draft, 'half a write')
    const longAgo = (clock() - HOUR - 1) / 1000
    utimesSync(draft, longAgo, longAgo)
    return draft
  }
  return { ...engine, files: { dir, open: (at) => djangoFiles(at), crash: crash(Date.now) } }
}

/** The engines of `createDjangoSessions`. */
export const BRIDGE_ENGINES: readonly Engine[] = (
  [
    {
      name: 'django db, SQLite',
      skip: false,
      abilities: STORE,
      async start() {
        const { make, close } = sqliteTables()
        return started((name) => make(name), close)
      },
    },
    {
      name: 'django db, SQLite, with a column for users',
      skip: false,
      abilities: [...STORE, 'index'],
      async start() {
        const { make, close } = sqliteTables()
        return started((name) => make(name, { userColumn: 'account_id' }), close)
      },
    },
    {
      name: 'django db, PostgreSQL',
      skip: postgresNeed.skip,
      abilities: STORE,
      async start() {
        const client = new pg.Pool({ connectionString: await postgresUrl() })
        const make = async (table: string) => {
          await client.query(`CREATE TABLE django_${table} (${columns('text', 'timestamptz')})`)
          return djangoPostgres({ client, table: `django_${table}` })
        }
        return started(make, () => client.end())
      },
    },
    {
      name: 'django db, MariaDB',
      skip: mariadbNeed.skip,
      abilities: STORE,
      async start() {
        const client = mysql.createPool(await mariadbUrl())
        const make = async (table: string) => {
          await client.query(`CREATE TABLE django_${table} (${columns('longtext', 'datetime(6)')})`)
          return djangoMysql({ client, table: `django_${table}` })
        }
        return started(make, () => client.end())
      },
    },
    { name: 'django file', skip: false, abilities: [...STORE, 'files'], start: onFiles },
    {
      name: 'django redis',
      skip: redisNeed.skip,
      abilities: STORE,
      start: () => onRedis((client, name) => djangoRedis({ client, prefix: `django-${name}` }), 'django-*'),
    },
    {
      name: 'django cache',
      skip: redisNeed.skip,
      abilities: STORE,
      start: () => onRedis((client, name) => djangoCache({ client, keyPrefix: `shop-${name}` }), 'shop-*'),
    },
    {
      name: 'django cached_db, SQLite and Redis',
      skip: redisNeed.skip,
      abilities: [...STORE, 'cache'],
      start: onCachedDb,
    },
    {
      name: 'django signed_cookies',
      skip: false,
      abilities: [],
      start: () =>
        started(
          async () => djangoCookies(),
          () => undefined,
        ),
    },
  ] satisfies Omit<Engine, 'format' | 'drift'>[]
).map((engine) => ({ ...engine, format: bridge, drift: driftOf(engine.name) }))

/** Redis lets real time pass during a test. A signed cookie tells only the second in which it was signed. */
function driftOf(name: string): number {
  if (/redis|cache$/.test(name)) return 5000
  return name.includes('signed') ? 1000 : 0
}
