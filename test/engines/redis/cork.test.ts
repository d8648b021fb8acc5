import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { after, before, it, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Redis as Ioredis } from 'ioredis'
import { corkingTurns } from '../../../packages/strongroom/src/engines/redis/cork.ts'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import { describeBoth, type RedisServer, startRedis } from '../../servers/redis.ts'
import { send, until } from '../../servers/redis-client.ts'
import { entry, HOUR, id, OWNER } from './fixture.ts'

/** Counts what is written to a port: each is a system call. */
function writesTo(port: number, t: TestContext): { count: number } {
  const writes = { count: 0 }
  for (const name of ['_write', '_writev'] as const) {
    const write = Socket.prototype[name] as (...args: unknown[]) => void
    t.mock.method(Socket.prototype, name, function (this: Socket, ...args: unknown[]) {
      if (this.remotePort === port) writes.count += 1
      return write.apply(this, args)
    } as never)
  }
  return writes
}

describeBoth('a connection of its own', (program) => {
  let server: RedisServer
  before(async () => {
    server = await startRedis({ appendonly: 'no' }, program)
  })
  after(() => server.stop())

  const ids = Array.from({ length: 30 }, (_, number) => id(number))
  const open = (t: TestContext, url = server.url) => {
    const store = redis({ url, prefix: `${t.name}:` })
    t.after(() => store.close())
    return store
  }

  it('sends the calls of one turn of the event loop in one write, and those of the next one in another', async (t) => {
    const store = open(t)
    await Promise.all(ids.map((one) => store.create(one, entry({ owner: OWNER }))))
    // So that the server has the scripts: each is sent once more to one that does not.
    await store.update(id(0), entry({ owner: OWNER }), (await store.read(id(0)))?.version ?? 0)
    await store.touch(id(0), Date.now() + HOUR)
    const found = await Promise.all(ids.map((one) => store.read(one)))
    const writes = writesTo(server.port, t)
    const updates = ids.map((one, i) => store.update(one, entry({ owner: OWNER }), found[i]?.version ?? 0))
    const touches = ids.map((one) => store.touch(one, Date.now() + HOUR))
    assert.equal(writes.count, 0)
    await turn()
    const reads = ids.map((one) => store.read(one))
    const updated = await Promise.all(updates)
    assert.ok(updated.every((version) => version !== null))
    assert.ok((await Promise.all(touches)).every(Boolean))
    assert.deepEqual(
      (await Promise.all(reads)).map((each) => each?.version),
      updated,
    )
    assert.equal(writes.count, 2)
  })

  it('does so again after the connection was lost', async (t) => {
    const store = open(t)
    await Promise.all(ids.map((one) => store.create(one, entry())))
    await send(server.port, 'CLIENT', 'KILL', 'TYPE', 'normal')
    await until(async () => (await store.read(id(0))) !== null)
    const writes = writesTo(server.port, t)
    const found = await Promise.all(ids.map((one) => store.read(one)))
    assert.ok(found.every((each) => each !== null))
    assert.equal(writes.count, 1)
  })

  it('carries out what was called before it is closed in the same turn', async (t) => {
    const store = open(t)
    assert.equal(await store.create(id(0), entry()), true)
    const [made, found] = [store.create(id(1), entry()), store.read(id(0))]
    await store.close()
    assert.equal(await made, true)
    assert.ok(await found)
  })

  it('sends again what it held back when it is lost in the same turn', async (t) => {
    const client = new Ioredis(server.url)
    client.on('error', () => {})
    t.after(() => client.disconnect())
    await client.set('key', 'value', 'NX')
    const cork = corkingTurns(client)
    cork()
    const lost = client.get('key')
    client.stream.destroy()
    assert.equal(await lost, 'value')
    const writes = writesTo(server.port, t)
    const values = Array.from({ length: 3 }, () => {
      cork()
      return client.get('key')
    })
    assert.deepEqual(await Promise.all(values), ['value', 'value', 'value'])
    assert.equal(writes.count, 1)
  })
})
