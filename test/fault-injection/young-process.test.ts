import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { CONNECT_LIMIT } from '../../packages/strongroom/src/engines/cached/circuit-breaker.ts'
import { CHANGE_LIMIT } from '../../packages/strongroom/src/engines/cached/store.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { storeFromUrl } from '../../packages/strongroom/src/engines/url.ts'
import type { IndexedStore } from '../../packages/strongroom/src/store.ts'
import { HOUR } from '../../packages/strongroom/src/testing/store/entries.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import { type Visitor, visitor } from '../core/fixtures/visitor.ts'
import { freePort } from '../servers/daemon.ts'
import { memcachedNeed, startMemcached } from '../servers/memcached.ts'
import { startProxy } from '../servers/proxy.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'
import type { Acts, Done } from './children/young.ts'
import { killed, start } from './fixtures/child.ts'
import { type Anything, sessionsOn } from './fixtures/site.ts'

const CACHES = [
  { engine: 'redis', skip: redisNeed.skip, start: () => startRedis({ appendonly: 'no' }) },
  { engine: 'memcached', skip: memcachedNeed.skip, start: () => startMemcached() },
] as const
/** Three times as long as a read waits for the cache. */
const SLOW = 150
const MANY = 20

for (const { engine, skip, start: startCache } of CACHES)
  suite(`a server that has just started, with ${engine} as its cache`, { skip }, () => {
    let cache: Awaited<ReturnType<typeof startCache>>
    let dir: string
    before(async () => {
      cache = await startCache()
      dir = mkdtempSync(join(tmpdir(), 'strongroom-young-'))
    })
    after(async () => {
      await cache.stop()
      rmSync(dir, { recursive: true })
    })
    const path = () => join(dir, 'sessions.db')
    const urlWith = (port: number) =>
      `cached:?durable=${encodeURIComponent(`sqlite:${path()}`)}&cache=${encodeURIComponent(`${engine}://127.0.0.1:${port}`)}`

    test('tells the others of its first end, although connecting takes longer than a read waits', async () => {
      for (const how of ['logout', 'revokeAll'] as const) {
        const other = await server(path(), cache.url)
        const proxy: Awaited<ReturnType<typeof startProxy>> = await startProxy(cache.port, () => {
          setTimeout(() => proxy.mend(), SLOW)
          return { asked: () => undefined, answered: () => undefined }
        })
        proxy.hold()
        try {
          const ada = await other.signedIn('ada')
          const user = () => other.userOf(ada.cookie)
          await act({ store: urlWith(proxy.port), acts: [{ how, ...ada }] }, async ({ failed, warnings, times }) => {
            const [took = 0] = times
            assert.deepEqual(failed, [], how)
            assert.ok(took >= SLOW / 2, `${how}: ${took} ms, so the connection was not slow`)
            // On a machine that is so busy that nobody waits for so long, it arrives later.
            if (took >= CONNECT_LIMIT) while ((await user()) !== null) await wait(10)
            else assert.deepEqual([await user(), warnings], [null, []], how)
          })
        } finally {
          await proxy.close()
          await other.close()
        }
      }
    })

    test('makes every end although its cache accepts connections and never answers, and only the first waits for long', async (context) => {
      const proxy = await startProxy(cache.port)
      proxy.hold()
      try {
        const { times, warnings } = await endsAll(urlWith(proxy.port))
        const [first = 0, ...later] = times
        const rest = later.reduce((sum, each) => sum + each, 0)
        context.diagnostic(`${first.toFixed()} ms, then ${rest.toFixed()} ms for ${later.length}`)
        assert.ok(first >= CONNECT_LIMIT / 2, `${first} ms`)
        assert.ok(rest < (later.length * CHANGE_LIMIT) / 2, `${rest} ms`)
        assert.deepEqual([...new Set(warnings)], ['STRONGROOM_CACHE'])
      } finally {
        await proxy.close()
      }
    })

    test('makes every end although its cache refuses connections, and none waits for long', async () => {
      const { times, warnings } = await endsAll(urlWith(await freePort()))
      const sum = times.reduce((sum, each) => sum + each, 0)
      assert.ok(sum < 2 * CONNECT_LIMIT + (MANY * CHANGE_LIMIT) / 2, `${sum} ms`)
      assert.deepEqual([...new Set(warnings)], ['STRONGROOM_CACHE'])
    })

    /** Ends of many sessions by a process that cannot reach its cache. The others, which can, find them ended in the durable store. */
    async function endsAll(store: string): Promise<Done> {
      const other = await server(path(), cache.url)
      try {
        const users = await Promise.all(Array.from({ length: MANY }, (_, index) => other.signedIn(`user-${index}`)))
        const acts = users.map((user, index) => ({
          how: index % 2 ? ('logout' as const) : ('revokeAll' as const),
          ...user,
        }))
        const done = await act({ store, acts })
        assert.deepEqual(done.failed, [])
        for (const { cookie } of users) assert.equal(await other.userOf(cookie, { fresh: true }), null)
        return done
      } finally {
        await other.close()
      }
    }
  })

/** Another server of the site, which goes on using its copies for an hour. */
async function server(path: string, cacheUrl: string) {
  const durable = sqlite({ path, synchronous: 'normal' })
  const behind = watched(durable)
  const cache = storeFromUrl(cacheUrl)
  const store = cached({ durable: behind.store as IndexedStore, cache, maxAge: HOUR })
  const [sessions, truth] = [sessionsOn(store, { sweep: false }), sessionsOn(durable, { sweep: false })]
  const userOf = async (cookie: string, { fresh = false } = {}) =>
    (await (fresh ? truth : sessions).read({ cookie: `${sessions.policy.cookieName}=${cookie}` })).userId
  return {
    userOf,
    /** Signs in, and reads until there is a copy of the session in the cache. */
    async signedIn(user: string) {
      const browser: Visitor<Anything> = visitor(sessions)
      await browser.visit((session) => session.login(user))
      const cookie = browser.cookie ?? assert.fail('no cookie')
      for (;;) {
        behind.calls.length = 0
        assert.equal(await userOf(cookie), user)
        if (!behind.calls.includes('read')) return { user, cookie }
        await wait(10)
      }
    },
    async close() {
      for (const each of [store, cache, durable]) await each.close()
    },
  }
}

/** What came of the first acts of a new process, which lives until `look` has looked at it. */
async function act(acts: Acts, look: (done: Done) => unknown = () => undefined): Promise<Done> {
  const child = await start('young', acts)
  try {
    child.send('go')
    const [done] = (await once(child, 'message')) as [Done]
    await look(done)
    return done
  } finally {
    await killed(child)
  }
}
