import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pgSimple from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import { Redis } from 'ioredis'
import memorystore from 'memorystore'
import pg from 'pg'
import { createClient } from 'redis'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'

/** A store of express-session with all that it needs, and how `npx @strongroom/cli move` names it. */
export interface OpenStore {
  readonly store: session.Store
  /** Null where it is in the memory of the process. */
  readonly url: string | null
  close(): Promise<unknown>
}

export interface ConnectStorage {
  readonly name: string
  readonly skip: string | false
  open(): Promise<OpenStore>
}

/** These two have no types of their own. */
const require = createRequire(import.meta.url)
type Make = (given: typeof session) => new (options: object) => session.Store
const fileStore: Make = require('session-file-store')
const mysqlSession: Make = require('express-mysql-session')

/** The stores that most applications with express-session have, as their packages make them. */
export const connectStorages: readonly ConnectStorage[] = [
  {
    name: 'MemoryStore',
    skip: false,
    open: async () => ({ store: new session.MemoryStore(), url: null, close: async () => undefined }),
  },
  {
    name: 'memorystore',
    skip: false,
    open: async () => ({ store: new (memorystore(session))({}), url: null, close: async () => undefined }),
  },
  {
    name: 'session-file-store',
    skip: false,
    async open() {
      const path = mkdtempSync(join(tmpdir(), 'strongroom-express-'))
      const quiet = { logFn: () => undefined, reapInterval: -1, retries: 1, minTimeout: 1, maxTimeout: 1 }
      const store = new (fileStore(session))({ path, ...quiet })
      return { store, url: `express+file:${path}`, close: async () => rmSync(path, { recursive: true, force: true }) }
    },
  },
  {
    name: 'connect-redis, node-redis',
    skip: redisNeed.skip,
    async open() {
      const server = await startRedis()
      const client = createClient({ url: server.url })
      await client.connect()
      const close = async () => {
        client.destroy()
        await server.stop()
      }
      return { store: new RedisStore({ client }), url: `express+${server.url}`, close }
    },
  },
  {
    name: 'connect-redis, ioredis',
    skip: redisNeed.skip,
    async open() {
      const server = await startRedis()
      const client = new Redis(server.url)
      const close = async () => {
        client.disconnect()
        await server.stop()
      }
      const store = new RedisStore({ client: asNodeRedis(client), prefix: 'shop:' })
      return { store, url: `express+${server.url}?prefix=shop:`, close }
    },
  },
  {
    name: 'connect-pg-simple',
    skip: postgresNeed.skip,
    async open() {
      const server = await startPostgres()
      const pool = new pg.Pool({ connectionString: server.url })
      const store = new (pgSimple(session))({ pool, createTableIfMissing: true, pruneSessionInterval: false })
      const close = async () => {
        store.close()
        await pool.end()
        await server.stop()
      }
      return { store, url: `express+${server.url}`, close }
    },
  },
  {
    name: 'express-mysql-session',
    skip: mariadbNeed.skip,
    async open() {
      const server = await startMariadb()
      const { hostname: host, port, username: user, pathname } = new URL(server.url)
      const store = new (mysqlSession(session))({ host, port: Number(port), user, database: pathname.slice(1) })
      const stopping = store as session.Store & { close(): Promise<void>; onReady(): Promise<void> }
      await stopping.onReady()
      const close = async () => {
        await stopping.close()
        await server.stop()
      }
      return { store, url: `express+${server.url}`, close }
    },
  },
]

/** Since its version 9, connect-redis calls node-redis alone: an application with ioredis gives it these methods. */
function asNodeRedis(client: Redis) {
  const methods = {
    get: (key: string) => client.get(key),
    set: (key: string, value: string, { expiration }: { expiration: { value: number } }) =>
      client.set(key, value, 'EX', expiration.value),
    expire: (key: string, seconds: number) => client.expire(key, seconds),
    del: (keys: string[]) => client.del(keys),
    mGet: (keys: string[]) => client.mget(keys),
    scanIterator: ({ MATCH, COUNT }: { MATCH: string; COUNT: number }) =>
      client.scanStream({ match: MATCH, count: COUNT }) as AsyncIterable<string[]>,
  }
  return methods as unknown as ConstructorParameters<typeof RedisStore>[0]['client']
}
