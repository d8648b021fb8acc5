import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { Redis as Ioredis } from 'ioredis'
import { createClient } from 'redis'
import { createDjangoSessions } from '../../packages/django/src/sessions.ts'
import { djangoRedis } from '../../packages/django/src/stores/redis.ts'
import { ConfigError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'
import { NOW, SECRET } from './peer.ts'
import { vectors } from './vectors.ts'
import { Visitor } from './visitor.ts'

suite('Redis values in the signed form', { skip: redisNeed.skip }, () => {
  let server: RedisServer
  let client: Ioredis
  const clock = manualClock(NOW)
  const { key, value } = vectors.django_redis_sessions_0_6_2
  const cookie = key.slice('session:'.length)
  const common = { secretKey: SECRET, password: false, clock } as const
  const sessionsOver = (store: ReturnType<typeof djangoRedis>) => createDjangoSessions({ ...common, store })
  let sessions: ReturnType<typeof sessionsOver>

  before(async () => {
    server = await startRedis()
    client = new Ioredis(server.url)
    sessions = sessionsOver(djangoRedis({ url: server.url, prefix: 'session' }))
  })
  after(async () => {
    await sessions?.close()
    client?.disconnect()
    await server?.stop()
  })

  test('a session of django-redis-sessions is read, changed under the same key, and expires when it should', async () => {
    await client.set(key, value, 'PX', 1_209_600_000)
    const visitor = new Visitor(sessions, cookie)
    assert.equal(await visitor.visit((session) => session.get('cat')), 'dog')
    await visitor.visit((session) => session.set('_session_expiry', 300))
    assert.equal(visitor.cookie, cookie)
    const left = await client.pttl(key)
    assert.ok(left > 290_000 && left <= 300_000, String(left))
    assert.match(String(await client.get(key)), /^[\w.-]+:1r31eq:[\w-]{43}$/)
  })

  test('a session is created under its own key, renewed under another one, and deleted by a logout', async () => {
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('a', 1))
    const first = visitor.cookie
    assert.equal(await client.exists(`session:${first}`), 1)
    await visitor.visit((session) => session.renew())
    assert.equal(await client.exists(`session:${first}`), 0)
    const second = visitor.cookie
    await visitor.visit((session) => session.logout())
    assert.equal(await client.exists(`session:${second}`), 0)
  })

  test('concurrent changes are all saved, and a save does not restore a session that has ended', async () => {
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('n', 0))
    const same = () => new Visitor(sessions, visitor.cookie)
    await Promise.all(
      Array.from({ length: 100 }, () => same().visit((session) => session.update('n', (n) => Number(n) + 1))),
    )
    assert.equal(await visitor.visit((session) => session.get('n')), 100)
    await assert.rejects(
      visitor.visit(async (session) => {
        session.set('n', 1)
        await client.del(`session:${visitor.cookie}`)
      }),
      { code: 'STRONGROOM_GONE' },
    )
  })

  test('a session that expires immediately is gone immediately', async () => {
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('a', 1))
    await visitor.visit((session) => session.set('_session_expiry', -10))
    assert.equal(await visitor.visit((session) => session.has('a')), false)
  })

  test('a pickle of Django’s cache backend is refused with advice, and does not log anybody out', async () => {
    const pickle = Buffer.from(vectors.cache_keys['redis_value_hex_for_{cat:dog}'], 'hex')
    await client.set(`session:${'p'.repeat(32)}`, pickle)
    await assert.rejects(
      new Visitor(sessions, 'p'.repeat(32)).visit(() => undefined),
      (error) => {
        return error instanceof UnsupportedError && /djangoCache/.test(error.message)
      },
    )
  })

  test('without a prefix, the key is the session key, with either client', async () => {
    const node = createClient({ url: server.url })
    await node.connect()
    for (const given of [client, node] as const) {
      const own = sessionsOver(djangoRedis(given))
      const visitor = new Visitor(own)
      await visitor.visit((session) => session.set('a', 1))
      assert.equal(await client.exists(String(visitor.cookie)), 1)
      assert.equal(await new Visitor(own, visitor.cookie).visit((session) => session.get('a')), 1)
      await own.close()
    }
    assert.equal(await node.ping(), 'PONG')
    node.destroy()
  })

  test('a Redis that hangs is an error in time, and not a logout', async () => {
    const slow = createDjangoSessions({
      ...common,
      store: djangoRedis({ url: server.url, timeout: 1500 }),
      storeTimeout: 1500,
    })
    try {
      const visitor = new Visitor(slow)
      await visitor.visit((session) => session.set('a', 1))
      server.pause()
      try {
        await assert.rejects(
          visitor.visit(() => undefined),
          { code: 'STRONGROOM_STORE' },
        )
      } finally {
        server.resume()
      }
      assert.equal(await visitor.visit((session) => session.get('a')), 1)
    } finally {
      await slow.close()
    }
  })

  test('wrong options are refused', () => {
    for (const given of [
      {},
      { url: server.url, client },
      { client: {} },
      { url: server.url, prefixes: 'x' },
      { url: server.url, prefix: 7 },
      null,
    ])
      assert.throws(() => djangoRedis(given as never), ConfigError)
  })
})
