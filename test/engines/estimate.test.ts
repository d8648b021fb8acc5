import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite, type TestContext, test } from 'node:test'
import { Cluster, Redis } from 'ioredis'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { statements } from '../../packages/strongroom/src/engines/mysql/statements.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { statementsFor } from '../../packages/strongroom/src/engines/postgres/statements.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { countFrom, SAMPLE } from '../../packages/strongroom/src/engines/shared/estimate.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { describeBoth, startRedis } from '../servers/redis.ts'
import { startRedisCluster } from '../servers/redis-cluster.ts'

/** More than are looked at. */
const MANY = 30_000

const newId = () => randomBytes(32).toString('hex')
const newIds = (count: number) => Array.from({ length: count }, newId)

async function isAbout(store: Pick<Store, 'estimate'>, wanted: number): Promise<void> {
  const estimate = await store.estimate?.()
  assert.equal(estimate?.exact, false)
  const { count } = estimate
  assert.ok(Math.abs(count - wanted) <= wanted / 10, `${count}, and there are ${wanted}`)
}

const isExactly = async (store: Pick<Store, 'estimate'>, count: number) =>
  assert.deepEqual(await store.estimate?.(), { count, exact: true })

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'strongroom-estimate-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}

suite('how many there are, from the first ids', () => {
  const from = (ids: readonly string[]) => {
    const first = ids.toSorted().slice(0, SAMPLE)
    return countFrom(first.length, first.at(-1) ?? null)
  }

  test('is right to a tenth, for any number of them', () => {
    for (const count of [2501, 5000, 40_000, 200_000]) {
      const { count: estimated, exact } = from(newIds(count))
      assert.equal(exact, false)
      assert.ok(Math.abs(estimated - count) <= count / 10, `${estimated}, and there are ${count}`)
    }
  })

  test('is exact where all were looked at, and never less than what was seen', () => {
    assert.deepEqual(from([]), { count: 0, exact: true })
    assert.deepEqual(from(newIds(SAMPLE - 1)), { count: SAMPLE - 1, exact: true })
    assert.deepEqual(countFrom(SAMPLE, 'f'.repeat(64)), { count: SAMPLE, exact: false })
  })

  test('does not depend on how the ids end, which is the same for all sessions of an application', () => {
    const { count } = from(newIds(20_000).map((id) => `${id.slice(0, 56)}0badcafe`))
    assert.ok(Math.abs(count - 20_000) <= 2000, `${count}`)
  })
})

suite('how many there are in SQLite', () => {
  test('is right to a tenth without an ANALYZE, and follows a sweep', async (t) => {
    const database = new DatabaseSync(join(folder(t), 'sessions.db'))
    t.after(() => database.close())
    const store = sqlite({ database })
    await isExactly(store, 0)
    database.exec('BEGIN')
    const insert = database.prepare(`INSERT INTO strongroom_sessions
      (id, payload, version, expires_at, purge_at, created_at) VALUES (?, X'00', 1, ?, ?, 1)`)
    for (const [at, id] of newIds(MANY).entries()) {
      const deadline = at < MANY / 3 ? 4e12 : 600_000
      insert.run(id, deadline, deadline)
    }
    database.exec('COMMIT')
    await isAbout(store, MANY)
    await store.clearExpired()
    await isAbout(store, MANY / 3)
  })
})

suite('how many there are in files', () => {
  test('is right to a tenth, opens no file, and reads of many sessions not all the directories', async (t) => {
    const dir = join(folder(t), 'sessions')
    const store = file({ dir, durable: false })
    await isExactly(store, 0)
    const path = (name: string) => join(dir, 'sessions', name)
    for (let shard = 0; shard < 256; shard++) {
      const name = shard.toString(16).padStart(2, '0')
      // What is no directory cannot be read as one, and what is none of ours is not counted.
      if (shard >= 128) writeFileSync(path(name), '')
      else mkdirSync(path(`${name}/${newId()}.draft`), { recursive: true })
    }
    // Nor can a directory be opened as a session.
    for (const id of newIds(8000)) if (id < '8') mkdirSync(path(`${id.slice(0, 2)}/${id}`))
    await isAbout(store, 8000)
    await store.close()
  })
})

