import assert from 'node:assert/strict'
import { after, before, beforeEach, it } from 'node:test'
import { Redis as Ioredis } from 'ioredis'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import { ConfigError, UnsupportedError } from '../../../packages/strongroom/src/errors.ts'
import { createSessions, type Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../../packages/strongroom/src/store.ts'
import { secret } from '../../core/fixtures/secret.ts'
import { describeBoth, type RedisServer, startRedis } from '../../servers/redis.ts'
import { entry, id, make } from './fixture.ts'

const refusal = (message: RegExp) => (error: unknown) => error instanceof ConfigError && message.test(error.message)

describeBoth('and eviction', (program) => {
  let server: RedisServer
  let client: Ioredis
  before(async () => {
    server = await startRedis({}, program)
    client = new Ioredis(server.url)
  })
  beforeEach(() => client.flushall())
  after(async () => {
    client.disconnect()
    await server.stop()
  })

  /** A client that may not ask for the configuration, as on many managed servers. */
  const withoutConfig = async () => {
    await client.acl('SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-config')
    return new Ioredis(server.url, { username: 'app', password: 'secret' })
  }

  it('says that it evicts nothing only if that is so, whatever "durable" says', async () => {
    const readWith = (options: object) => make({ client, ...options }).read(id(1))
    for (const evicts of [undefined, false, true])
      assert.deepEqual(make({ client, evicts }).traits.evicts, evicts === true)
    for (const durable of ['no', 'machine'])
      for (const [maxmemory, policy, isRefused] of [
        ['0', 'allkeys-lru', false],
        ['100mb', 'noeviction', false],
        ['100mb', 'allkeys-lru', true],
        ['100mb', 'volatile-ttl', true],
      ] as const) {
        await client.config('SET', 'maxmemory', maxmemory, 'maxmemory-policy', policy)
        for (const options of [{ durable }, { durable, evicts: false }])
          if (isRefused) await assert.rejects(readWith(options), refusal(/maxmemory-policy/))
          else assert.equal(await readWith(options), null)
        assert.equal(await readWith({ durable, evicts: true }), null)
      }
    await client.config('SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction')
    const store = redis({ url: server.url })
    await client.config('SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru')
    await assert.rejects(store.create(id(1), entry()), ConfigError)
    await client.config('SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction')
    assert.equal(await store.create(id(1), entry()), true)
    await store.close()
  })

  it('has to be told whether it evicts where the configuration cannot be read', async () => {
    const app = await withoutConfig()
    await assert.rejects(redis({ client: app }).read(id(1)), refusal(/"evicts: false".*"evicts: true"/))
    await assert.rejects(redis({ client: app, durable: 'process' }).read(id(1)), refusal(/CONFIG GET/))
    assert.equal(await redis({ client: app, evicts: false }).read(id(1)), null)
    assert.equal(await redis({ client: app, evicts: true }).read(id(1)), null)
    app.disconnect()
  })

  it('does not find sessions by owner if it may evict them, because it could have evicted the index', async () => {
    const store = redis({ client, evicts: true })
    assert.equal((store as Store).byOwner, undefined)
    assert.equal(redis(`${server.url}?evicts=true`).byOwner, undefined)
    assert.equal(typeof redis(`${server.url}?evicts=false`).byOwner?.list, 'function')
    const sessions = createSessions({ store, secrets: secret('evicting'), sweep: false })
    await assert.rejects((sessions as unknown as Sessions).of('ada').revokeAll(), UnsupportedError)
    await sessions.close()
  })
})
