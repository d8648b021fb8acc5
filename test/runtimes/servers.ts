import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { memcachedNeed, startMemcached } from '../servers/memcached.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'

interface Server {
  readonly skip: string | false
  start(): Promise<{ readonly address: string; stop(): Promise<unknown> }>
}

/** Where engines store, by the names of their suites. */
export const SERVERS: Readonly<Record<string, Server>> = {
  redis: {
    skip: redisNeed.skip,
    async start() {
      const server = await startRedis()
      return { address: server.url, stop: () => server.stop() }
    },
  },
  postgres: {
    skip: postgresNeed.skip,
    async start() {
      const server = await startPostgres()
      return { address: server.url, stop: () => server.stop() }
    },
  },
  mysql: {
    skip: mariadbNeed.skip,
    async start() {
      const server: MariadbServer = await startMariadb()
      return { address: server.url, stop: () => server.stop() }
    },
  },
  memcached: {
    skip: memcachedNeed.skip,
    async start() {
      const server = await startMemcached()
      return { address: `127.0.0.1:${server.port}`, stop: () => server.stop() }
    },
  },
}
