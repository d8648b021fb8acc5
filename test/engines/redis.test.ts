import { after, before } from 'node:test'
import { Redis as Ioredis } from 'ioredis'
import { createClient } from 'redis'
import { Link } from '../../packages/strongroom/src/engines/redis/link.ts'
import { open } from '../../packages/strongroom/src/engines/redis/open.ts'
import { openNodeRedis } from '../../packages/strongroom/src/engines/redis/open-node-redis.ts'
import { parsePlace } from '../../packages/strongroom/src/engines/redis/place.ts'
import { Redis, type Settings } from '../../packages/strongroom/src/engines/redis/store.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'
import { describeBoth, type RedisServer, startRedis } from '../servers/redis.ts'
import { answers } from '../servers/redis-tell.ts'
import { make, subjectOf } from './redis/kit.ts'

describeBoth('one server', (program) => {
  let server: RedisServer
  before(async () => {
    server = await startRedis({}, program)
  })
  after(() => server.stop())

  const hanging = { breakIt: async () => server.pause(), end: async () => server.resume() }
  /** Starts the server again after a test that has killed it. */
  const up = async () => {
    if (!(await answers(server.port))) await server.start()
  }

  storeSuite(`${program} by a URL`, async () => subjectOf((options) => make({ url: server.url, ...options }), hanging))

  storeSuite(`${program} by a URL where only node-redis is installed`, async () => {
    const { place } = parsePlace(server.url)
    return subjectOf((options) => {
      const { timeout, ...rest } = { durable: 'no', notify: false, ...options } as Settings & { timeout: number }
      const link = new Link({ open: () => open(place, timeout, [openNodeRedis]), owned: true }, timeout, 'no')
      return new Redis(link, rest)
    }, hanging)
  })

  storeSuite(`${program} on the user's own ioredis`, async () => {
    const client = new Ioredis(server.url)
    client.on('error', () => {})
    const end = async () => {
      client.disconnect()
      await up()
    }
    return subjectOf((options) => make({ client, ...options }), { breakIt: () => server.kill(), end })
  })

  storeSuite(`${program} on the user's own node-redis`, async () => {
    const client = createClient({ url: server.url }).on('error', () => {})
    await client.connect()
    const end = async () => {
      client.destroy()
      await up()
    }
    return subjectOf((options) => make({ client, ...options }), { breakIt: () => server.kill(), end })
  })
})
