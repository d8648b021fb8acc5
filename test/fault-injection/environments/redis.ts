import { Redis } from 'ioredis'
import { REDIS_PROGRAMS, type RedisServer, startRedis } from '../../servers/redis.ts'
import { filesIn } from '../fixtures/disk.ts'
import { type Environment, type RawRecords, type RunningEnvironment, raise } from '../fixtures/environment.ts'
import { dies, hangs, resets, setting, silence } from '../fixtures/faults.ts'
import { openStore } from '../fixtures/location.ts'

const running = (server: RedisServer): RunningEnvironment => {
  const location = { engine: 'redis', url: server.url } as const
  return {
    location,
    servers: [server],
    open: (opening) => openStore(location, opening),
    through: (port) => ({ ...location, url: `redis://127.0.0.1:${port}` }),
    async bytesAtRest() {
      // Writes the snapshot too, because a backup of Redis is a snapshot.
      await asAdmin(server.url, (client) => client.save())
      return filesIn(server.dir)
    },
    rawRecords: rawRecordsOfRedis(server.url),
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

/** Redis refuses writes with an out-of-memory error, and still serves reads. */
const full = setting('Redis is out of memory (OOM)', 'writes', (running, on) =>
  asAdmin((running.location as { url: string }).url, (client) =>
    client.config('SET', 'maxmemory', on ? '1mb' : '0', 'maxmemory-policy', 'noeviction'),
  ),
)

const environment = { shared: 'network', tamperable: true } as const

export const onRedis: readonly Environment[] = (['redis', 'valkey'] as const).map((program) => ({
  ...environment,
  name: program,
  skip: REDIS_PROGRAMS[program].skip,
  survives: 'all',
  faults: [hangs, dies(), resets, silence, full],
  start: async (synced) => running(await startRedis({ appendfsync: synced ? 'always' : 'everysec' }, program)),
}))

export const everySecond: Environment = {
  ...environment,
  name: 'redis that writes to the disk every second',
  skip: REDIS_PROGRAMS.redis.skip,
  survives: 'some',
  faults: [],
  start: async () => running(await startRedis({ appendfsync: 'everysec' })),
}

export function rawRecordsOfRedis(url: string): RawRecords {
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
