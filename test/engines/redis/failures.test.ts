import assert from 'node:assert/strict'
import { after, afterEach, before, it } from 'node:test'
import { inspect } from 'node:util'
import { Redis as Ioredis } from 'ioredis'
import { createClient } from 'redis'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { ownClient, RedisConnection } from '../../../packages/strongroom/src/engines/redis/connection.ts'
import { openNodeRedis } from '../../../packages/strongroom/src/engines/redis/node-redis.ts'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import { Redis } from '../../../packages/strongroom/src/engines/redis/store.ts'
import { parseRedisUrl } from '../../../packages/strongroom/src/engines/redis/url.ts'
import { StoreError } from '../../../packages/strongroom/src/errors.ts'
import { listed } from '../../../packages/strongroom/src/testing/store/expect.ts'
import { describeBoth, type RedisServer, startRedis } from '../../servers/redis.ts'
import { send, until } from '../../servers/redis-client.ts'
import { entry, HOUR, id, type Made, OWNER } from './fixture.ts'

const CANARY = 'the wine-dark sea'
const LIMIT = 400
/** What a call rejects with depends on how far it had come. */
const OUTAGE = /cannot be reached|did not answer within|call to Redis failed/

describeBoth('when it fails', (program) => {
  let server: RedisServer
  const made: Made[] = []
  const add = <T extends Made>(store: T): T => {
    made.push(store)
    return store
  }
  const own = () => add(redis({ url: server.url, timeout: LIMIT, notify: true }))
  const ownNodeRedis = () => {
    const { address } = parseRedisUrl(server.url)
    const claims = { durable: 'no', evicts: null } as const
    const connection = new RedisConnection(ownClient(address, LIMIT, [openNodeRedis]), LIMIT, claims)
    return add(new Redis(connection, { prefix: 'strongroom:', clock: Date.now, notify: true, ...claims }) as Made)
  }
  before(async () => {
    server = await startRedis({}, program)
  })
  afterEach(async () => {
    for (const store of made.splice(0)) await store.close()
    await send(server.port, 'FLUSHALL')
  })
  after(() => server.stop())

  const secret = entry({ bytes: Buffer.from(CANARY), owner: OWNER })
  const messageOf = (call: Promise<unknown>) =>
    call.then(
      () => '',
      (error: Error) => error.message,
    )
  /** The call rejects with a StoreError whose message is like this, and which contains nothing of the session. */
  const rejects = async (call: Promise<unknown>, like: RegExp) => {
    const error = await call.then(
      (result) => assert.fail(`it resolved to ${inspect(result)}`),
      (error: unknown) => error,
    )
    assert.ok(error instanceof StoreError, inspect(error))
    assert.match(error.message, like)
    const all = inspect(error, { depth: 20, showHidden: true, getters: true })
    const packed = Buffer.from(OWNER, 'hex')
    for (const part of [
      CANARY,
      Buffer.from(CANARY).toString('hex'),
      '74 68 65 20 77',
      id(1),
      OWNER,
      'sesame',
      inspect(packed),
    ])
      assert.ok(!all.includes(part), all)
  }

  for (const [name, make] of [
    ['ioredis', own],
    ['node-redis', ownNodeRedis],
  ] as const) {
    it(`with ${name}, a store that is created while the server is down says so, and works as soon as it is up`, async () => {
      await server.kill()
      const store = make()
      await rejects(store.read(id(1)), OUTAGE)
      await rejects(store.create(id(1), secret), OUTAGE)
      await server.start()
      // A call that was not answered may have been carried out.
      await until(async () => (await store.create(id(1), secret)) || (await store.read(id(1))) !== null)
      assert.ok(await store.read(id(1)))
    })

    it(`with ${name}, a server that was killed is said to refuse the connection, and where it should be`, async () => {
      const store = make()
      await store.create(id(1), secret)
      await server.kill()
      try {
        const refused = new RegExp(
          `: the connection to 127\\.0\\.0\\.1:${server.port} was refused\\. Check that it is running`,
        )
        // At first some of them say that the connection was lost.
        await until(async () => refused.test(await messageOf(store.read(id(1)))))
        await rejects(store.read(id(1)), refused)
      } finally {
        await server.start()
      }
    })

    it(`with ${name}, a server that hangs costs each call its time limit, and nothing once it continues`, async () => {
      const store = make()
      await store.create(id(1), secret)
      server.pause()
      for (let round = 0; round < 3; round += 1) {
        const began = performance.now()
        await Promise.all(Array.from({ length: 100 }, () => rejects(store.read(id(1)), OUTAGE)))
        assert.ok(performance.now() - began < LIMIT + 1000)
      }
      server.resume()
      await until(async () => (await store.read(id(1))) !== null)
      assert.equal(await store.touch(id(1), Date.now() + HOUR), true)
    })

    it(`with ${name}, a server that is killed during calls loses no acknowledged write, and is used again when it is back`, async () => {
      const store = make()
      for (let round = 0; round < 3; round += 1) {
        const acknowledged = new Set<Id>()
        let stop = false
        const writers = Array.from({ length: 8 }, async (_, writer) => {
          for (let count = 0; !stop; count += 1) {
            const each = id(`${round}${writer}${count}`.padStart(8, 'a'))
            await store.create(each, entry()).then(
              (done) => done && acknowledged.add(each),
              (error) => assert.ok(error instanceof StoreError),
            )
          }
        })
        await until(async () => acknowledged.size > 100)
        await server.kill()
        await server.start()
        const before = acknowledged.size
        await until(async () => acknowledged.size > before)
        stop = true
        await Promise.all(writers)
        for (const each of acknowledged) assert.ok(await store.read(each), 'an acknowledged session exists')
      }
    })

    it(`with ${name}, changes are reported, and so is a time in which some may have been missed`, async () => {
      const [store, other] = [make(), make()]
      const changed: (Id | null)[] = []
      const stop = (await store.changes?.listen((change) => changed.push(change))) ?? assert.fail()
      for (const each of [id(1), id(2)]) await other.create(each, secret)
      const version = (await other.read(id(1)))?.version ?? 0
      await other.touch(id(1), Date.now() + HOUR)
      await other.update(id(1), secret, version)
      await other.update(id(1), secret, version)
      await other.byOwner.deleteAll(OWNER)
      await other.delete(id(1))
      await until(async () => changed.length >= 3)
      assert.deepEqual([changed[0], changed.slice(1).sort()], [id(1), [id(1), id(2)]])
      changed.length = 0
      await server.kill()
      await until(async () => changed.length === 1)
      await rejects(store.changes?.listen(() => {}) as Promise<unknown>, OUTAGE)
      await server.start()
      await until(async () => changed.length === 2)
      // A call that was not answered may have been carried out.
      await until(async () => (await other.create(id(3), secret)) || (await other.read(id(3))) !== null)
      await other.delete(id(3))
      await until(async () => changed.length === 3)
      assert.deepEqual(changed, [null, null, id(3)])
      await stop()
      await other.create(id(4), secret)
      await other.delete(id(4))
      await store.close()
      assert.equal(changed.length, 3)
    })
  }

  it('rejects writes when Redis is out of memory, and still reads and ends sessions', async () => {
    const store = own()
    await store.create(id(1), secret)
    await send(server.port, 'CONFIG', 'SET', 'maxmemory', '1')
    await rejects(store.create(id(2), secret), /out of memory/)
    const found = await store.read(id(1))
    await rejects(store.update(id(1), secret, found?.version ?? 0), /out of memory/)
    await rejects(store.touch(id(1), Date.now() + HOUR), /out of memory/)
    assert.equal(await store.delete(id(1)), true)
    await send(server.port, 'CONFIG', 'SET', 'maxmemory', '0')
    assert.equal(await store.create(id(2), secret), true)
  })

  it('rejects reads from a replica that has lost its master, and writes to any replica', async () => {
    const store = own()
    await store.create(id(1), secret)
    await send(server.port, 'CONFIG', 'SET', 'replica-serve-stale-data', 'no')
    await send(server.port, 'REPLICAOF', '127.0.0.1', '1')
    await rejects(store.read(id(1)), /lost its master|cannot be reached/)
    await send(server.port, 'CONFIG', 'SET', 'replica-serve-stale-data', 'yes')
    await until(async () => (await store.read(id(1))) !== null)
    await rejects(store.touch(id(1), Date.now() + HOUR), /replica/)
    await send(server.port, 'REPLICAOF', 'NO', 'ONE')
    await until(async () => store.touch(id(1), Date.now() + HOUR))
  })

  it("says that the application's client is not connected, because it keeps the errors of its connection to itself", async () => {
    const ioredis = new Ioredis(server.url).on('error', () => {})
    const nodeRedis = createClient({ url: server.url }).on('error', () => {})
    await nodeRedis.connect()
    const stores = [ioredis, nodeRedis].map((client) => add(redis({ client, timeout: LIMIT })))
    for (const store of stores) await store.create(id(stores.indexOf(store)), secret)
    await server.kill()
    try {
      const message = /^Redis did not answer within 400 ms: the client is not connected\. Check that it is running/
      for (const store of stores) await until(async () => message.test(await messageOf(store.read(id(1)))))
    } finally {
      await server.start()
      ioredis.disconnect()
      nodeRedis.destroy()
    }
  })

  it('says what is wrong with an address, and never the password in it', async () => {
    for (const [address, message] of [
      [
        '127.0.0.1:1',
        /^Redis cannot be reached: the connection to 127\.0\.0\.1:1 was refused\. Check .* its address\.$/,
      ],
      ['localhost:1', /: the connection to (?:127\.0\.0\.1|\[::1\]):1 was refused\./],
      ['nowhere.invalid:6379', /^Redis cannot be reached: its host was not found\./],
    ] as const) {
      const store = add(redis(`redis://app:sesame@${address}`))
      await rejects(store.read(id(1)), message)
      assert.doesNotMatch(await messageOf(store.read(id(1))), /sesame|app/)
    }
    const cluster = add(redis({ url: 'redis+cluster://app:sesame@127.0.0.1:1', timeout: LIMIT }))
    await rejects(cluster.read(id(1)), /: no node of the cluster can be reached\./)
    const sentinels = add(redis({ url: 'redis+sentinel://app:sesame@127.0.0.1:1/m', timeout: LIMIT }))
    await rejects(sentinels.read(id(1)), /: no sentinel can be reached\./)
  })

  it('puts no session data, id, owner or password in its errors, whatever went wrong', async () => {
    await send(server.port, 'ACL', 'SETUSER', 'app', 'on', '>sesame', '~*', '+@all', '-evalsha', '-eval', '-get')
    const url = server.url.replace('//', '//app:sesame@')
    const limited = add(redis(url))
    await rejects(limited.create(id(1), secret), /does not permit/)
    await rejects(limited.read(id(1)), /does not permit/)
    await rejects(
      add(redis(url.replace('sesame', 'sesame2'))).create(id(1), secret),
      /rejected the user name or the password/,
    )
    await rejects(add(redis('redis://app:sesame@127.0.0.1:1')).create(id(1), secret), /cannot be reached/)
    await send(server.port, 'LPUSH', `strongroom:${id(1)}`, CANARY)
    await rejects(own().read(id(1)), /belongs to something else/)
    await rejects(own().create(id(1), secret), /belongs to something else/)
    await rejects(own().update(id(1), secret, 1), /belongs to something else/)
    const client = new Ioredis(server.url, { maxRetriesPerRequest: 0 }).on('error', () => {})
    const store = add(redis({ client, timeout: LIMIT }))
    await store.read(id(2))
    server.pause()
    const calls = [store.create(id(2), secret), store.delete(id(2)), listed(store.byOwner, OWNER)]
    const rejected = Promise.all(calls.map((call) => rejects(call, OUTAGE)))
    await server.kill()
    await rejected
    client.disconnect()
    await rejects(store.create(id(2), secret), /did not answer within/)
    await server.start()
  })
})
