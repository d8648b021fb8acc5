import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { Redis as Ioredis } from 'ioredis'
import type { DjangoEngine } from '../../packages/django/src/engine.ts'
import { djangoCookies } from '../../packages/django/src/engine.ts'
import { createDjangoSessions } from '../../packages/django/src/sessions.ts'
import { djangoCache } from '../../packages/django/src/stores/cache.ts'
import { djangoCachedDb } from '../../packages/django/src/stores/cached-db.ts'
import { djangoFiles } from '../../packages/django/src/stores/files.ts'
import { djangoPostgres } from '../../packages/django/src/stores/postgres.ts'
import { djangoRedis } from '../../packages/django/src/stores/redis.ts'
import { djangoSqlite } from '../../packages/django/src/stores/sqlite.ts'
import { ConfigError, StoreError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'
import { SECRET } from './peer.ts'
import { vectors } from './vectors.ts'
import { Visitor } from './visitor.ts'

const KEY = 'k'.repeat(32)
const events: SessionEvent[] = []
const over = (store: DjangoEngine, more: object = {}) =>
  createDjangoSessions({ store, secretKey: SECRET, password: false, on: (event) => events.push(event), ...more })

function table(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  database.exec('CREATE TABLE django_session (session_key PRIMARY KEY, session_data NOT NULL, expire_date NOT NULL)')
  return database
}

suite('sessions in Django’s cache on Redis', { skip: redisNeed.skip }, () => {
  let server: RedisServer
  let client: Ioredis
  let cached: ReturnType<typeof over>
  before(async () => {
    server = await startRedis()
    client = new Ioredis(server.url)
    cached = over(djangoCache({ client }))
  })
  after(async () => {
    await cached?.close()
    client?.disconnect()
    await server?.stop()
  })
  const name = `:1:django.contrib.sessions.cache${KEY}`
  const visitor = (sessions = cached) => new Visitor(sessions, KEY)
  const refused = (sessions: ReturnType<typeof over>, message: RegExp) =>
    assert.rejects(
      visitor(sessions).visit((session) => session.isNew),
      (error) => error instanceof UnsupportedError && message.test(error.message),
    )

  test('JSON is read, changed under the same key with the same lifetime, and deleted by a logout', async () => {
    await client.set(name, '{"_auth_user_id": "7", "a": 1.0, "_session_expiry": 300}', 'PX', 100_000)
    assert.deepEqual(await visitor().visit((session) => [session.userId, session.get('a')]), ['7', 1])
    await visitor().visit((session) => session.set('b', 'é🐍'))
    assert.equal(
      await client.get(name),
      '{"_auth_user_id":"7","a":1.0,"_session_expiry":300,"b":"\\u00e9\\ud83d\\udc0d"}',
    )
    assert.ok((await client.pttl(name)) > 290_000)
    await visitor().visit((session) => session.logout())
    assert.equal(await client.exists(name), 0)
  })

  test('UTF-8 of another serializer is read as such, and stays what it was', async () => {
    await client.set(name, '{"a":"é🐍","b":1}', 'PX', 100_000)
    assert.equal(await visitor().visit((session) => session.get('a')), 'é🐍')
    await visitor().visit((session) => session.set('b', 2))
    await visitor().visit((session) => session.set('b', 3))
    assert.deepEqual(JSON.parse(String(await client.get(name))), { a: 'é🐍', b: 3 })
  })

  test('a pickle, compressed JSON or anything else is refused with advice, and logs nobody out', async () => {
    const values: [value: string | Buffer, message: RegExp][] = [
      [Buffer.from(vectors.cache_keys['redis_value_hex_for_{cat:dog}'], 'hex'), /pickle/],
      [deflateSync('{"a":1}'), /JSONSerializer/],
      [Buffer.from('81a161', 'hex'), /JSONSerializer/],
      ['', /JSONSerializer/],
    ]
    for (const [value, message] of values) {
      await client.set(name, value, 'PX', 100_000)
      await refused(cached, message)
    }
    assert.deepEqual(await client.exists(name), 1)
  })

  test('a KEY_PREFIX and a VERSION are those of Django’s cache', async () => {
    const sessions = over(djangoCache({ url: server.url, keyPrefix: 'shop', version: 3 }))
    const fresh = new Visitor(sessions)
    await fresh.visit((session) => session.set('a', 1))
    assert.equal(await client.get(`shop:3:django.contrib.sessions.cache${fresh.cookie}`), '{"a":1}')
    await sessions.close()
  })

  test('the wrong engine for sessions in the cache is an error, and not an empty session', async () => {
    await client.flushall()
    await client.set(name, '{}', 'PX', 100_000)
    const redis = over(djangoRedis(client))
    await refused(redis, /use djangoCache\(\)/)
    await client.rename(name, `:1:django.contrib.sessions.cached_db${KEY}`)
    await refused(redis, /use djangoCachedDb\(\)/)
    await refused(cached, /use djangoCachedDb\(\)/)
    await client.flushall()
    for (const sessions of [redis, cached])
      assert.equal(await visitor(sessions).visit((session) => session.isNew), true)
  })

  test('wrong options are refused', () => {
    for (const given of [{}, { url: server.url, client }, { client: {} }, { url: server.url, prefix: 'x' }])
      assert.throws(() => djangoCache(given as never), ConfigError)
    for (const wrong of [{ keyPrefix: 7 }, { version: -1 }, { version: '1' }])
      assert.throws(() => djangoCache({ client, ...wrong } as never), ConfigError)
  })
})

suite('sessions of cached_db', () => {
  test('the cached copy is removed before and after a session changes or ends, and is never read', async () => {
    const database = table()
    const deleted: string[] = []
    const rows = () => database.prepare('SELECT COUNT(*) AS n FROM django_session').get()?.n
    const cache = { delete: (key: string) => deleted.push(`${key} of ${rows()}`), keyPrefix: 'shop', version: 2 }
    const sessions = over(djangoCachedDb({ database: djangoSqlite(database), cache }))
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('a', 1))
    await visitor.visit((session) => session.get('a'))
    assert.deepEqual(deleted, [])
    const copy = `shop:2:django.contrib.sessions.cached_db${visitor.cookie}`
    await visitor.visit((session) => session.set('a', 2))
    assert.deepEqual(deleted.splice(0), [`${copy} of 1`, `${copy} of 1`])
    await visitor.visit((session) => session.logout())
    assert.deepEqual(deleted.splice(0), [`${copy} of 1`, `${copy} of 0`])
    assert.equal(sessions.policy.engine, 'django (cached_db, sqlite)')
  })

  test('a cache that does not answer is a store error, and the session stays as it is', async () => {
    const database = table()
    let answers = true
    const cache = {
      async delete() {
        if (!answers) throw new Error('connection refused')
      },
    }
    const sessions = over(djangoCachedDb({ database: djangoSqlite(database), cache }))
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('a', 1))
    answers = false
    for (const change of [() => visitor.visit((s) => s.set('a', 2)), () => visitor.visit((s) => s.logout())])
      await assert.rejects(change(), StoreError)
    assert.equal(await visitor.visit((session) => session.get('a')), 1)
  })

  test('wrong options are refused', () => {
    const database = djangoSqlite(table())
    const cache = { delete: () => undefined }
    for (const given of [
      { database },
      { database, cache: null },
      { database, cache: {} },
      { database, cache: { delete: 1 } },
      { database, cache: { ...cache, prefix: 'x' } },
      { database, cache: { ...cache, version: 1.5 } },
      { database: djangoFiles(), cache },
      { database, cache, table: 'x' },
    ])
      assert.throws(() => djangoCachedDb(given as never), ConfigError)
  })
})

test('a SESSION_ENGINE that is not that of the store is refused, above all cached_db over its table alone', () => {
  const database = djangoSqlite(table())
  const engines: Record<string, DjangoEngine> = {
    'django.contrib.sessions.backends.db': database,
    'django.contrib.sessions.backends.cached_db': djangoCachedDb({ database, cache: { delete: () => undefined } }),
    'django.contrib.sessions.backends.cache': djangoCache('redis://localhost'),
    'django.contrib.sessions.backends.file': djangoFiles(),
    'django.contrib.sessions.backends.signed_cookies': djangoCookies(),
    'redis_sessions.session': djangoRedis('redis://localhost'),
  }
  for (const [sessionEngine, store] of Object.entries(engines))
    for (const [setting, right] of Object.entries(engines)) {
      const make = () => over(store, { sessionEngine: setting })
      if (right.name === store.name) make()
      else assert.throws(make, ConfigError, `${sessionEngine} with ${setting}`)
    }
  over(djangoPostgres('postgres://localhost/x'), { sessionEngine: 'shop.sessions' })
  for (const wrong of ['', 7, null]) assert.throws(() => over(database, { sessionEngine: wrong }), ConfigError)
})
