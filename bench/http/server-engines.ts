import { createRequire } from 'node:module'
import connectPgSimple from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import { Redis } from 'ioredis'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import { createClient } from 'redis'
import type { IndexedStore } from 'strongroom'
import { cached } from 'strongroom/cached'
import { memcached } from 'strongroom/memcached'
import { memory } from 'strongroom/memory'
import { mysql } from 'strongroom/mysql'
import { postgres } from 'strongroom/postgres'
import { redis } from 'strongroom/redis'
import { type Contender, newName, type Place, urlIn } from './contender.ts'
import { dropIn, expressSession } from './express-session.ts'
import { type Driver, idOf, limit, newCookie } from './limits.ts'
import { NEW_VISITORS, strongroom, VARIANT } from './strongroom.ts'

const CONNECTIONS = 10

const postgresLimit = async (place: Place): Promise<Driver> => {
  const pool = new Pool({ connectionString: urlIn(place, 'postgres'), max: CONNECTIONS })
  const table = newName()
  await pool.query(`CREATE TABLE ${table} (id text PRIMARY KEY, data text NOT NULL)`)
  const read = { name: 'read', text: `SELECT data FROM ${table} WHERE id = $1` }
  const write = {
    name: 'write',
    text: `INSERT INTO ${table} VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET data = excluded.data`,
  }
  return {
    read: async (request) => (await pool.query({ ...read, values: [idOf(request)] })).rows[0].data,
    write: (request, _response, text) => pool.query({ ...write, values: [idOf(request), text] }),
    cookie: newCookie,
  }
}

const mysqlLimit = async (place: Place): Promise<Driver> => {
  const pool = createPool({ uri: urlIn(place, 'mysql'), connectionLimit: CONNECTIONS })
  const table = newName()
  await pool.query(`CREATE TABLE ${table} (id char(64) CHARACTER SET ascii PRIMARY KEY, data text NOT NULL)`)
  return {
    async read(request) {
      const [rows] = await pool.execute(`SELECT data FROM ${table} WHERE id = ?`, [idOf(request)])
      return (rows as { data: string }[])[0]?.data as string
    },
    write: (request, _response, text) => pool.execute(`REPLACE INTO ${table} VALUES (?, ?)`, [idOf(request), text]),
    cookie: newCookie,
  }
}

const redisLimit = (place: Place): Driver => {
  const client = new Redis(urlIn(place, 'redis'), { enableAutoPipelining: true })
  const prefix = newName()
  return {
    read: async (request) => (await client.get(prefix + idOf(request))) as string,
    write: (request, _response, text) => client.set(prefix + idOf(request), text, 'EX', 1800),
    cookie: newCookie,
  }
}

const onPostgres = { limit: 'limit: postgres', needs: 'postgres' } as const
const onMysql = { limit: 'limit: mysql', needs: 'mysql' } as const
const onRedis = { limit: 'limit: redis', needs: 'redis' } as const
/** There is no driver for memcached that stores bytes to compare with, so it is compared with Redis. */
const onMemcached = { limit: 'limit: redis', needs: 'memcached' } as const

/** With its own table.sql under another name: the table that it creates by itself has an index with a fixed name, which a database allows once. */
async function connectPg(place: Place): Promise<session.Store> {
  const Store = connectPgSimple(session)
  const pool = new Pool({ connectionString: urlIn(place, 'postgres'), max: CONNECTIONS })
  const tableName = newName()
  await pool.query(
    `CREATE TABLE ${tableName} (sid varchar PRIMARY KEY, sess json NOT NULL, expire timestamp(6) NOT NULL)`,
  )
  await pool.query(`CREATE INDEX ON ${tableName} (expire)`)
  return new Store({ pool, tableName })
}

async function connectRedis(place: Place): Promise<session.Store> {
  const client = createClient({ url: urlIn(place, 'redis') })
  await client.connect()
  return new RedisStore({ client, prefix: newName() })
}

/** It has no types. */
type ExpressMysql = new (options: object, pool: object) => session.Store & { onReady(): Promise<void> }

async function expressMysql(place: Place): Promise<session.Store> {
  const Store = createRequire(import.meta.url)('express-mysql-session')(session) as ExpressMysql
  const pool = createPool({ uri: urlIn(place, 'mysql'), connectionLimit: CONNECTIONS })
  const store = new Store({ schema: { tableName: newName() }, createDatabaseTable: true }, pool)
  await store.onReady()
  return store
}

const ownPostgres = (place: Place, notify = false) =>
  postgres({ url: urlIn(place, 'postgres'), table: newName(), createTable: true, max: CONNECTIONS, notify })

/** With `batchWrites`, which is off by default: writes are measured in batches, as with Postgres. */
const ownMysql = (place: Place) => {
  const url = `${urlIn(place, 'mysql')}?connectionLimit=${CONNECTIONS}`
  return mysql({ url, table: newName(), createTable: true, batchWrites: true })
}

const ownRedis = (place: Place, notify = false) => redis({ url: urlIn(place, 'redis'), prefix: newName(), notify })

/** With the `maxAge` that docs/cached.md recommends with `notify`: otherwise each slice would begin by reading everything again. */
const inFront = (durable: IndexedStore) => cached({ durable, cache: memory({ evicts: true }), maxAge: 300_000 })

/** The engines on servers: each next to its peer and its limit, on the same server. */
export const serverEngines: readonly Contender[] = [
  limit('limit: postgres', postgresLimit, onPostgres),
  expressSession('connect-pg-simple', onPostgres, connectPg),
  strongroom('postgres two-key', onPostgres, (place) => ({ store: ownPostgres(place) })),
  strongroom('postgres two-key, no memo', { ...onPostgres, routes: VARIANT }, (place) => ({
    store: ownPostgres(place),
    memo: false,
  })),
  strongroom('memory over postgres', { limit: 'limit: memory', needs: 'postgres' }, (place) => ({
    store: inFront(ownPostgres(place, true)),
  })),
  limit('limit: mysql', mysqlLimit, onMysql),
  expressSession('express-mysql-session', onMysql, expressMysql),
  strongroom('mysql two-key', onMysql, (place) => ({ store: ownMysql(place) })),
  limit('limit: redis', redisLimit, onRedis),
  expressSession('connect-redis', onRedis, connectRedis),
  dropIn('connect-redis', onRedis, connectRedis),
  dropIn('redis', onRedis, (place) => ownRedis(place)),
  strongroom('redis two-key', onRedis, (place) => ({ store: ownRedis(place) })),
  strongroom('redis two-key, no memo', { ...onRedis, routes: VARIANT }, (place) => ({
    store: ownRedis(place),
    memo: false,
  })),
  strongroom('redis two-key, new visitors', { ...onRedis, ...NEW_VISITORS.kind }, (place) => ({
    store: ownRedis(place),
    memo: NEW_VISITORS.memo,
  })),
  strongroom('redis two-key, node:crypto', { ...onRedis, routes: VARIANT }, (place) => ({
    store: ownRedis(place),
    crypto: 'node',
  })),
  strongroom('memory over redis', { limit: 'limit: memory', needs: 'redis' }, (place) => ({
    store: inFront(ownRedis(place, true)),
  })),
  strongroom('memcached two-key', onMemcached, (place) => ({
    store: memcached({ servers: urlIn(place, 'memcached').replace('memcached://', ''), prefix: newName() }),
  })),
]
