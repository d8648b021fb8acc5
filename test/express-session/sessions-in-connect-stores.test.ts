import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, it, suite } from 'node:test'
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import memorystore from 'memorystore'
import { createClient } from 'redis'
import type { ConnectStore } from '../../packages/strongroom/src/base/connect.ts'
import { SessionGoneError, StoreError } from '../../packages/strongroom/src/errors.ts'
import { connectEngine } from '../../packages/strongroom/src/express-session/connect-engine.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { type ManualClock, manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { secret } from '../core/fixtures/secret.ts'
import { visitor } from '../core/fixtures/visitor.ts'
import { type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'

const MINUTE = 60_000

/** What two `createSessions` of one process have in one store of express-session. */
function twoOver(store: ConnectStore, clock: ManualClock) {
  const make = () =>
    createSessions({
      store: connectEngine(store, { clock, timeout: 500 }),
      secrets: secret('connect'),
      storeTimeout: 500,
      clock,
      on: () => undefined,
    })
  return [make(), make()] as const
}

function behaves(open: () => Promise<{ readonly store: ConnectStore; end(): Promise<void> }>): void {
  const on = (check: (given: ReturnType<typeof twoOver>, clock: ManualClock) => Promise<void>) => async () => {
    const { store, end } = await open()
    const clock = manualClock()
    const both = twoOver(store, clock)
    try {
      await check(both, clock)
    } finally {
      for (const sessions of both) await sessions.close()
      await end()
    }
  }

  it(
    'a logout is final against a slow request, through either sessions',
    on(async ([one, other]) => {
      const ada = visitor(one)
      await ada.visit((session) => session.login('ada'))
      const slow = visitor(other, undefined, ada.cookie).begin()
      ;(await slow.session()).set('note', 'late')
      const copy = ada.cookie
      await ada.visit((session) => session.logout())
      await assert.rejects(slow.respond(), SessionGoneError)
      for (const sessions of [one, other])
        await visitor(sessions, undefined, copy).visit((session) => assert.equal(session.userId, null))
    }),
  )

  it(
    'parallel changes of one session are all there',
    on(async ([one, other]) => {
      const ada = visitor(one)
      await ada.visit((session) => session.login('ada'))
      const requests = Array.from({ length: 10 }, (_, n) =>
        visitor(n % 2 ? one : other, undefined, ada.cookie).visit((session) => void session.set(`key${n}`, n)),
      )
      await Promise.all(requests)
      await ada.visit((session) => assert.equal([...session.keys()].length, 10))
    }),
  )

  it(
    'a session lives while it is used, and ends when it is idle',
    on(async ([one, other], clock) => {
      const ada = visitor(one)
      await ada.visit((session) => session.login('ada'))
      for (const sessions of [one, other, one, other]) {
        clock.advance(20 * MINUTE)
        const here = visitor(sessions, undefined, ada.cookie)
        await here.visit((session) => assert.equal(session.userId, 'ada'))
      }
      clock.advance(31 * MINUTE)
      await ada.visit((session) => assert.equal(session.userId, null))
    }),
  )
}

describe('sessions in MemoryStore', () => {
  behaves(async () => ({ store: new session.MemoryStore(), end: async () => undefined }))
})

describe('sessions in memorystore', () => {
  const Memorystore = memorystore(session)
  behaves(async () => ({ store: new Memorystore({}), end: async () => undefined }))
})

suite('on Redis', { skip: redisNeed.skip }, () => {
  let server: RedisServer
  before(async () => {
    server = await startRedis()
  })
  after(() => server.stop())

  const connected = async () => {
    const client = createClient({ url: server.url, disableOfflineQueue: true }).on('error', () => undefined)
    await client.connect()
    return client
  }

  describe('sessions in connect-redis', () => {
    behaves(async () => {
      const client = await connected()
      return { store: new RedisStore({ client }), end: async () => client.destroy() }
    })

    it('are sealed, and while Redis is dead nobody is signed out', async () => {
      const client = await connected()
      try {
        const [sessions] = twoOver(new RedisStore({ client }), manualClock())
        const ada = visitor(sessions)
        await ada.visit((session) => {
          session.login('ada-lovelace')
          session.set('note', 'under-the-oak-tree')
        })
        const stored: string[] = []
        for (const key of await client.keys('*')) stored.push(key, String(await client.get(key)))
        assert.ok(stored.some((text) => text.includes('"strongroom":"1.')))
        for (const known of ['ada-lovelace', 'under-the-oak-tree', ada.cookie ?? assert.fail()])
          for (const encoding of ['utf8', 'base64url', 'hex'] as const)
            assert.ok(!stored.join('\n').includes(Buffer.from(known).toString(encoding)), known)
        await server.kill()
        await assert.rejects(
          ada.visit((session) => session.userId),
          StoreError,
        )
        assert.notEqual(ada.cookie, null)
      } finally {
        client.destroy()
      }
    })
  })
})

describe('the warning of a connect store', () => {
  const warningsOf = (stores: string) => {
    const source = join(import.meta.dirname, '../../packages/strongroom/src')
    const script = `
      import session from 'express-session'
      import { connectEngine } from '${source}/express-session/connect-engine.ts'
      class RedisStore extends session.MemoryStore {}
      class Other extends session.MemoryStore {}
      for (const Store of [${stores}]) connectEngine(new Store())`
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: join(import.meta.dirname, '../..'),
      encoding: 'utf8',
    })
    return stderr.split('\n').filter((line) => line.includes('[STRONGROOM_CONNECT_STORE]'))
  }

  it('comes once, and names the store of ours that takes the same client', () => {
    const [first = '', ...more] = warningsOf('RedisStore, Other, RedisStore')
    assert.match(first, /has no compare-and-set.*Pass redis\(\{ client \}\) from strongroom\/redis\./)
    assert.deepEqual(more, [])
    assert.match(warningsOf('Other')[0] ?? '', /a store of ours, such as redis/)
    assert.match(warningsOf('session.MemoryStore')[0] ?? '', /memory\(\) from strongroom\/memory/)
  })
})
