/**
 * Settings of a client that the application hands in may change the shape of every reply: numbers as strings, rows as arrays. Each of
 * them either makes no difference, and then the store passes the whole suite, or is refused when the store is made.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, it } from 'node:test'
import { Redis as Ioredis } from 'ioredis'
import { createPool, type PoolOptions } from 'mysql2/promise'
import pg from 'pg'
import { createClient } from 'redis'
import { createDjangoSessions } from '../../packages/django/src/sessions.ts'
import { djangoPostgres } from '../../packages/django/src/stores/postgres.ts'
import { djangoSqlite } from '../../packages/django/src/stores/sqlite.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import type { Clock, Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'
import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'
import { make, subjectOf } from './redis/fixture.ts'

type Opened = Promise<{ store: Store; end(): Promise<unknown> | unknown }>

/** Subjects of the suite, each with a table of its own. */
function withTables(open: (table: string, clock: Clock) => Opened) {
  return async () => {
    const clock = manualClock()
    const table = `t_${randomBytes(8).toString('hex')}`
    const ends: (() => unknown)[] = []
    const another = async (name: string) => {
      const { store, end } = await open(name, clock)
      ends.push(() => store.close(), end)
      return store
    }
    return {
      store: await another(table),
      clock,
      peer: () => another(table),
      sibling: () => another(`${table}_apart`),
      close: async () => {
        for (const end of ends) await end()
      },
    }
  }
}

for (const settings of [{ returnArrays: true, readBigInts: true }])
  storeSuite(`sqlite on a database with ${JSON.stringify(settings)}`, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'strongroom-settings-'))
    const subject = withTables(async (table, clock) => {
      const database = new DatabaseSync(join(dir, 'sessions.db'), { timeout: 5000, ...settings })
      return { store: sqlite({ database, table, clock }), end: () => database.close() }
    })
    const made = await subject()
    return {
      ...made,
      close: async () => {
        await made.close()
        await rm(dir, { recursive: true })
      },
    }
  })

it('Django’s sessions are read through a database with such settings, too', async () => {
  const database = new DatabaseSync(':memory:', { returnArrays: true, readBigInts: true })
  database.exec('CREATE TABLE django_session (session_key PRIMARY KEY, session_data, expire_date, account_id)')
  const engine = djangoSqlite({ database, userColumn: 'account_id' })
  const sessions = createDjangoSessions({ store: engine, secretKey: 'test-secret-key', password: () => 'hash' })
  const visit = sessions.open({})
  ;(await visit.get()).login('7')
  const { setCookie } = await visit.commit()
  assert.equal((await sessions.read({ cookie: String(setCookie).split(';')[0] })).userId, '7')
  assert.equal((await sessions.of('7').list()).length, 1)
})

describe('redis', { skip: redisNeed.skip }, () => {
  let server: RedisServer
  before(async () => {
    server = await startRedis()
  })
  after(() => server.stop())

  for (const settings of [
    { stringNumbers: true, protocol: 2 as const },
    { stringNumbers: true, protocol: 3 as const, replyMapping: 'resp3' as const, enableAutoPipelining: true },
  ])
    storeSuite(`redis on an ioredis client with ${JSON.stringify(settings)}`, async () => {
      const client = new Ioredis(server.url, settings)
      return subjectOf((options) => make({ client, ...options }), { end: async () => client.disconnect() })
    })

  for (const [name, settings] of [
    ['replies as Buffers', { RESP: 2, commandOptions: { typeMapping: { 36: Buffer, 43: Buffer } } }],
    ['numbers as strings, and maps as Maps', { RESP: 3, commandOptions: { typeMapping: { 58: String, 37: Map } } }],
  ] as const)
    storeSuite(`redis on a node-redis client with ${name}`, async () => {
      const client = createClient({ url: server.url, ...settings } as never).on('error', () => {})
      await client.connect()
      return subjectOf((options) => make({ client, ...options }), { end: async () => client.destroy() })
    })
})

describe('postgres', { skip: postgresNeed.skip }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server.stop())

  const raw = { getTypeParser: () => (value: unknown) => ({ odd: value }) }
  const formats = ['bytea_output=escape', 'timezone=Asia/Kathmandu', 'datestyle=German,DMY']
  const options = [...formats, 'standard_conforming_strings=off'].map((each) => `-c ${each}`).join(' ')
  for (const [name, settings] of [['type parsers of its own, and other formats', { types: raw, options }]] as const)
    storeSuite(
      `postgres on a pool with ${name}`,
      withTables(async (table, clock) => {
        const client = new pg.Pool({ connectionString: server.url, max: 5, ...settings } as pg.PoolConfig)
        return { store: postgres({ client, table, clock, createTable: true }), end: () => client.end() }
      }),
    )

  it('refuses a client that asks for values in binary', async () => {
    const config = { connectionString: server.url, binary: true } as pg.ClientConfig
    const pool = new pg.Pool(config)
    for (const client of [pool, new pg.Client(config)]) {
      assert.throws(() => postgres({ client } as never), { name: 'ConfigError', message: /binary/ })
      assert.throws(() => djangoPostgres({ client } as never), ConfigError)
    }
    await pool.end()
  })
})

describe('mysql', { skip: mariadbNeed.skip }, () => {
  let server: MariadbServer
  before(async () => {
    server = await startMariadb()
  })
  after(() => server.stop())

  const settings: readonly PoolOptions[] = [
    {
      ...{ rowsAsArray: true, dateStrings: true, decimalNumbers: true, timezone: '+05:45', typeCast: false },
      ...{ supportBigNumbers: true, bigNumberStrings: true },
    },
    {
      ...{ nestTables: '_', namedPlaceholders: true, flags: ['-FOUND_ROWS'], charset: 'latin1' },
      typeCast: (field: { string(): unknown }) => `odd ${field.string()}`,
    } as PoolOptions,
  ]
  for (const each of settings)
    storeSuite(
      `mysql on a pool with ${JSON.stringify(each, (_, value) => (typeof value === 'function' ? 'function' : value))}`,
      withTables(async (table, clock) => {
        const client = createPool({ uri: server.url, connectionLimit: 5, ...each })
        return { store: mysql({ client, table, clock, createTable: true, timeout: 20_000 }), end: () => client.end() }
      }),
    )
})
