import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import { listed } from '../../../packages/strongroom/src/testing/store/expect.ts'
import { storeSuite } from '../../../packages/strongroom/src/testing/store-suite.ts'
import { describeBoth } from '../../servers/redis.ts'
import { send, until } from '../../servers/redis-client.ts'
import { type RedisCluster, startRedisCluster } from '../../servers/redis-cluster.ts'
import { survivesFailover } from './failover.ts'
import { entry, id, make, OWNER, subjectOf } from './fixture.ts'

describeBoth('a cluster', (program) => {
  let cluster: RedisCluster
  before(async () => {
    cluster = await startRedisCluster({ appendfsync: 'everysec' }, program)
  })
  after(() => cluster.stop())

  const hanging = {
    breakBackend: async () => {
      for (const node of cluster.nodes) node.pause()
    },
    end: async () => {
      for (const node of cluster.nodes) node.resume()
      // After so long a pause the nodes take each other for dead at first, and a replica may replace a master.
      await cluster.isWhole()
    },
  }
  storeSuite(`${program}, by the URL of a cluster`, async () =>
    subjectOf((options) => make({ url: cluster.url, ...options, timeout: 1500 }), hanging),
  )

  storeSuite(`${program}, with the application's cluster client of node-redis`, async () => {
    const client = createCluster({ rootNodes: cluster.nodes.map(({ port }) => ({ socket: { port } })) })
    client.on('error', () => {})
    await client.connect()
    return subjectOf((options) => make({ client, ...options, timeout: 10_000 }), { end: async () => client.destroy() })
  })

  it('removes expired ids from the indexes of all owners, in steps of the given size', async () => {
    const io = new Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
    try {
      const [owners, now] = [30, Date.now()]
      for (let owner = 0; owner < owners; owner += 1)
        await io.zadd(`trimmed:${`${owner}`.padStart(64, '0')}:owner`, now - 1, id(1), now - 2, id(2))
      const store = redis({ client: io, prefix: 'trimmed:' })
      const steps = [0]
      assert.equal(await store.clearExpired({ batch: 7, onProgress: (removed) => steps.push(removed) }), 2 * owners)
      assert.ok(steps.every((removed, at) => removed - (steps[at - 1] ?? 0) <= 7))
    } finally {
      io.disconnect()
    }
  })

  it('finds sessions and owners, reports changes and clears expired sessions on all masters', async () => {
    const io = new Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
    const node = createCluster({ rootNodes: cluster.nodes.map(({ port }) => ({ socket: { port } })) })
    await node.connect()
    try {
      for (const [number, client] of [io, node].entries()) {
        const store = redis({ client, prefix: `all${number}:`, notify: true, durable: 'process' })
        const changed: (Id | null)[] = []
        const stop = await store.changes?.listen((change) => changed.push(change))
        const ids = Array.from({ length: 60 }, (_, number) => id(number))
        for (const one of ids) await store.create(one, entry({ owner: OWNER }))
        const seen: Id[] = []
        for await (const page of store.scan()) seen.push(...page.map((found) => found.id))
        assert.deepEqual(seen.sort(), ids)
        assert.equal((await listed(store.byOwner, OWNER)).length, 60)
        for (const one of ids.slice(0, 20)) await store.touch(one, 0)
        assert.equal(await store.clearExpired(), 20)
        assert.equal(await store.byOwner.deleteAll(OWNER, ids[20]), 39)
        await until(async () => changed.length === 39)
        await stop?.()
      }
    } finally {
      io.disconnect()
      node.destroy()
    }
  })

  it('finds the sessions of a master whose connection was lost', async () => {
    const client = new Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
    try {
      const store = redis({ client, prefix: 'lost:' })
      const ids = Array.from({ length: 60 }, (_, number) => id(number))
      for (const one of ids) await store.create(one, entry())
      const [master = assert.fail()] = client.nodes('master')
      master.disconnect()
      await until(async () => !client.nodes('master').includes(master))
      const seen: Id[] = []
      for await (const page of store.scan()) seen.push(...page.map((found) => found.id))
      assert.deepEqual(seen.sort(), ids)
    } finally {
      client.disconnect()
    }
  })

  it('calls in parallel find the slots that another master has taken over', async () => {
    const io = new Cluster(
      cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
      { enableAutoPipelining: true },
    )
    const node = createCluster({ rootNodes: cluster.nodes.map(({ port }) => ({ socket: { port } })) })
    node.on('error', () => {})
    await node.connect()
    try {
      for (const [number, client] of [io, node].entries()) {
        const store = redis({ client, prefix: `taken${number}:`, timeout: 8000 })
        const ids = Array.from({ length: 60 }, (_, number) => id(number))
        await Promise.all(ids.map((one) => store.create(one, entry())))
        // The master agrees and stays up: the client loses no connection by which it would notice the failover.
        const replica = await cluster.replica()
        await send(replica.port, 'CLUSTER', 'FAILOVER')
        await until(async () => ((await send(replica.port, 'ROLE')) as unknown[])[0] === 'master')
        const found = await Promise.all(ids.map((one) => store.read(one)))
        assert.equal(found.filter((each) => each !== null).length, 60)
        const written = await Promise.all(ids.map((one, i) => store.update(one, entry(), found[i]?.version ?? 0)))
        assert.equal(written.filter((each) => each !== null).length, 60)
        await cluster.isWhole()
      }
    } finally {
      io.disconnect()
      node.destroy()
    }
  })

  it('calls in parallel find a slot that is just moving', async () => {
    const client = new Cluster(
      cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
      { enableAutoPipelining: true },
    )
    try {
      const store = redis({ client, prefix: 'moving:', timeout: 8000 })
      const ids = Array.from({ length: 60 }, (_, number) => id(number))
      const made = await Promise.all(ids.map((one) => store.create(one, entry())))
      assert.ok(made.every(Boolean))
      const found = await Promise.all(ids.map((one) => store.read(one)))
      const key = `moving:${id(0)}`
      const slot = String(await client.cluster('KEYSLOT', key))
      const [from = assert.fail(), to = assert.fail()] = await cluster.mastersOf(Number(slot))
      await send(to.port, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id)
      await send(from.port, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id)
      // Keys of other tests may lie in the same slot, and the slot cannot leave a node that still holds one.
      const keys = (await send(from.port, 'CLUSTER', 'GETKEYSINSLOT', slot, '1000')) as string[]
      assert.ok(keys.includes(key))
      await send(from.port, 'MIGRATE', '127.0.0.1', `${to.port}`, '', '0', '5000', 'KEYS', ...keys)
      const written = await Promise.all(ids.map((one, i) => store.update(one, entry(), found[i]?.version ?? 0)))
      assert.ok(written.every((version) => version !== null))
      for (const { port } of [to, from]) await send(port, 'CLUSTER', 'SETSLOT', slot, 'NODE', to.id)
      await cluster.isWhole()
      assert.ok(await store.read(id(0)))
    } finally {
      client.disconnect()
    }
  })

  it('a client that loses all its connections at the same time comes back, although the node of its URL is gone for good', async () => {
    // A cluster of its own: the node stays dead.
    const own = await startRedisCluster({}, program)
    const store = redis({ url: own.url, timeout: 1000 })
    try {
      await store.create(id(0), entry())
      const [named = assert.fail(), ...others] = own.nodes
      await named.kill()
      await Promise.all(others.map(({ port }) => send(port, 'CLIENT', 'KILL', 'TYPE', 'normal')))
      await until(async () => (await store.read(id(0))) !== null)
    } finally {
      await store.close()
      await own.stop()
    }
  })

  it('a master that is killed during requests logs nobody out, and the store recovers by itself', async (test) => {
    const store = redis(cluster.url)
    // A replica that has not caught up yet, or is not known to every node, is not elected.
    await cluster.isWhole()
    const victim = await cluster.master()
    try {
      const { failed, recoveredAfter } = await survivesFailover(store, 2000, victim)
      test.diagnostic(`${failed} requests of 30 visitors failed, the last one ${recoveredAfter} ms after the kill`)
    } catch (error) {
      test.diagnostic(await cluster.views())
      throw error
    } finally {
      await store.close()
    }
  })
})
