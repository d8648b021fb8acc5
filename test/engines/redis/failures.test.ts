import assert from 'node:assert/strict'
import { after, afterEach, before, it } from 'node:test'
import { inspect } from 'node:util'
import { Redis as Ioredis } from 'ioredis'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { Link } from '../../../packages/strongroom/src/engines/redis/link.ts'
import { open } from '../../../packages/strongroom/src/engines/redis/open.ts'
import { openNodeRedis } from '../../../packages/strongroom/src/engines/redis/open-node-redis.ts'
import { parsePlace } from '../../../packages/strongroom/src/engines/redis/place.ts'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import { Redis } from '../../../packages/strongroom/src/engines/redis/store.ts'
import { StoreError } from '../../../packages/strongroom/src/errors.ts'
import { describeBoth, type RedisServer, startRedis } from '../../servers/redis.ts'
import { tell, until } from '../../servers/redis-tell.ts'
import { entry, HOUR, id, type Made, OWNER } from './kit.ts'

const CANARY = 'the wine-dark sea'
const LIMIT = 400

describeBoth('when it is broken', (program) => {
  let server: RedisServer
  const made: Made[] = []
  const add = <T extends Made>(store: T): T => {
    made.push(store)
    return store
  }
  const own = () => add(redis({ url: server.url, timeout: LIMIT, notify: true }))
  const ownNodeRedis = () => {
    const { place } = parsePlace(server.url)
    const link = new Link({ open: () => open(place, LIMIT, [openNodeRedis]), owned: true }, LIMIT, 'no')
    return add(new Redis(link, { prefix: 'strongroom:', clock: Date.now, durable: 'no', notify: true }) as Made)
  }
  before(async () => {
    server = await startRedis({}, program)
  })
  afterEach(async () => {
    for (const store of made.splice(0)) await store.close()
    await tell(server.port, 'FLUSHALL')
  })
  after(() => server.stop())

  const secret = entry({ bytes: Buffer.from(CANARY), owner: OWNER })
  /** Rejects with a StoreError like this, in which nothing of the session can be found. */
  const refuses = async (call: Promise<unknown>, like: RegExp) => {
    const error = await call.then(
      (answer) => assert.fail(`it answered ${inspect(answer)}`),
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
    it(`with ${name}: started while the server is down, it says so, and works as soon as it is up`, async () => {
      await server.kill()
      const store = make()
      await refuses(store.read(id(1)), /cannot be reached|did not answer within/)
      await refuses(store.create(id(1), secret), /cannot be reached|did not answer within/)
      await server.start()
      await until(async () => store.create(id(1), secret))
      assert.ok(await store.read(id(1)))
    })

    it(`with ${name}: a server that hangs costs each call its time limit, and nothing once it goes on`, async () => {
      const store = make()
      await store.create(id(1), secret)
      server.pause()
      for (let round = 0; round < 3; round += 1) {
        const began = performance.now()
        await Promise.all(
          Array.from({ length: 100 }, () => refuses(store.read(id(1)), /did not answer|cannot be reached/)),
        )
        assert.ok(performance.now() - began < LIMIT + 1000)
      }
      server.resume()
      await until(async () => (await store.read(id(1))) !== null)
      assert.equal(await store.touch(id(1), Date.now() + HOUR), true)
    })

    it(`with ${name}: killed while calls run, it loses nothing that it acknowledged, and is used again at once`, async () => {
      const store = make()
      for (let round = 0; round < 3; round += 1) {
        const kept = new Set<Id>()
        let stop = false
        const writers = Array.from({ length: 8 }, async (_, writer) => {
          for (let count = 0; !stop; count += 1) {
            const each = id(`${round}${writer}${count}`.padStart(8, 'a'))
            await store.create(each, entry()).then(
              (done) => done && kept.add(each),
              (error) => assert.ok(error instanceof StoreError),
            )
          }
        })
        await until(async () => kept.size > 100)
        await server.kill()
        await server.start()
        const before = kept.size
        await until(async () => kept.size > before)
        stop = true
        await Promise.all(writers)
        for (const each of kept) assert.ok(await store.read(each), 'an acknowledged session is there')
      }
    })

    it(`with ${name}: tells of changes, and of not having heard for a while`, async () => {
      const [store, other] = [make(), make()]
      const heard: (Id | null)[] = []
      const stop = (await store.changes?.listen((changed) => heard.push(changed))) ?? assert.fail()
      for (const each of [id(1), id(2)]) await other.create(each, secret)
      const version = (await other.read(id(1)))?.version ?? 0
      await other.touch(id(1), Date.now() + HOUR)
      await other.update(id(1), secret, version)
      await other.update(id(1), secret, version)
      await other.byOwner.deleteAll(OWNER)
      await other.delete(id(1))
      await until(async () => heard.length >= 3)
      assert.deepEqual([heard[0], heard.slice(1).sort()], [id(1), [id(1), id(2)]])
      heard.length = 0
      await server.kill()
      await until(async () => heard.length === 1)
      await refuses(store.changes?.listen(() => {}) as Promise<unknown>, /cannot be reached|did not answer/)
      await server.start()
      await until(async () => heard.length === 2)
      await until(async () => other.create(id(3), secret))
      await other.delete(id(3))
      await until(async () => heard.length === 3)
      assert.deepEqual(heard, [null, null, id(3)])
      await stop()
      await other.create(id(4), secret)
      await other.delete(id(4))
      await store.close()
      assert.equal(heard.length, 3)
    })
  }

  it('refuses to write when Redis is out of memory, and still reads and ends sessions', async () => {
    const store = own()
    await store.create(id(1), secret)
    await tell(server.port, 'CONFIG', 'SET', 'maxmemory', '1')
    await refuses(store.create(id(2), secret), /out of memory/)
    const found = await store.read(id(1))
    await refuses(store.update(id(1), secret, found?.version ?? 0), /out of memory/)
    await refuses(store.touch(id(1), Date.now() + HOUR), /out of memory/)
    assert.equal(await store.delete(id(1)), true)
    await tell(server.port, 'CONFIG', 'SET', 'maxmemory', '0')
    assert.equal(await store.create(id(2), secret), true)
  })

  it('refuses to answer from a replica that has lost its master, and writes to none', async () => {
    const store = own()
    await store.create(id(1), secret)
    await tell(server.port, 'CONFIG', 'SET', 'replica-serve-stale-data', 'no')
    await tell(server.port, 'REPLICAOF', '127.0.0.1', '1')
    await refuses(store.read(id(1)), /lost its master|cannot be reached/)
    await tell(server.port, 'CONFIG', 'SET', 'replica-serve-stale-data', 'yes')
    await until(async () => (await store.read(id(1))) !== null)
    await refuses(store.touch(id(1), Date.now() + HOUR), /replica/)
    await tell(server.port, 'REPLICAOF', 'NO', 'ONE')
    await until(async () => store.touch(id(1), Date.now() + HOUR))
  })

  it('keeps everything out of its errors, whatever went wrong', async () => {
    await tell(server.port, 'ACL', 'SETUSER', 'app', 'on', '>sesame', '~*', '+@all', '-evalsha', '-eval', '-get')
    const at = server.url.replace('//', '//app:sesame@')
    const limited = add(redis(at))
    await refuses(limited.create(id(1), secret), /does not permit/)
    await refuses(limited.read(id(1)), /does not permit/)
    await refuses(add(redis(at.replace('sesame', 'sesame2'))).create(id(1), secret), /refused the password/)
    await refuses(add(redis('redis://app:sesame@127.0.0.1:1')).create(id(1), secret), /cannot be reached/)
    await tell(server.port, 'LPUSH', `strongroom:${id(1)}`, CANARY)
    await refuses(own().read(id(1)), /something else/)
    await refuses(own().create(id(1), secret), /something else/)
    await refuses(own().update(id(1), secret, 1), /something else/)
    const client = new Ioredis(server.url, { maxRetriesPerRequest: 0 }).on('error', () => {})
    const store = add(redis({ client, timeout: LIMIT }))
    await store.read(id(2))
    server.pause()
    const calls = [store.create(id(2), secret), store.delete(id(2)), store.byOwner.list(OWNER)]
    const refused = Promise.all(calls.map((call) => refuses(call, /did not answer|cannot be reached/)))
    await server.kill()
    await refused
    client.disconnect()
    await refuses(store.create(id(2), secret), /did not answer/)
    await server.start()
  })
})
