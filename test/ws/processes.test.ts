import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/session-for.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'
import { act, closedWithin, connectWs, TRANSPORTS } from './client.ts'
import { startNode } from './node.ts'

/** What this machine may be busy with, besides what is promised. */
const BUSY = 8_000

interface Place {
  readonly store: string
  end(): unknown
}

const PLACES: Readonly<Record<string, { skip?: string | false; every: number; start(): Promise<Place> }>> = {
  sqlite: {
    every: 500,
    async start() {
      const folder = await mkdtemp(join(tmpdir(), 'strongroom-ws-'))
      return {
        store: `sqlite:${join(folder, 'sessions.db')}`,
        end: () => rmSync(folder, { recursive: true, force: true }),
      }
    },
  },
  'redis, which is asked': {
    skip: redisNeed.skip,
    every: 500,
    async start() {
      const server = await startRedis({ appendfsync: 'no' })
      return { store: server.url, end: () => server.stop() }
    },
  },
  'redis, which reports': {
    skip: redisNeed.skip,
    every: 3_600_000,
    async start() {
      const server = await startRedis({ appendfsync: 'no' })
      return { store: `${server.url}?notify=true`, end: () => server.stop() }
    },
  },
  'postgres, which reports': {
    skip: postgresNeed.skip,
    every: 3_600_000,
    async start() {
      const server = await startPostgres()
      return { store: `${server.url}?notify=true&createTable=true`, end: () => server.stop() }
    },
  },
}

for (const [name, { skip, every, start }] of Object.entries(PLACES))
  suite(`a session that another process ends: ${name}`, { skip: skip || false, timeout: 120_000 }, () => {
    let place: Place
    let child: ChildProcess
    let there: string

    before(async () => {
      place = await start()
      child = fork(join(import.meta.dirname, 'child.ts'), [place.store, `${every}`])
      const failed = once(child, 'exit').then(() => assert.fail('The other process did not start.'))
      ;[there] = (await Promise.race([once(child, 'message'), failed])) as [string]
      failed.catch(() => undefined)
    })
    after(async () => {
      child?.kill('SIGKILL')
      await place?.end()
    })

    async function here(t: TestContext) {
      const node = await startNode({ store: place.store }, { every: 3_600_000, maxUnknown: 3_600_000 })
      t.after(() => node.close())
      return node
    }

    // socket.io waits half a minute for the last poll of a client that has gone, and keeps the process until then.
    const { 'socket.io by polling': _, ...transports } = TRANSPORTS
    for (const [transport, connect] of Object.entries(transports))
      test(`${transport}: is closed there within the interval and the time of one call`, async (t) => {
        const node = await here(t)
        const userId = `ada ${transport}`
        const [one, two] = [await sessionFor(node.sessions, { userId }), await sessionFor(node.sessions, { userId })]
        const [first, second] = [await connect(there, one.cookie), await connect(there, two.cookie)]
        t.after(() => second.close())
        await act(node.url, 'logout', one.cookie)
        const { ms, reason } = await closedWithin(Math.min(every, 500) + BUSY, first)
        t.diagnostic(`${name}, ${transport}: logout ${ms.toFixed()} ms`)
        assert.equal(reason, 'ended')
        await node.sessions.of(userId).revokeAll()
        const all = await closedWithin(Math.min(every, 500) + BUSY, second)
        t.diagnostic(`${name}, ${transport}: revoke-all ${all.ms.toFixed()} ms`)
        assert.equal(all.reason, 'ended')
      })

    test('the process ends when its connections are closed, and nothing keeps it', async () => {
      const { cookie } = await sessionForIn(there)
      const connection = await connectWs(there, cookie)
      const exited = once(child, 'exit')
      child.send('close')
      assert.equal((await closedWithin(BUSY, connection)).reason, 'closed')
      assert.deepEqual(await exited, [0, null])
    })

    const sessionForIn = (url: string) => act(url, 'bob', '')
  })

suite('while redis does not answer', { skip: redisNeed.skip || false, timeout: 120_000 }, () => {
  let server: RedisServer
  before(async () => {
    server = await startRedis({ appendfsync: 'no' })
  })
  after(() => server.stop())

  async function connected(t: TestContext, maxUnknown: number) {
    const store = redis({ url: server.url, timeout: 300 })
    const node = await startNode({ store, storeTimeout: 300, on: () => {} }, { every: 200, maxUnknown })
    t.after(async () => {
      await node.close()
      await store.close()
    })
    const { cookie } = await sessionFor(node.sessions, { userId: 'ada' })
    return { node, cookie, connection: await connectWs(node.url, cookie) }
  }

  for (const [how, down, up] of [
    ['paused', () => server.pause(), () => server.resume()],
    ['killed', () => server.kill(), () => server.start()],
  ] as const) {
    test(`because it was ${how}, a connection is closed as unknown at the stated bound`, async (t) => {
      const { connection, node } = await connected(t, 1_000)
      await down()
      try {
        const { reason, ms } = await closedWithin(1_000 + 200 + 350 + BUSY, connection)
        assert.equal(reason, 'unknown')
        assert.ok(ms > 500, `${ms}`)
      } finally {
        await up()
      }
      await node.live.close()
    })

    test(`because it was ${how} for less than that, a connection goes on, and ends with a logout after it`, async (t) => {
      const { connection, cookie, node } = await connected(t, 60_000)
      const failed = new Promise<void>((resolve) => {
        const watch = node.sessions.observe({ event: ({ type }) => type === 'storeError' && resolve(), call: () => {} })
        t.after(() => watch.stop())
      })
      await down()
      await failed
      await up()
      const session = await retried(() => node.sessions.read({ headers: { cookie } }))
      assert.equal(session.userId, 'ada')
      await retried(() => node.sessions.of('ada').revokeAll())
      assert.notEqual((await closedWithin(BUSY, connection)).reason, 'unknown')
    })
  }

  async function retried<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call()
      } catch {
        // The store's own pause before it connects again.
        await turn()
      }
    }
  }
})
