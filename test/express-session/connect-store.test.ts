import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite } from 'node:test'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { memcached } from '../../packages/strongroom/src/engines/memcached/memcached.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import type { ManualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { type MemcachedServer, memcachedNeed, startMemcached } from '../servers/memcached.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'
import { connectContract, type EngineUnderTest, type OpenEngine } from './contract.ts'

const inFolder =
  (open: (path: string, clock: ManualClock) => Store): OpenEngine =>
  async (clock) => {
    const folder = mkdtempSync(join(tmpdir(), 'strongroom-connect-'))
    const [engine, peer] = [open(join(folder, 'sessions'), clock), open(join(folder, 'sessions'), clock)]
    return {
      engine,
      peer,
      async close() {
        await engine.close()
        await peer.close()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  }

const both = async (open: () => Store): Promise<EngineUnderTest> => {
  const [engine, peer] = [open(), open()]
  return {
    engine,
    peer,
    async close() {
      await engine.close()
      await peer.close()
    },
  }
}

connectContract('memory', async (clock) => {
  const engine = memory({ clock })
  return { engine, peer: engine, close: () => engine.close() }
})
connectContract(
  'file',
  inFolder((dir, clock) => file({ dir, clock, durable: false })),
)
connectContract(
  'sqlite',
  inFolder((path, clock) => sqlite({ path, clock, synchronous: 'normal' })),
)
connectContract('cached', async (clock) => {
  const [store, cache] = [memory({ clock }), memory({ clock, evicts: true })]
  const engine = cached({ durable: store, cache, clock })
  return { engine, peer: cached({ durable: store, cache, clock }), close: () => engine.close() }
})

suite('on servers', () => {
  suite('Redis', { skip: redisNeed.skip }, () => {
    let server: RedisServer
    let prefixes = 0
    before(async () => {
      server = await startRedis({ appendonly: 'no' })
    })
    after(() => server.stop())
    connectContract('redis', (clock) => {
      const prefix = `${++prefixes}:`
      return both(() => redis({ url: server.url, prefix, clock }))
    })
  })

  suite('PostgreSQL', { skip: postgresNeed.skip }, () => {
    let server: PostgresServer
    let tables = 0
    before(async () => {
      server = await startPostgres()
    })
    after(() => server.stop())
    connectContract('postgres', async (clock) => {
      const table = `sessions_${++tables}`
      const under = await both(() => postgres({ url: server.url, table, clock }))
      await under.engine.schema?.migrate()
      return under
    })
  })

  suite('memcached', { skip: memcachedNeed.skip }, () => {
    let server: MemcachedServer
    let prefixes = 0
    before(async () => {
      server = await startMemcached()
    })
    after(() => server.stop())
    connectContract('memcached', (clock) => {
      const prefix = `${++prefixes}:`
      return both(() => memcached({ servers: `127.0.0.1:${server.port}`, prefix, clock }))
    })
  })
})
