import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, suite } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { secret } from '../core/fixtures/secret.ts'
import { type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'
import { send } from '../servers/redis-client.ts'
import { SITES, type Site, sidIn } from './sites.ts'

const MINUTE = 60_000

let folder = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'strongroom-connect-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

const inFolder = () => mkdtempSync(join(folder, 'store-'))
const ENGINES: Readonly<Record<string, (clock?: () => number) => Store>> = {
  memory: (clock) => memory({ clock }),
  file: (clock) => file({ dir: join(inFolder(), 'sessions'), clock, durable: false }),
  sqlite: (clock) => sqlite({ path: join(inFolder(), 'sessions.db'), clock }),
}

for (const [framework, start] of Object.entries(SITES))
  for (const [engineName, open] of Object.entries(ENGINES))
    describe(`${framework} over ${engineName}`, () => {
      const on =
        (check: (site: Site) => Promise<void>, given: object = {}, clock?: () => number) =>
        async () => {
          const engine = open(clock)
          const site = await start(engine, { ...given, ...(clock && { clock }) })
          try {
            await check(site)
            assert.deepEqual(site.errors, [])
          } finally {
            await site.close()
            await engine.close()
          }
        }

      it(
        'a visitor signs in, leaves a note, and signs out',
        on(async ({ visitor }) => {
          const [ada, bob] = [visitor(), visitor()]
          assert.equal(await ada.get('/me'), 'nobody')
          assert.equal(ada.cookie, '')
          await ada.get('/login/ada')
          await bob.get('/login/bob')
          await ada.get('/note/tea')
          assert.equal(await ada.get('/me'), 'ada tea')
          assert.equal(await bob.get('/me'), 'bob')
          const copy = ada.cookie
          assert.equal(await ada.get('/logout'), 'bye')
          const thief = visitor()
          thief.cookie = copy
          assert.equal(await thief.get('/me'), 'nobody')
          assert.equal(await bob.get('/me'), 'bob')
        }),
      )

      const isFinal =
        (path: '/slow' | '/slow/late') =>
        async ({ visitor, slowHasLoaded, goOn }: Site) => {
          const ada = visitor()
          await ada.get('/login/ada')
          const slow = visitor()
          slow.cookie = ada.cookie
          const copy = ada.cookie
          const answer = slow.get(path)
          await slowHasLoaded()
          assert.equal(await ada.get('/logout'), 'bye')
          goOn()
          assert.equal(await answer, path === '/slow' ? 'read' : 'noted')
          for (const cookie of [copy, slow.cookie]) {
            const thief = visitor()
            thief.cookie = cookie
            assert.equal(await thief.get('/me'), 'nobody')
          }
        }

      it(
        'a slow request that writes after a logout does not bring the session back, and is answered',
        on(isFinal('/slow/late')),
      )

      // What express-session and @fastify/session store at the end of a request that only reads, if they are told to.
      it(
        'a slow request that only reads does not bring the session back after a logout, and is answered',
        on(isFinal('/slow'), { resave: true, rolling: true }),
      )

      it(
        'a slow request that writes after a login does not bring the session before it back',
        on(async ({ visitor, slowHasLoaded, goOn }) => {
          const ada = visitor()
          await ada.get('/note/planted')
          const planted = ada.cookie
          const slow = visitor()
          slow.cookie = planted
          const answer = slow.get('/slow/late')
          await slowHasLoaded()
          await ada.get('/login/ada')
          goOn()
          await answer
          const thief = visitor()
          thief.cookie = planted
          assert.equal(await thief.get('/me'), 'nobody')
          assert.notEqual(ada.cookie, planted)
          assert.equal(await ada.get('/me'), 'ada')
        }),
      )

      const clock = manualClock(Date.now())
      it(
        'a session ends when its cookie does, and a request that only reads extends it',
        on(
          async ({ visitor }) => {
            const [ada, idle] = [visitor(), visitor()]
            await ada.get('/login/ada')
            await idle.get('/login/idle')
            for (const _ of [1, 2, 3]) {
              clock.advance(40 * MINUTE)
              assert.equal(await ada.get('/me'), 'ada')
            }
            assert.equal(await idle.get('/me'), 'nobody')
            clock.advance(61 * MINUTE)
            assert.equal(await ada.get('/me'), 'nobody')
          },
          { rolling: true },
          clock,
        ),
      )

      it(
        'sessions go on under new secrets, one by one, and the old secret can be removed',
        on(
          async ({ visitor, store }) => {
            const [ada, bob, eve] = [visitor(), visitor(), visitor()]
            for (const [name, one] of Object.entries({ ada, bob, eve })) await one.get(`/login/${name}`)
            await store.reloadSecrets([secret('new'), secret('old')])
            // A write, and a touch.
            await ada.get('/note/tea')
            assert.equal(await bob.get('/me'), 'bob')
            await nextTurn()
            assert.equal(await store.length(), 3)
            await store.reloadSecrets([secret('new')])
            assert.equal(await ada.get('/me'), 'ada tea')
            assert.equal(await bob.get('/me'), 'bob')
            assert.equal(await eve.get('/me'), 'nobody')
          },
          { secrets: secret('old'), rolling: true },
        ),
      )

      it(
        'a logout under new secrets is final for a server that has only the old one, and the other way round',
        on(
          async ({ visitor, store, slowHasLoaded, goOn }) => {
            for (const [during, afterwards] of [
              [['new', 'old'], ['old']],
              [['old', 'new'], ['new']],
            ] as const) {
              await store.reloadSecrets(['old', 'new'].map(secret))
              const ada = visitor()
              await ada.get('/login/ada')
              const slow = visitor()
              slow.cookie = ada.cookie
              const copy = ada.cookie
              const answer = slow.get('/slow/late')
              await slowHasLoaded()
              await store.reloadSecrets(during.map(secret))
              await ada.get('/logout')
              await store.reloadSecrets(afterwards.map(secret))
              goOn()
              await answer
              for (const ring of [during, afterwards]) {
                await store.reloadSecrets(ring.map(secret))
                const thief = visitor()
                thief.cookie = copy
                assert.equal(await thief.get('/me'), 'nobody')
              }
            }
          },
          { secrets: secret('old') },
        ),
      )
    })

/** What a thief of the storage reads, as text. */
const readAll = (path: string): string =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.name}\n${readFileSync(join(entry.parentPath, entry.name), 'latin1')}`)
    .join('\n')

suite('nothing that is stored tells the note, the user or the sid', () => {
  const NOTE = 'under-the-oak-tree'
  for (const [framework, start] of Object.entries(SITES)) {
    const isPrivate = async (engine: Store, everything: () => Promise<string>) => {
      const site = await start(engine)
      try {
        const ada = site.visitor()
        await ada.get('/login/ada-lovelace')
        await ada.get(`/note/${NOTE}`)
        const sid = sidIn(ada.cookie)
        assert.ok(sid.length >= 24)
        const stored = await everything()
        assert.ok(stored.length > 100)
        for (const known of [NOTE, 'ada-lovelace', sid, 'originalMaxAge'])
          for (const encoding of ['utf8', 'base64', 'hex'] as const)
            assert.ok(
              !stored.includes(Buffer.from(known).toString(encoding).replace(/=+$/, '')),
              `${known}, ${encoding}`,
            )
      } finally {
        await site.close()
        await engine.close()
      }
    }

    for (const name of ['file', 'sqlite'])
      it(`${framework}, on disk: ${name}`, () => {
        const place = inFolder()
        const engine =
          name === 'file' ? file({ dir: join(place, 'sessions') }) : sqlite({ path: join(place, 'sessions.db') })
        return isPrivate(engine, async () => readAll(place))
      })

    it(`${framework}, in Redis`, { skip: redisNeed.skip }, async () => {
      const server = await startRedis()
      try {
        await isPrivate(redis(server.url), async () => readAll(server.dir))
      } finally {
        await server.stop()
      }
    })
  }
})

suite('a Redis that dies is an error in time, nobody is signed out, and all goes on when it is back', {
  skip: redisNeed.skip,
}, () => {
  let server: RedisServer
  before(async () => {
    server = await startRedis()
  })
  after(() => server.stop())

  for (const [framework, start] of Object.entries(SITES))
    it(framework, async () => {
      await send(server.port, 'FLUSHALL')
      const engine = redis({ url: server.url, timeout: 500 })
      const site = await start(engine, { storeTimeout: 500 })
      try {
        const ada = site.visitor()
        await ada.get('/login/ada')
        const { cookie } = ada
        await server.kill()
        assert.equal(await ada.get('/me'), '503 failed')
        assert.equal(await ada.get('/note/lost'), '503 failed')
        assert.equal(ada.cookie, cookie)
        assert.equal(site.errors.length, 2)
        for (const error of site.errors) assert.ok(error instanceof StoreError)
        await server.start()
        // The client comes back by itself, a moment after the server.
        const back = async (): Promise<string> => {
          const text = await ada.get('/me')
          return text.startsWith('503') ? back() : text
        }
        assert.equal(await back(), 'ada')
      } finally {
        await site.close()
        await engine.close()
      }
    })
})
