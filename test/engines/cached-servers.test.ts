import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { bytes, HOUR, newId } from '../../packages/strongroom/src/testing/store/entries.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'
import { secret } from '../core/fixtures/secret.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'
import { keysUnder } from './cached/keys.ts'

suite('cached, on servers', { skip: postgresNeed.skip || redisNeed.skip }, () => {
  let database: PostgresServer
  let server: RedisServer
  before(async () => {
    ;[database, server] = await Promise.all([startPostgres(), startRedis({ appendonly: 'no' })])
  })
  after(() => Promise.all([database.stop(), server.stop()]))

  let count = 0
  storeSuite('cached postgres with redis', async () => {
    const clock = manualClock()
    const [table, prefix] = [`suite_${count++}`, `suite-${count}:`]
    const made: Store[] = []
    const { keys } = keysUnder(secret('cached'))
    const handle = () => {
      const durable = postgres({ url: database.url, table, createTable: true, clock, max: 5 })
      const cache = redis({ url: server.url, prefix, clock })
      const store = cached({ durable, cache, clock, cacheTimeout: 5000 })
      store.authenticate?.(keys)
      made.push(store, durable, cache)
      return { store, durable }
    }
    const { store, durable } = handle()
    return {
      store,
      clock,
      peer: async () => handle().store,
      breakBackend: async () => {
        await durable.close()
        clock.advance(10_000)
      },
      close: async () => {
        for (const each of made) await each.close()
      },
    }
  })

  for (const [name, durable] of [
    [
      'NOTIFY of postgres',
      () => postgres({ url: database.url, table: 'changes', createTable: true, notify: true, max: 3 }),
    ],
    ['pub/sub of redis', () => redis({ url: server.url, prefix: 'changes:', notify: true })],
  ] as const)
    test(`a revocation on one node is seen on another, which has a memory cache of its own, by ${name}`, async (context) => {
      const stores = [durable(), durable()] as const
      const [here, there] = stores.map(
        (store): Store => cached({ durable: store, cache: memory({ evicts: true }), maxAge: HOUR }),
      ) as [Store, Store]
      const times: number[] = []
      for (let round = 0; round < 60; round++) {
        const id = newId()
        const moments = { expiresAt: Date.now() + HOUR, createdAt: Date.now() }
        await here.create(id, { bytes: bytes('a session'), owner: null, label: null, ...moments })
        await there.read(id)
        // A copy that was read in the same millisecond as an invalidation is not used, so it is read again later.
        await until(async () => Date.now() > moments.createdAt + 2)
        assert.ok(await there.read(id))
        await here.delete(id)
        times.push(await until(async () => (await there.read(id)) === null))
      }
      times.sort((one, other) => one - other)
      const at = (part: number) => (times[Math.floor(part * (times.length - 1))] as number).toFixed(1)
      context.diagnostic(`${name}: seen after ${at(0.5)} ms (median), ${at(0.95)} ms (95 %), ${at(1)} ms (longest)`)
      assert.ok((times.at(-1) as number) < 2000)
      for (const store of [here, there, ...stores]) await store.close()
    })
})

/** Waits for the condition. Resolves to the ms that it took. */
async function until(isTrue: () => Promise<boolean>): Promise<number> {
  const began = performance.now()
  while (!(await isTrue())) {
    assert.ok(performance.now() - began < 10_000, 'never')
    await turn()
  }
  return performance.now() - began
}
