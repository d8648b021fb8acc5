import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { Redis as Ioredis } from 'ioredis'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { listed } from '../../../packages/strongroom/src/testing/store/expect.ts'
import { describeBoth, type RedisServer, startRedis } from '../../servers/redis.ts'
import { entry, HOUR, id, make, OWNER } from './fixture.ts'

describeBoth('and the sessions of one owner', (program) => {
  let server: RedisServer
  let client: Ioredis
  before(async () => {
    server = await startRedis({}, program)
    client = new Ioredis(server.url)
  })
  after(async () => {
    client.disconnect()
    await server.stop()
  })

  it('lists and ends all sessions of an owner that are in the index until the same moment, or move in it meanwhile', async () => {
    const clock = manualClock()
    const store = make({ client, clock })
    const index = `strongroom:${OWNER}:owner`
    const expiresAt = clock() + HOUR
    for (let number = 0; number < 250; number += 1) {
      await store.create(id(number), entry({ owner: OWNER, expiresAt }))
      if (number >= 20) await client.zadd(index, `${expiresAt + HOUR}`, id(number))
    }
    const seen: Id[] = []
    for await (const page of store.byOwner.list(OWNER, { page: 30 })) {
      seen.push(...page.map((found) => found.id))
      for (const found of page) await store.touch(found.id, expiresAt + HOUR)
    }
    assert.deepEqual([seen.length, new Set(seen).size], [250, 250])
    for (let number = 0; number < 250; number += 1) await client.zadd(index, `${expiresAt + 4 * HOUR}`, id(number))
    assert.equal((await listed(store.byOwner, OWNER)).length, 250)
    assert.equal(await store.byOwner.deleteAll(OWNER, id(7)), 249)
    assert.deepEqual(await client.zrange(index, '0', '-1'), [id(7)])
  })

  it('runs one script for a hundred sessions, not one for each, in lists, sweeps and a log out everywhere', async () => {
    const clock = manualClock()
    const store = make({ client, clock, prefix: 'pages:' })
    for (let number = 0; number < 90; number += 1)
      await store.create(id(number), entry({ owner: OWNER, expiresAt: clock() + (number < 30 ? 1 : 2) * HOUR }))
    const runs = async (work: () => Promise<unknown>) => {
      await work()
      await client.config('RESETSTAT')
      assert.notEqual(await work(), 0)
      const stats = await client.info('commandstats')
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])
    }
    // One for the index, and one for the sessions.
    assert.equal(await runs(() => listed(store.byOwner, OWNER)), 2)
    clock.advance(HOUR)
    // SCAN returns a page a little larger or smaller than it was asked for.
    assert.ok((await runs(() => store.clearExpired({ dryRun: true }))) < 10)
    assert.equal(await store.clearExpired(), 30)
    assert.equal(await client.zcard(`pages:${OWNER}:owner`), 60)
    await client.config('RESETSTAT')
    assert.equal(await store.byOwner.deleteAll(OWNER), 60)
    assert.match(await client.info('commandstats'), /cmdstat_evalsha:calls=[12]\b/)
    assert.equal(await client.zcard(`pages:${OWNER}:owner`), 0)
  })

  it('neither lists nor ends a session under another owner whose id is still in the index', async () => {
    const store = make({ client, prefix: 'another:' })
    await store.create(id(1), entry({ owner: OWNER }))
    await store.create(id(2), entry({ owner: 'c'.repeat(64) }))
    await client.zadd(`another:${OWNER}:owner`, `${Date.now() + HOUR}`, id(2))
    assert.deepEqual(
      (await listed(store.byOwner, OWNER)).map((found) => found.id),
      [id(1)],
    )
    assert.equal(await store.byOwner.deleteAll(OWNER), 1)
    assert.notEqual(await store.read(id(2)), null)
  })

  it('removes expired ids from the indexes of all owners, in steps of the given size', async () => {
    const [owners, now] = [30, Date.now()]
    const store = make({ client, prefix: 'expired:' })
    const index = (owner: number) => `expired:${`${owner}`.padStart(64, '0')}:owner`
    for (let owner = 0; owner < owners; owner += 1)
      await client.zadd(index(owner), now - 1, id(1), now - 2, id(2), now + HOUR, id(3))
    assert.equal(await store.clearExpired({ dryRun: true }), 2 * owners)
    const steps = [0]
    assert.equal(await store.clearExpired({ batch: 7, onProgress: (removed) => steps.push(removed) }), 2 * owners)
    assert.ok(steps.every((removed, at) => removed - (steps[at - 1] ?? 0) <= 7))
    for (let owner = 0; owner < owners; owner += 1)
      assert.deepEqual(await client.zrange(index(owner), '0', '-1'), [id(3)])
  })
})
