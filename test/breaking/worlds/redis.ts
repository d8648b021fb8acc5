import { Redis } from 'ioredis'
import { REDIS_PROGRAMS, type RedisServer, startRedis } from '../../servers/redis.ts'
import { filesIn } from '../kit/disk.ts'
import { dies, hangs, resets, setting, silence } from '../kit/failures.ts'
import { openAt } from '../kit/where.ts'
import { type Place, raise, type Vandal, type World } from '../kit/world.ts'

const place = (server: RedisServer): Place => {
  const where = { engine: 'redis', url: server.url } as const
  return {
    where,
    servers: [server],
    open: (opening) => openAt(where, opening),
    through: (port) => ({ ...where, url: `redis://127.0.0.1:${port}` }),
    async loot() {
      // The snapshot as well, which a backup of Redis is.
      await asAdmin(server.url, (client) => client.save())
      return filesIn(server.dir)
    },
    vandal: vandalOfRedis(server.url),
    stop: () => server.stop(),
  }
}

async function asAdmin<T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url)
  try {
    return await work(client)
  } finally {
    client.disconnect()
  }
}

/** What Redis says is that it is out of memory; reads go on. */
const full = setting('Redis is out of memory (OOM)', 'writes', (place, on) =>
  asAdmin((place.where as { url: string }).url, (client) =>
    client.config('SET', 'maxmemory', on ? '1mb' : '0', 'maxmemory-policy', 'noeviction'),
  ),
)

const world = { shared: 'network', tamperable: true } as const

export const onRedis: readonly World[] = (['redis', 'valkey'] as const).map((program) => ({
  ...world,
  name: program,
  skip: REDIS_PROGRAMS[program].skip,
  keeps: 'all',
  failures: [hangs, dies(), resets, silence, full],
  start: async (synced) => place(await startRedis({ appendfsync: synced ? 'always' : 'everysec' }, program)),
}))

export const everySecond: World = {
  ...world,
  name: 'redis that writes to the disk every second',
  skip: REDIS_PROGRAMS.redis.skip,
  keeps: 'some',
  failures: [],
  start: async () => place(await startRedis({ appendfsync: 'everysec' })),
}

export function vandalOfRedis(url: string): Vandal {
  let client: Redis | undefined
  const ask = () => {
    client ??= new Redis(url)
    return client
  }
  return {
    reach: 'record',
    names: async () => (await ask().keys('strongroom:*')).filter((key) => /:[0-9a-f]{64}$/.test(key)),
    read: async (name) => (await ask().getBuffer(name)) ?? raise('no such key'),
    write: async (name, bytes) => {
      await ask().set(name, Buffer.from(bytes), 'KEEPTTL')
    },
    close: async () => client?.disconnect(),
  }
}
