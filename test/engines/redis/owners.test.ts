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
})
