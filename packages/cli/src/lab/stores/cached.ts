import type { Backend } from '../running.ts'
import type { RedisProgram } from '../servers/redis.ts'
import { redisStorage } from './redis.ts'

/** Copies in the memory of each process, where nobody else can write. */
export async function withMemoryCache(durable: () => Promise<Backend>): Promise<Backend> {
  const below = await durable()
  return { ...below, settings: { store: cachedUrl(below, 'memory:?evicts=true') } }
}

/** Copies in a Redis, which others may be able to write to. */
export async function withRedisCache(durable: () => Promise<Backend>, program: RedisProgram): Promise<Backend> {
  const below = await durable()
  try {
    const cache = await redisStorage(program, { appendonly: 'no' })
    return {
      settings: { store: cachedUrl(below, cache.url) },
      storage: { ...below.storage, cache: cache.storage.rows },
      version: [below.version, cache.version].filter(Boolean).join(' and '),
      async stop() {
        await cache.stop()
        await below.stop()
      },
    }
  } catch (error) {
    await below.stop()
    throw error
  }
}

const cachedUrl = ({ settings }: Backend, cache: string) =>
  `cached:?durable=${encodeURIComponent(settings.store ?? '')}&cache=${encodeURIComponent(cache)}`
