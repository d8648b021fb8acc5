import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Redis } from 'ioredis'
import knex from 'knex'
import { Kysely, PostgresDialect } from 'kysely'
import { createPool } from 'mysql2'
import { createPool as createPromisePool } from 'mysql2/promise'
import pg from 'pg'
import postgresJs from 'postgres'
import { createClient } from 'redis'
import { memcached } from '../../packages/strongroom/src/engines/memcached/memcached.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'

const pool = new pg.Pool({ host: '127.0.0.1', port: 1 })
const mysqlPool = createPool({ host: '127.0.0.1', port: 1 })
const sql = postgresJs('postgres://me@127.0.0.1:1/x')
const query = knex({ client: 'pg', connection: 'postgres://me@127.0.0.1:1/x' })
const kysely = new Kysely<object>({ dialect: new PostgresDialect({ pool }) })
const redisClient = createClient({ url: 'redis://127.0.0.1:1' })
const ioredis = new Redis({ lazyConnect: true })

after(async () => {
  await query.destroy()
  await sql.end()
  await pool.end()
  mysqlPool.end()
  ioredis.disconnect()
})

/** What an application may have at hand, and what each engine says that it is. */
const FOREIGN: readonly (readonly [what: string, given: unknown, words: RegExp])[] = [
  ['Knex', query, /It got Knex\. Pass the pool that it was given as "connectionPool", or the URL\./],
  ['Drizzle', drizzle(pool), /It got Drizzle\. Pass its driver: db\.\$client/],
  ['Drizzle on MySQL', drizzleMysql(mysqlPool), /It got Drizzle\. Pass its driver: db\.\$client/],
  ['Kysely', kysely, /It got Kysely\. Pass the pool that its dialect was made with\./],
  ['a promise of a client', Promise.resolve(pool), /It got a promise: await it, and pass what it resolves to\./],
]

/** As they are, and as an option. */
const ENGINES: Readonly<Record<string, (given: never) => unknown>> = {
  'postgres()': (given) => postgres(given),
  'postgres({ client })': (client) => postgres({ client }),
  'mysql()': (given) => mysql(given),
  'mysql({ client })': (client) => mysql({ client }),
  'redis()': (given) => redis(given),
  'redis({ client })': (client) => redis({ client }),
  'sqlite()': (given) => sqlite(given),
  'sqlite({ database })': (database) => sqlite({ database }),
}

for (const [engine, make] of Object.entries(ENGINES))
  describe(engine, () => {
    for (const [what, given, words] of FOREIGN)
      it(`refuses ${what} when the store is made, and says what to pass`, () =>
        assert.throws(() => make(given as never), { name: 'ConfigError', message: words }))
  })

describe('an engine that is handed the client of another', () => {
  for (const [engine, given, words] of [
    ['mysql()', sql, /It got postgres\.js\. It is for postgres\(\)\./],
    ['redis({ client })', sql, /It got postgres\.js\. It is for postgres\(\)\./],
    ['postgres()', mysqlPool, /must be a Pool or a Client of pg/],
    ['postgres({ client })', ioredis, /must be a Pool or a Client of pg/],
    ['mysql({ client })', pool, /must be a pool or a connection of mysql2/],
    ['mysql({ client })', redisClient, /must be a pool or a connection of mysql2/],
    ['redis({ client })', pool, /must be a client of ioredis or of node-redis/],
    ['sqlite({ database })', pool, /must be an open DatabaseSync, better-sqlite3 or libsql database/],
    ['sqlite({ database })', { prepare: 'prepare' }, /must be an open DatabaseSync/],
  ] as const)
    it(`refuses it when the store is made: ${engine}, ${words.source}`, () =>
      assert.throws(() => ENGINES[engine]?.(given as never), { name: 'ConfigError', message: words }))

  it('refuses any client where it speaks to the servers itself: memcached', () => {
    for (const given of [pool, ioredis, { servers: pool }])
      assert.throws(() => memcached(given as never), { name: 'ConfigError' })
  })
})

describe('an engine that is handed what it takes', () => {
  for (const [what, make] of [
    ['a pool of pg', () => postgres(pool)],
    ['a client of pg', () => postgres({ client: new pg.Client() })],
    ['a client of postgres.js', () => postgres(sql)],
    ['a client of postgres.js, as an option', () => postgres({ client: sql })],
    ['the pool behind Drizzle', () => postgres(drizzle(pool).$client)],
    ['a pool of mysql2', () => mysql(mysqlPool as never)],
    ['a pool of mysql2/promise', () => mysql(createPromisePool({ host: '127.0.0.1', port: 1 }) as never)],
    ['a client of ioredis', () => redis(ioredis)],
    ['a client of node-redis', () => redis(redisClient as never)],
  ] as const)
    it(`makes a store of it: ${what}`, () => assert.equal(typeof make().read, 'function'))
})
