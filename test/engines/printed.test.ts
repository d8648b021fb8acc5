import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { inspect } from 'node:util'
import session from 'express-session'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { storeFromUrl } from '../../packages/strongroom/src/engines/url.ts'
import { connectStore } from '../../packages/strongroom/src/express-session/connect-store.ts'
import { figures } from '../../packages/strongroom/src/figures/figures.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'

const PASSWORD = 'hush-hush'
const SECRET = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
const encoded = encodeURIComponent

/** As `console.log` prints it, and as deep as anybody can look. */
const printed = (value: unknown) => ({ shown: inspect(value), deep: inspect(value, { depth: 20, showHidden: true }) })

suite('`console.log` of', () => {
  for (const [url, expected] of [
    ['memory:', { engine: 'memory', durable: 'no', shared: 'process' }],
    ['file:DIR/files', { engine: 'file', durable: 'machine', shared: 'machine', path: 'DIR/files' }],
    [
      'sqlite:DIR/sessions.db',
      {
        engine: 'sqlite',
        durable: 'machine',
        shared: 'machine',
        path: 'DIR/sessions.db',
        table: 'strongroom_sessions',
      },
    ],
    [`redis://me:${PASSWORD}@127.0.0.1:1`, { engine: 'redis', durable: 'no', shared: 'network' }],
    ['memcached://127.0.0.1:1', { engine: 'memcached', durable: 'no', shared: 'network' }],
    [
      `mysql://me:${PASSWORD}@127.0.0.1:1/x`,
      { engine: 'mysql', durable: 'machine', shared: 'network', table: 'strongroom_sessions' },
    ],
    [
      `postgres://me:${PASSWORD}@127.0.0.1:1/x`,
      { engine: 'postgres', durable: 'machine', shared: 'network', table: 'strongroom_sessions' },
    ],
    [
      `cached:?durable=${encoded(`postgres://me:${PASSWORD}@127.0.0.1:1/x`)}&cache=${encoded('memory:?evicts=true')}`,
      { engine: 'cached postgres with memory', durable: 'machine', shared: 'network' },
    ],
    [
      `moving:?from=${encoded(`mysql://me:${PASSWORD}@127.0.0.1:1/x`)}&to=${encoded('sqlite:DIR/b.db')}`,
      { engine: 'moving mysql to sqlite', durable: 'machine', shared: 'machine' },
    ],
  ] as const)
    test(`a store says what it is, and not how to connect to it: ${url}`, async () => {
      const dir = mkdtempSync(join(tmpdir(), 'strongroom-printed-'))
      const within = (text: string) => text.replaceAll('DIR', dir)
      const store = storeFromUrl(within(url))
      const { shown, deep } = printed(store)
      assert.equal(shown, `Store ${inspect(JSON.parse(within(JSON.stringify(expected))))}`)
      assert.doesNotMatch(deep, new RegExp(PASSWORD))
      assert.match(inspect({ in: { an: { object: { store } } } }), /\[Object\]|\[Store\]/)
      await store.close()
      rmSync(dir, { recursive: true })
    })

  test('a store in memory shows nothing of what is in it', async () => {
    const store = storeFromUrl('memory:')
    const sessions = createSessions<{ drink: string }>({ store, secrets: SECRET, seal: 'none' })
    const visit = sessions.open({})
    ;(await visit.get()).set('drink', 'oolong')
    await visit.commit()
    const { shown, deep } = printed(store)
    for (const text of [shown, deep]) assert.doesNotMatch(text, /oolong|drink/)
    await store.close()
  })

  test('sessions is five facts, without the secrets', async () => {
    const sessions = createSessions({ store: `redis://me:${PASSWORD}@127.0.0.1:1`, secrets: SECRET })
    const { shown, deep } = printed(sessions)
    assert.equal(
      shown,
      `Sessions ${inspect({ engine: 'redis', seal: 'two-key', cookieName: '__Host-id', idle: 1_800_000, absolute: 43_200_000 })}`,
    )
    assert.doesNotMatch(deep, new RegExp(`${PASSWORD}|${SECRET}`))
    assert.equal(inspect({ one: { two: { three: { sessions } } } }, { depth: 2 }).includes(SECRET), false)
    await sessions.close()
  })

  test('the engine for cookies, figures, a watcher and a visit has no secret and no cookie in it', async () => {
    const sessions = createSessions({ store: cookie({ revocations: storeFromUrl('memory:') }), secrets: SECRET })
    const visit = sessions.open({ cookie: `id=${PASSWORD}` })
    sessions.attach({ headers: { cookie: `id=${PASSWORD}` } }, visit)
    const counting = figures(sessions)
    const watcher = sessions.watcher({ every: 1000, maxUnknown: 1000 })
    for (const one of [cookie(), visit, counting, watcher, await visit.get()]) {
      const { shown, deep } = printed(one)
      assert.doesNotMatch(`${shown}${deep}`, new RegExp(`${PASSWORD}|${SECRET}`))
      assert.ok(shown.length < 400, `${shown.length} characters`)
    }
    assert.match(inspect(cookie({ revocations: storeFromUrl('memory:') })), /revocations: Store \{ engine: 'memory'/)
    await watcher.close()
    await counting.close()
    await sessions.close()
  })

  test('a store of express-session has no secret and no password in it', async () => {
    const store = connectStore(session, `redis://me:${PASSWORD}@127.0.0.1:1`, { secrets: SECRET })
    assert.doesNotMatch(printed(store).deep, new RegExp(`${PASSWORD}|${SECRET}`))
    await store.close()
  })
})
