import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, beforeEach, it, mock } from 'node:test'
import { Redis as Ioredis } from 'ioredis'
import { createClient } from 'redis'
import { importFailure } from '../../../packages/strongroom/src/base/load-driver.ts'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { ownClient } from '../../../packages/strongroom/src/engines/redis/connection.ts'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import { parseRedisUrl } from '../../../packages/strongroom/src/engines/redis/url.ts'
import { ConfigError, StoreError } from '../../../packages/strongroom/src/errors.ts'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { listed } from '../../../packages/strongroom/src/testing/store/expect.ts'
import { describeBoth, type RedisServer, startRedis } from '../../servers/redis.ts'
import { until } from '../../servers/redis-client.ts'
import { entry, HOUR, id, type Made, make, OWNER } from './fixture.ts'

describeBoth('on one server', (program) => {
  let server: RedisServer
  let client: Ioredis
  const made: Made[] = []
  const newStore = (options: object = {}): Made => {
    const one = make({ client, ...options })
    made.push(one)
    return one
  }
  before(async () => {
    server = await startRedis({}, program)
    client = new Ioredis(server.url)
  })
  beforeEach(() => client.flushall())
  after(async () => {
    for (const one of made) await one.close()
    client.disconnect()
    await server.stop()
  })

  /** The commands that the server runs during `work`, without those that scripts run. */
  const commands = async (work: () => Promise<unknown>): Promise<string[]> => {
    const seen: string[] = []
    const monitor = await client.monitor()
    monitor.on('monitor', (_time: string, [command = '']: string[], source: string) => {
      if (source !== 'lua') seen.push(command.toLowerCase())
    })
    await work()
    await client.ping('over')
    await until(async () => seen.includes('ping'))
    monitor.disconnect()
    return seen.filter((command) => command !== 'ping')
  }

  it('sends one command for each call: a GET to read, a script to write', async () => {
    const store = newStore()
    await store.create(id(0), entry({ owner: OWNER }))
    await store.delete(id(0))
    const owned = entry({ owner: OWNER })
    const calls = async () => {
      await store.create(id(1), owned)
      const found = await store.read(id(1))
      await store.touch(id(1), Date.now() + HOUR)
      await store.update(id(1), owned, found?.version ?? 0)
      await store.delete(id(1), undefined, OWNER)
    }
    await calls()
    await store.delete(id(1))
    assert.deepEqual(await commands(calls), ['evalsha', 'get', 'evalsha', 'evalsha', 'evalsha'])
    assert.equal(await client.exists(`strongroom:${OWNER}:owner`), 0)
  })

  it('keeps the index of an owner right with the first call of a store, which does not know yet whether this is a cluster', async () => {
    const owned = entry({ owner: OWNER })
    const later = { ...owned, expiresAt: Date.now() + 50 * HOUR }
    const index = `strongroom:${OWNER}:owner`
    assert.equal(await newStore().create(id(1), owned), true)
    assert.deepEqual(await client.zrange(index, '0', '-1'), [id(1)])
    const known = newStore()
    const version = (await known.read(id(1)))?.version ?? 0
    assert.ok(await newStore().update(id(1), later, version))
    assert.ok(Number(await client.zscore(index, id(1))) >= later.expiresAt)
    assert.equal(await newStore().delete(id(1), undefined, OWNER), true)
    assert.equal(await client.exists(index), 0)
  })

  it('keeps working when the server has lost its scripts', async () => {
    const store = newStore()
    await store.create(id(1), entry())
    await client.script('FLUSH')
    assert.equal(await store.touch(id(1), Date.now() + HOUR), true)
    assert.equal(await store.delete(id(1)), true)
  })

  it('treats a command that its client sends twice as one', async () => {
    const twice = new Proxy(client, {
      get(target, name) {
        const value = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        if (name !== 'evalshaBuffer') return value.bind(target)
        return async (...args: unknown[]) => {
          await value.apply(target, args)
          return value.apply(target, args)
        }
      },
    })
    const store = redis({ client: twice })
    assert.equal(await store.create(id(1), entry()), true)
    const found = await store.read(id(1))
    const version = await store.update(id(1), entry(), found?.version ?? 0)
    assert.equal((await store.read(id(1)))?.version, version)
  })

  it('decides by the application’s clock what has expired, and tells Redis how long from now', async () => {
    for (const start of [Date.now() - 10 * HOUR, Date.now() + 10 * HOUR]) {
      const clock = manualClock(start)
      const store = newStore({ clock, prefix: `${start}:` })
      await store.create(id(1), entry({ expiresAt: clock() + HOUR, createdAt: clock(), owner: OWNER }))
      const left = await client.pttl(`${start}:${id(1)}`)
      assert.ok(left > HOUR && left <= HOUR + 300_000, `${left}`)
      clock.advance(HOUR - 1)
      assert.ok(await store.read(id(1)))
      assert.equal(await store.touch(id(1), clock() + 2 * HOUR), true)
      assert.ok((await client.pttl(`${start}:${id(1)}`)) > 2 * HOUR)
      clock.advance(2 * HOUR)
      assert.equal(await store.read(id(1)), null)
    }
  })

  it('touches a session without sending or rewriting its bytes', async () => {
    const store = newStore()
    const bytes = Buffer.alloc(1_000_000, 7)
    await store.create(id(1), entry({ bytes, expiresAt: Date.now() + HOUR }))
    const sizeOf = async () => Number(/aof_current_size:(\d+)/.exec(await client.info('persistence'))?.[1])
    const before = await sizeOf()
    for (let times = 1; times <= 10; times += 1) await store.touch(id(1), Date.now() + HOUR + times)
    assert.ok((await sizeOf()) - before < 5000)
    assert.deepEqual((await store.read(id(1)))?.entry.bytes, bytes)
  })

  it('keeps an owner’s index for as long as sessions are touched, and no longer', async () => {
    const clock = manualClock()
    const store = newStore({ clock })
    const index = `strongroom:${OWNER}:owner`
    await store.create(id(1), entry({ owner: OWNER, expiresAt: clock() + HOUR }))
    await store.create(id(2), entry({ owner: OWNER, expiresAt: clock() + HOUR }))
    for (let hours = 0; hours < 40; hours += 1) {
      clock.advance(HOUR / 2)
      assert.equal(await store.touch(id(1), clock() + HOUR), true)
      // As if the same time had passed on the server.
      assert.ok((await client.pttl(index)) >= HOUR, `after ${hours} half hours`)
      assert.ok(Number(await client.zscore(index, id(1))) >= clock() + HOUR)
    }
    assert.deepEqual(
      (await listed(store.byOwner, OWNER)).map((found) => found.id),
      [id(1)],
    )
    await store.create(id(3), entry({ owner: OWNER, expiresAt: clock() + HOUR }))
    assert.deepEqual((await client.zrange(index, '0', '-1')).sort(), [id(1), id(3)])
    assert.equal(await store.byOwner.deleteAll(OWNER), 2)
    assert.equal(await client.exists(index), 0)
  })

  it('writes to the index only now and then when a session is touched', async () => {
    const clock = manualClock()
    const store = newStore({ clock })
    await store.create(id(1), entry({ owner: OWNER, expiresAt: clock() + HOUR }))
    const sent = await commands(async () => {
      for (let times = 0; times < 40; times += 1) {
        clock.advance(HOUR / 10)
        await store.touch(id(1), clock() + HOUR)
      }
    })
    assert.ok(sent.length <= 40 + 2 * 5, `${sent.length}`)
  })

  it('neither lists nor ends a session that an index names wrongly', async () => {
    const store = newStore()
    await store.create(id(1), entry({ owner: OWNER }))
    for (const ghost of [id(2), id(3)]) await client.zadd(`strongroom:${OWNER}:owner`, `${Date.now() + HOUR}`, ghost)
    await store.create(id(3), entry({ owner: 'c'.repeat(64) }))
    assert.deepEqual(
      (await listed(store.byOwner, OWNER)).map((found) => found.id),
      [id(1)],
    )
    assert.equal(await store.byOwner.deleteAll(OWNER), 1)
    assert.ok(await store.read(id(3)))
  })

  it('clears what has expired by the application’s clock, and no keys but its own', async () => {
    const clock = manualClock()
    const store = newStore({ clock })
    for (let number = 0; number < 30; number += 1)
      await store.create(id(number), entry({ owner: OWNER, expiresAt: clock() + (number % 3 ? HOUR : 30 * HOUR) }))
    const others = [`strongroom:${id(1)}:x`, `strongroom:x${id(1)}`, `strongroom:${id(1)}0`, `other:${id(1)}`]
    for (const key of others) await client.set(key, 'mine', 'NX')
    assert.equal(await store.clearExpired(), 0)
    clock.advance(HOUR)
    assert.equal(await store.clearExpired({ dryRun: true }), 20)
    assert.equal(await store.clearExpired(), 20)
    assert.equal(await client.zcard(`strongroom:${OWNER}:owner`), 10)
    // The index contains what Redis has expired or evicted until its own deadline.
    for (let number = 0; number < 30; number += 3) await client.del(`strongroom:${id(number)}`)
    clock.advance(60 * HOUR)
    assert.equal(await store.clearExpired({ dryRun: true }), 10)
    assert.equal(await store.clearExpired({ batch: 3 }), 10)
    assert.deepEqual((await client.keys('*')).sort(), others.sort())
  })

  it('finds only the keys under its prefix, whatever characters that contains', async () => {
    const prefixes = ['a*', 'a?', 'a[bc]', 'ab', 'a\\', 'a', 'a{tag}', '']
    for (const [number, prefix] of prefixes.entries()) await newStore({ prefix }).create(id(number), entry())
    for (const [number, prefix] of prefixes.entries()) {
      const seen: Id[] = []
      for await (const page of newStore({ prefix }).scan()) seen.push(...page.map((found) => found.id))
      assert.deepEqual(seen, [id(number)], prefix)
    }
  })

  it('finds its keys when the client puts a prefix before them', async () => {
    const node = createClient({ url: server.url, keyPrefix: 'app[1]:' })
    await node.connect()
    const io = new Ioredis(server.url, { keyPrefix: 'app[1]:' })
    for (const own of [node, io]) {
      await client.flushall()
      const store = redis({ client: own, notify: true })
      const changed: unknown[] = []
      const stop = await store.changes?.listen((change) => changed.push(change))
      await store.create(id(1), entry({ owner: OWNER }))
      assert.deepEqual((await client.keys('*')).sort(), [
        `app[1]:strongroom:${id(1)}`,
        `app[1]:strongroom:${OWNER}:owner`,
      ])
      for await (const page of store.scan()) assert.equal(page.length, 1)
      assert.equal((await listed(store.byOwner, OWNER)).length, 1)
      await store.delete(id(1))
      await until(async () => changed.length > 0)
      assert.deepEqual(changed, [id(1)])
      await stop?.()
    }
    node.destroy()
    io.disconnect()
  })

  it('reads a value that was tampered with as absent, and replaces it', async () => {
    const store = newStore()
    await store.create(id(1), entry({ owner: OWNER, label: Buffer.alloc(9) }))
    const whole = (await client.getBuffer(`strongroom:${id(1)}`)) as Buffer
    for (const part of [Buffer.from('x'), whole.subarray(0, 20), whole.subarray(0, 59), Buffer.alloc(99)]) {
      await client.del(`strongroom:${id(1)}`)
      await client.set(`strongroom:${id(1)}`, part, 'NX')
      assert.equal(await store.read(id(1)), null)
      for await (const page of store.scan()) assert.fail(`${page.length}`)
    }
    assert.equal(await store.update(id(1), entry(), 1), null)
    assert.equal(await store.touch(id(1), Date.now() + HOUR), false)
    assert.equal(await store.delete(id(1)), false)
    assert.equal(await store.clearExpired(), 0)
    assert.equal(await store.create(id(1), entry()), true)
    await client.set(`strongroom:${id(1)}`, '', 'XX')
    assert.equal(await store.read(id(1)), null)
    assert.equal(await store.create(id(1), entry()), true)
    assert.ok(await store.read(id(1)))
  })

  it('gives the lock to one runner, renews its lease during the work, and releases no lock but its own', async () => {
    const [one, other] = [newStore(), newStore()]
    mock.timers.enable({ apis: ['setInterval'] })
    const lease = 'strongroom:clear:lease'
    const done = await one.tryWithLock('clear', async () => {
      assert.equal(await other.tryWithLock('clear', async () => 'both'), null)
      assert.equal(await other.tryWithLock('another', async () => 'done too'), 'done too')
      await client.pexpire(lease, 12_000)
      mock.timers.tick(10_000)
      await until(async () => (await client.pttl(lease)) > 25_000)
      return 'done'
    })
    assert.equal(done, 'done')
    await assert.rejects(
      one.tryWithLock('clear', async () => {
        // The lease has run out, and another runner has taken the lock.
        await client.del(lease)
        await client.set(lease, 'another', 'NX')
        throw new Error('failed')
      }),
      /failed/,
    )
    assert.equal(await client.get(lease), 'another')
    mock.timers.reset()
  })

  it('rejects a "durable" that the configuration of the server does not support', async () => {
    const readWith = (durable: string) => redis({ client, durable } as never).read(id(1))
    assert.equal(await readWith('machine'), null)
    await client.config('SET', 'appendfsync', 'everysec')
    assert.equal(await readWith('process'), null)
    const store = redis({ client, durable: 'machine' })
    await assert.rejects(
      store.read(id(1)),
      (error) => error instanceof ConfigError && /appendfsync/.test(error.message),
    )
    await client.config('SET', 'appendfsync', 'always')
    assert.equal(await store.read(id(1)), null)
    await client.config('SET', 'appendonly', 'no')
    await assert.rejects(readWith('process'), /appendonly/)
    assert.equal(await readWith('no'), null)
    await client.acl('SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-config')
    const app = new Ioredis(server.url, { username: 'app', password: 'secret' })
    assert.equal(await redis({ client: app, durable: 'machine', evicts: false }).read(id(1)), null)
    app.disconnect()
    await client.config('SET', 'appendonly', 'yes')
    for (const durable of ['no', 'process', 'machine'] as const)
      assert.equal(redis({ client, durable }).traits.durable, durable)
  })

  it('says which package to install when none is installed', async () => {
    const missing = async () => {
      await import('no-such-package' as string)
      return assert.fail()
    }
    const { address } = parseRedisUrl('redis://localhost')
    const notInstalled = async () =>
      missing().catch((error) => {
        throw importFailure('redis()', 'no-such-package', error)
      })
    await assert.rejects(ownClient(address, 100, [notInstalled]).open(), /npm install ioredis/)
    // A dependency that the driver itself lacks is another error, which is not hidden.
    await assert.rejects(ownClient(address, 100, [missing]).open(), /no-such-package/)
  })

  it('with a timeout that no timer can count waits for as long as one can', async () => {
    const warnings: string[] = []
    const listener = ({ name }: Error) => warnings.push(name)
    process.on('warning', listener)
    const store = redis({ url: server.url, timeout: 2 ** 40 })
    assert.equal(await store.read(id(9)), null)
    await store.close()
    process.off('warning', listener)
    assert.equal(warnings.includes('TimeoutOverflowWarning'), false)
  })

  it('closes what it has opened, and only that', async () => {
    const count = async () =>
      String(await client.client('LIST'))
        .trim()
        .split('\n').length
    const before = await count()
    const own = redis(server.url)
    await own.create(id(1), entry())
    assert.equal(await count(), before + 1)
    await own.close()
    await until(async () => (await count()) === before)
    await redis(server.url).close()
    const undurable = newStore({ client: undefined, url: server.url, durable: 'machine' })
    await client.config('SET', 'appendfsync', 'no')
    for (let times = 0; times < 5; times += 1) await assert.rejects(undurable.read(id(1)), ConfigError)
    assert.equal(await count(), before + 1, 'one connection, however often the check failed')
    await client.config('SET', 'appendfsync', 'always')
    assert.ok(await undurable.read(id(1)))
    await undurable.close()
    await until(async () => (await count()) === before)
    const store = redis(client)
    await store.read(id(1))
    await store.close()
    await assert.rejects(store.read(id(1)), StoreError)
    assert.equal(await client.ping(), 'PONG')
  })

  it('needs no more rights than docs/redis.md lists', async () => {
    const page = readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8')
    const rights = (/`ACL SETUSER sessions on >password (.*)`/.exec(page)?.[1] ?? assert.fail()).split(' ')
    await client.acl('SETUSER', 'sessions', 'on', '>password', ...rights)
    // In another database than the first: choosing it is a right of its own.
    const url = `${server.url.replace('//', '//sessions:password@')}/3`
    const node = createClient({ url })
    await node.connect()
    for (const options of [{ url }, { client: node }]) {
      await client.script('FLUSH')
      const store = newStore({ client: undefined, ...options, notify: true })
      const changed: unknown[] = []
      const stop = await store.changes?.listen((change) => changed.push(change))
      const clock = Date.now()
      const owned = entry({ owner: OWNER })
      for (const one of [id(1), id(2), id(3)]) assert.equal(await store.create(one, owned), true)
      const found = await store.read(id(1))
      assert.ok(await store.update(id(1), { ...owned, expiresAt: clock + 50 * HOUR }, found?.version ?? 0))
      assert.equal(await store.touch(id(2), clock + 99 * HOUR), true)
      assert.equal(await store.touch(id(3), 0), true)
      assert.equal(await store.clearExpired(), 1)
      for await (const page of store.scan()) assert.equal(page.length, 2)
      assert.deepEqual(await store.estimate?.(), { count: 2, exact: true })
      assert.equal((await listed(store.byOwner, OWNER)).length, 2)
      assert.equal(await store.byOwner.deleteAll(OWNER, id(1)), 1)
      assert.equal(await store.delete(id(1)), true)
      assert.equal(await store.tryWithLock('work', async () => 'done'), 'done')
      await until(async () => changed.length === 3)
      await stop?.()
    }
    node.destroy()
  })

  it('rejects options that it does not know or cannot use', () => {
    for (const options of [
      undefined,
      null,
      7,
      {},
      { url: '' },
      { url: 7 },
      { client: {} },
      { client, url: server.url },
      { client, prefix: 7 },
      { client, timeout: 0 },
      { client, durable: 'yes' },
      { client, notify: 1 },
      { client, evicts: 'yes' },
      { client, clock: 7 },
      { client, ttl: 5 },
    ])
      assert.throws(() => redis(options as never), ConfigError, JSON.stringify(options))
  })
})
