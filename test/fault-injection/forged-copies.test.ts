import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { Sessions } from '../../packages/strongroom/src/sessions.ts'
import type { IndexedStore } from '../../packages/strongroom/src/store.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import { type Visitor, visitor } from '../core/fixtures/visitor.ts'
import type { Server } from '../servers/daemon.ts'
import { memcachedNeed, startMemcached } from '../servers/memcached.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'
import { killed, start } from './fixtures/child.ts'
import { openStore, type StoreLocation } from './fixtures/location.ts'
import { type Anything, sessionsOn } from './fixtures/site.ts'

const MAX_AGE = 400
const ATTACKS = 10_000
const VISITORS = 6

const CACHES = [
  { engine: 'redis', skip: redisNeed.skip, start: () => startRedis({ appendonly: 'no' }) },
  { engine: 'memcached', skip: memcachedNeed.skip, start: () => startMemcached() },
] as const

type Node = Sessions<Anything>

/** Two nodes with one cache, and the truth: sessions that are read from the durable store only. */
async function site(location: StoreLocation) {
  const dir = mkdtempSync(join(tmpdir(), 'strongroom-forged-copies-'))
  const durable = sqlite({ path: join(dir, 'sessions.db'), synchronous: 'normal' })
  const behind = watched(durable)
  const refused: SessionEvent[] = []
  const on = (event: SessionEvent) => {
    if (event.type === 'rejected' || event.type === 'storeError') refused.push(event)
  }
  // A busy machine is not an outage.
  const options = { on, sweep: false, storeTimeout: '20s' } as const
  const caches = await Promise.all([openStore(location), openStore(location)])
  const nodes = caches.map((cache) => {
    const store = cached({ durable: behind.store as IndexedStore, cache, maxAge: MAX_AGE, cacheTimeout: 2000 })
    return sessionsOn(store, options)
  })
  return {
    nodes,
    truth: sessionsOn(durable, options),
    refused,
    readsOfDurable: () => behind.calls.filter((call) => call === 'read').length,
    async close() {
      for (const store of [...caches, durable]) await store.close()
      rmSync(dir, { recursive: true })
    },
  }
}

/** What was seen of the sessions. The first three must stay 0. */
const newTally = () => ({
  loggedOut: 0,
  tooOld: 0,
  rolledBack: 0,
  sessions: 0,
  reads: 0,
  writes: 0,
  readsAfterEnd: 0,
  liveWithinMaxAge: 0,
})
type Tally = ReturnType<typeof newTally>

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T
const via = (node: Node, { cookie }: { cookie: string | null }) => visitor(node, undefined, cookie)

/** One session, from its login to its end, and a look at it afterwards. Each request goes to either node. */
async function live(user: string, { nodes, truth }: Awaited<ReturnType<typeof site>>, tally: Tally): Promise<void> {
  const browser: Visitor<Anything> = visitor(pick(nodes))
  await browser.visit((session) => session.set('n', 0).login(user))
  tally.sessions += 1
  let n = 0
  /** When which count was acknowledged. */
  const written = [{ n, at: Date.now() }]

  async function look(): Promise<void> {
    const began = Date.now()
    const tab = via(pick(nodes), browser)
    await tab.visit((session) => {
      if (session.userId !== user) tally.loggedOut += 1
      const known = written.findLast(({ at }) => at < began - MAX_AGE)
      if (session.get('n') < (known?.n ?? 0)) tally.tooOld += 1
    })
    if (tab.setCookie !== null) tally.loggedOut += 1
    tally.reads += 1
  }

  for (let request = 0; request < 40; request++) {
    if (request % 4 < 3) await look()
    else {
      const tab = via(pick(nodes), browser)
      await tab.visit((session) => {
        if (session.userId !== user) tally.loggedOut += 1
        session.update('n', (count = 0) => count + 1)
      })
      written.push({ n: ++n, at: Date.now() })
      tally.writes += 1
    }
    await wait(Math.random() * 8)
  }
  await via(truth, browser).visit((session) => {
    if (session.userId !== user || session.get('n') !== n) tally.rolledBack += 1
  })

  if (Math.random() < 0.5) await pick(nodes).of(user).revokeAll()
  else await via(pick(nodes), browser).visit((session) => session.logout())
  const endedAt = Date.now()
  while (Date.now() < endedAt + 2 * MAX_AGE) {
    const began = Date.now()
    await via(pick(nodes), browser).visit((session) => {
      tally.readsAfterEnd += 1
      if (session.userId === null) return
      if (began > endedAt + MAX_AGE) tally.tooOld += 1
      else tally.liveWithinMaxAge += 1
    })
    await wait(5)
  }
}

/** Starts the attacker. `counts` are its attacks so far, by kind. */
async function attack(location: StoreLocation) {
  const child: ChildProcess = await start('cache-attacker', location)
  let counts: Record<string, number> = {}
  child.on('message', (message) => {
    counts = message as typeof counts
  })
  const ended = new Promise<never>((_, reject) => child.once('exit', () => reject(new Error('the attacker crashed'))))
  ended.catch(() => undefined)
  child.send('go')
  return { counts: () => counts, ended, stop: () => killed(child) }
}

describe('someone who can write to the cache, and not to the durable store', () => {
  for (const { engine, skip, start } of CACHES)
    it(`can cause misses in ${engine}, and nothing else`, { skip, timeout: 180_000 }, async (context) => {
      const server: Server & { readonly url: string } = await start()
      const location: StoreLocation = { engine, url: server.url }
      const app = await site(location)
      const attacker = await attack(location)
      const sum = () => Object.values(attacker.counts()).reduce((total, count) => total + count, 0)
      const tally = newTally()
      try {
        const victims = Array.from({ length: VISITORS }, async (_, at) => {
          do await live(`user ${at}`, app, tally)
          while (sum() < ATTACKS)
        })
        await Promise.race([Promise.all(victims), attacker.ended])
      } finally {
        await attacker.stop()
        await app.close()
        await server.stop()
      }
      const loads = tally.reads + tally.writes + tally.readsAfterEnd
      const copies = loads - app.readsOfDurable()
      context.diagnostic(`${engine}: ${sum()} attacks: ${JSON.stringify(attacker.counts())}`)
      context.diagnostic(`${engine}: ${JSON.stringify(tally)}; of ${loads} loads, at least ${copies} used a copy`)
      for (const [kind, count] of Object.entries(attacker.counts())) assert.ok(count > 500, `${kind}: ${count}`)
      assert.ok(copies > 100, `${copies} copies were used`)
      assert.deepEqual(app.refused, [])
      const { loggedOut, tooOld, rolledBack } = tally
      assert.deepEqual({ loggedOut, tooOld, rolledBack }, { loggedOut: 0, tooOld: 0, rolledBack: 0 })
    })
})
