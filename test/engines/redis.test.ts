import { after, before, describe } from 'node:test'
import { Redis as Ioredis } from 'ioredis'
import { createClient } from 'redis'
import { type IoredisClient, type NodeRedisClient, redis } from '../../src/engines/redis.ts'
import type { Store } from '../../src/store.ts'
import { manualClock } from '../../src/testing/clock.ts'
import { storeSuite } from '../../src/testing/store-suite.ts'
import { pongs, type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'

describe('redis', { skip: redisNeed.skip }, () => {
  let server: RedisServer
  before(async () => {
    server = await startRedis()
  })
  after(() => server.stop())

  /** Starts the server again after a test that has killed it. */
  const up = async () => {
    if (
      !(await pongs(server.port).then(
        () => true,
        () => false,
      ))
    )
      await server.start()
  }
  interface More {
    readonly options?: object
    readonly breakIt?: () => Promise<void>
    readonly end?: () => Promise<void>
  }
  let prefixes = 0
  const subject = async (
    at: string | IoredisClient | NodeRedisClient,
    { options: always = {}, end, breakIt }: More,
  ) => {
    const clock = manualClock()
    prefixes += 1
    const prefix = `suite*${prefixes}:`
    const stores: Store[] = []
    const another = async (options: object = {}) => {
      const where = typeof at === 'string' ? { url: at } : { client: at }
      const store = redis({ ...where, prefix, clock, ...always, ...options })
      stores.push(store)
      return store
    }
    return {
      store: await another(),
      clock,
      peer: another,
      apart: () => another({ prefix: `${prefix}beside:` }),
      ...(breakIt && { breakIt }),
      close: async () => {
        for (const store of stores) await store.close()
        await end?.()
      },
    }
  }

  storeSuite('redis by a URL', () =>
    subject(server.url, {
      options: { timeout: 500 },
      breakIt: async () => server.pause(),
      end: async () => server.resume(),
    }),
  )

  storeSuite("redis on the user's own ioredis", async () => {
    const client = new Ioredis(server.url)
    client.on('error', () => {})
    return subject(client, {
      options: { timeout: 500 },
      breakIt: () => server.kill(),
      end: async () => {
        client.disconnect()
        await up()
      },
    })
  })

  storeSuite("redis on the user's own node-redis", async () => {
    const client = createClient({ url: server.url }).on('error', () => {})
    await client.connect()
    return subject(client, {
      options: { timeout: 500 },
      breakIt: () => server.kill(),
      end: async () => {
        client.destroy()
        await up()
      },
    })
  })
})
