import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { Redis as Ioredis } from 'ioredis'
import { createSentinel } from 'redis'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import { describeBoth } from '../../servers/redis.ts'
import { until } from '../../servers/redis-client.ts'
import { type RedisSentinel, startRedisSentinel } from '../../servers/redis-sentinel.ts'
import { survivesFailover } from './failover.ts'
import { entry, id } from './fixture.ts'

/** Until a replica has everything that was written before: a master that is killed earlier takes it along. */
async function replicated(port: number): Promise<void> {
  const client = new Ioredis(port)
  try {
    await client.set('marker', 1)
    assert.ok((await client.wait(1, 10_000)) >= 1)
  } finally {
    client.disconnect()
  }
}

describeBoth('behind sentinels', (program) => {
  let group: RedisSentinel
  before(async () => {
    group = await startRedisSentinel({}, program)
  })
  after(() => group.stop())

  it('a master that is killed during requests logs nobody out, and listeners are told', async (test) => {
    const store = redis({ url: group.url, notify: true })
    const changed: (Id | null)[] = []
    await store.changes?.listen((change) => changed.push(change))
    const victim = await group.master()
    try {
      const { failed, recoveredAfter } = await survivesFailover(store, 2000, victim)
      test.diagnostic(`${failed} requests of 30 visitors failed, the last one ${recoveredAfter} ms after the kill`)
      // The subscription has a connection of its own: null when that is lost, and again when it is back.
      await until(async () => changed.filter((change) => change === null).length >= 2)
      changed.length = 0
      await store.create(id(99), entry())
      await store.delete(id(99))
      await until(async () => changed.includes(id(99)))
    } finally {
      await store.close()
      await victim.start()
    }
  })

  it('finds the new master although the sentinel that it asks first hangs', async () => {
    const victim = await group.master()
    const store = redis({ url: group.url, timeout: 8000 })
    await store.create(id(50), entry())
    await replicated(victim.port)
    const [asked = assert.fail()] = group.sentinels
    asked.pause()
    try {
      await victim.kill()
      await until(async () => (await store.read(id(50))) !== null)
    } finally {
      asked.resume()
      await victim.start()
      await store.delete(id(50))
      await store.close()
    }
  })

  it('a sentinel that hangs delays a call, and does not make it fail', async () => {
    await group.master()
    const store = redis({ url: group.url, timeout: 4000 })
    const [asked = assert.fail()] = group.sentinels
    asked.pause()
    try {
      assert.equal(await store.read(id(51)), null)
    } finally {
      asked.resume()
      await store.close()
    }
  })

  it("works with the application's clients of either library", async () => {
    const hosts = group.url
      .replace(/^.*\/\/|\/\w+$/g, '')
      .split(',')
      .map((each) => ({ host: '127.0.0.1', port: Number(each.split(':')[1]) }))
    await group.master()
    const io = new Ioredis({ sentinels: hosts, name: 'boss' })
    const node = createSentinel({ name: 'boss', sentinelRootNodes: hosts })
    node.on('error', () => {})
    try {
      await node.connect()
      for (const client of [io, node]) {
        const store = redis({ client })
        assert.equal(await store.create(id(1), entry()), true)
        assert.ok(await store.read(id(1)))
        for await (const page of store.scan()) assert.equal(page.length, 1)
        assert.equal(await store.delete(id(1)), true)
      }
    } finally {
      io.disconnect()
      await node.destroy()
    }
  })
})
