import { after, before } from 'node:test'
import { Redis as Ioredis } from 'ioredis'
import { createClient } from 'redis'
import { ownClient, RedisConnection } from '../../packages/strongroom/src/engines/redis/connection.ts'
import { openNodeRedis } from '../../packages/strongroom/src/engines/redis/node-redis.ts'
import { Redis, type Settings } from '../../packages/strongroom/src/engines/redis/store.ts'
import { parseRedisUrl } from '../../packages/strongroom/src/engines/redis/url.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'
import { describeBoth, type RedisServer, startRedis } from '../servers/redis.ts'
import { isUp, send } from '../servers/redis-client.ts'
import { make, subjectOf } from './redis/fixture.ts'

describeBoth('one server', (program) => {
  let server: RedisServer
  before(async () => {
    server = await startRedis({}, program)
  })
  after(() => server.stop())

  /** What is left of one test would be the keys of others for the next. */
  const empty = () => send(server.port, 'FLUSHALL')
  const hanging = {
    breakBackend: async () => server.pause(),
    async end() {
      server.resume()
      await empty()
    },
  }
  /** Starts the server again after a test that has killed it. */
  const restart = async () => {
    if (!(await isUp(server.port))) await server.start()
    await empty()
  }

  storeSuite(`${program}, by URL`, async () => subjectOf((options) => make({ url: server.url, ...options }), hanging))

  storeSuite(`${program}, by URL with only node-redis installed`, async () => {
    const { address } = parseRedisUrl(server.url)
    return subjectOf((options) => {
      const { timeout, ...rest } = { durable: 'no', evicts: false, notify: false, ...options } as Settings & {
        timeout: number
      }
      const connection = new RedisConnection(ownClient(address, timeout, [openNodeRedis]), timeout, {
        durable: 'no',
        evicts: false,
      })
      return new Redis(connection, rest) as never
    }, hanging)
  })

  storeSuite(`${program}, with the application's ioredis client`, async () => {
    const client = new Ioredis(server.url)
    client.on('error', () => {})
    const end = async () => {
      client.disconnect()
      await restart()
    }
    return subjectOf((options) => make({ client, ...options }), { breakBackend: () => server.kill(), end })
  })

  storeSuite(`${program}, with the application's node-redis client`, async () => {
    const client = createClient({ url: server.url }).on('error', () => {})
    await client.connect()
    const end = async () => {
      client.destroy()
      await restart()
    }
    return subjectOf((options) => make({ client, ...options }), { breakBackend: () => server.kill(), end })
  })
})
