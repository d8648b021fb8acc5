import type { Server } from '../../servers/daemon.ts'
import { startMariadb } from '../../servers/mariadb.ts'
import { startMemcached } from '../../servers/memcached.ts'
import { startPostgres } from '../../servers/postgres.ts'
import { startRedis } from '../../servers/redis.ts'

/** A server is started when it is first needed, and serves all engines that use it. */
const servers = new Map<string, Promise<Server & { readonly url: string }>>()
function urlOf(name: string, start: () => Promise<Server & { readonly url: string }>): Promise<string> {
  const starting = servers.get(name) ?? start()
  servers.set(name, starting)
  return starting.then(({ url }) => url)
}

export async function stopServers(): Promise<void> {
  await Promise.all([...servers.values()].map(async (starting) => (await starting).stop()))
}

export const postgresUrl = () =>
  urlOf('postgres', () => startPostgres({ fsync: 'off', recovery_init_sync_method: 'syncfs' }))
export const redisUrl = () => urlOf('redis', () => startRedis({ appendonly: 'no' }))
export const mariadbUrl = () => urlOf('mariadb', () => startMariadb({ 'innodb-flush-log-at-trx-commit': '2' }))
export const memcachedUrl = () => urlOf('memcached', startMemcached)