suite('how many there are in PostgreSQL', { skip: postgresNeed.skip }, () => {
  const filled = `(version, expires_at, purge_at, created_at, id, payload)
    SELECT 1, CASE WHEN n % 3 = 0 THEN 4000000000000 ELSE 600000 END, CASE WHEN n % 3 = 0 THEN 4000000000000 ELSE 600000 END,
    1, decode(md5(n::text) || md5((-n)::text), 'hex'), 'x' FROM generate_series(1, ${MANY}) n`

  test('is right to a tenth before the first ANALYZE, follows a sweep, and scans no table', async (t) => {
    const server = await startPostgres()
    const [table, client] = ['sessions', new Client(server.url)]
    const store = postgres({ url: server.url, table, createTable: true })
    t.after(async () => {
      await client.end()
      await store.close()
      await server.stop()
    })
    await isExactly(store, 0)
    await client.connect()
    await client.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`)
    await client.query(`INSERT INTO ${table} ${filled}`)
    const { rows } = await client.query(`EXPLAIN ${statementsFor(table, null).estimate}`)
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    assert.match(plan, /Index Only Scan using sessions_pkey/)
    assert.doesNotMatch(plan, /Seq Scan/)
    await isAbout(store, MANY)
    await store.clearExpired()
    await isAbout(store, MANY / 3)

    const parted = postgres({ url: server.url, table: 'parted' })
    await client.query(`CREATE TABLE parted (LIKE ${table}, PRIMARY KEY (id)) PARTITION BY HASH (id);
      ALTER TABLE parted ALTER COLUMN place SET DEFAULT 1;
      CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      COMMENT ON TABLE parted IS 'strongroom format 1'`)
    await client.query(`INSERT INTO parted ${filled}`)
    await isAbout(parted, MANY)
    await parted.close()
  })
})

suite('how many there are in MariaDB', { skip: mariadbNeed.skip }, () => {
  test('is right to a tenth whatever the statistics say, follows a sweep, and reads no more than the sample', async (t) => {
    const server = await startMariadb()
    const client = await createConnection(server.url)
    const store = mysql({ url: server.url, table: 'sessions', createTable: true })
    t.after(async () => {
      await client.end()
      await store.close()
      await server.stop()
    })
    await isExactly(store, 0)
    const rows = newIds(MANY).map((id, at) => {
      const deadline = at % 3 === 0 ? 4e12 : 600_000
      return `(X'${id}', 'x', 1, ${deadline}, ${deadline}, 1)`
    })
    for (let at = 0; at < MANY; at += 3000)
      await client.query(`INSERT INTO sessions (id, payload, version, expires_at, purge_at, created_at)
        VALUES ${rows.slice(at, at + 3000).join()}`)
    const readBy = async (sql: string) => {
      await client.query('FLUSH STATUS')
      await client.query(sql)
      const [found] = (await client.query("SHOW SESSION STATUS LIKE 'Handler_read%'")) as unknown as [
        { Value: string }[],
      ]
      return found.reduce((sum, { Value }) => sum + Number(Value), 0)
    }
    const { estimate } = statements('sessions')
    // Once from the index, and once as what that has found.
    assert.ok((await readBy(estimate.sql)) <= 2 * SAMPLE + 20)
    await isAbout(store, MANY)
    await store.clearExpired()
    await isAbout(store, MANY / 3)
  })
})

/** Creates keys, in the order of the names. */
async function setAll(client: Redis | Cluster, names: readonly string[]): Promise<void> {
  for (let at = 0; at < names.length; at += 2000)
    await Promise.all(names.slice(at, at + 2000).map((name) => client.set(name, 'x')))
}

const sessionKeys = (prefix: string, count: number) => newIds(count).map((id) => prefix + id)

describeBoth('how many there are', (program) => {
  const serving = async (t: TestContext, options: object = {}) => {
    const server = await startRedis({}, program)
    const client = new Redis(server.url, { enableAutoPipelining: true, ...options })
    const store = redis({ client, evicts: false, durable: 'no' })
    t.after(async () => {
      await store.close()
      client.disconnect()
      await server.stop()
    })
    return { server, client, store }
  }

  test('is exact among few keys, and counts no index, and nothing of another prefix or of others', async (t) => {
    const { client, store } = await serving(t)
    await isExactly(store, 0)
    await setAll(client, [
      ...sessionKeys('strongroom:', 800),
      ...sessionKeys('strongroom:', 300).map((key) => `${key}:owner`),
      ...sessionKeys('other:', 200),
      ...sessionKeys('strongroom:other:', 200),
      'strongroom:sweep:lease',
    ])
    await isExactly(store, 800)
  })

  test('is right to a tenth of a database that is shared, by a bounded number of commands that change nothing', async (t) => {
    const { client, store } = await serving(t)
    await setAll(client, sessionKeys('strongroom:', 10_000))
    await isAbout(store, 10_000)
    await setAll(
      client,
      sessionKeys('strongroom:', 5000).map((key) => `${key}:owner`),
    )
    // As long as ours.
    await setAll(client, sessionKeys('elsewhere-:', 10_000))
    await isAbout(store, 10_000)
    await client.config('RESETSTAT')
    await isAbout(store, 10_000)
    const stats = await client.info('commandstats')
    const calls = Object.fromEntries(
      [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, count]) => [name, Number(count)]),
    )
    assert.deepEqual(
      Object.keys(calls)
        .filter((name) => !/^(?:config|info)/.test(name))
        .toSorted(),
      ['dbsize', 'eval', 'randomkey'],
    )
    assert.ok(Number(calls.randomkey) <= 8000, `${calls.randomkey} keys were drawn`)
    assert.equal(await client.dbsize(), 25_000)
  })

  test('is not made up where nearly all keys are those of others', async (t) => {
    const { client, store } = await serving(t)
    await setAll(client, [...sessionKeys('strongroom:', 500), ...sessionKeys('cache:', 10_000)])
    assert.equal(await store.estimate?.(), null)
  })

  test('is counted with the prefix that the client adds, too', async (t) => {
    const { client, store } = await serving(t, { keyPrefix: 'app:' })
    await setAll(client, sessionKeys('strongroom:', 100))
    await isExactly(store, 100)
    await setAll(client, sessionKeys('strongroom:', 5000))
    await isAbout(store, 5100)
  })

  test('is not known to a user who may not ask, and that is no failure', async (t) => {
    const { client, store, server } = await serving(t)
    await setAll(client, sessionKeys('strongroom:', 3000))
    await isAbout(store, 3000)
    for (const forbidden of ['-dbsize', '-randomkey']) {
      await client.acl('SETUSER', 'app', 'reset', 'on', '>secret', '~*', '&*', '+@all', forbidden)
      const restricted = new Redis(server.url, { username: 'app', password: 'secret' })
      const asUser = redis({ client: restricted, evicts: false, durable: 'no' })
      assert.equal(await asUser.estimate?.(), null, forbidden)
      restricted.disconnect()
    }
  })

  test('is that of all masters of a cluster', async (t) => {
    const cluster = await startRedisCluster({ appendfsync: 'everysec' }, program)
    const client = new Cluster(
      cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
      { enableAutoPipelining: true },
    )
    const store = redis({ client, evicts: false })
    t.after(async () => {
      client.disconnect()
      await cluster.stop()
    })
    await setAll(client, sessionKeys('strongroom:', 900))
    await isExactly(store, 900)
    await setAll(client, sessionKeys('strongroom:', 11_100))
    // Of another application, all in one slot.
    await setAll(
      client,
      Array.from({ length: 6000 }, (_, at) => `{cache}:${at}`),
    )
    await isAbout(store, 12_000)
  })
})
