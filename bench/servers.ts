import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { find } from '../scripts/programs.mjs'
import type { Server } from '../test/servers/daemon.ts'
import { startMariadb } from '../test/servers/mariadb.ts'
import { startMemcached } from '../test/servers/memcached.ts'
import { startPostgres } from '../test/servers/postgres.ts'
import { startRedis } from '../test/servers/redis.ts'
import { LOAD } from './processors.ts'

/**
 * With common settings: Postgres and MariaDB write to the disk at each commit, Redis once a second. Redis does not rewrite its log
 * meanwhile: it would fork, and a copy of a large process takes memory and time.
 */
const KINDS = {
  postgres: { program: 'postgres', start: () => startPostgres({ shared_buffers: '1GB', max_wal_size: '4GB' }) },
  mysql: { program: 'mariadbd', start: () => startMariadb({ 'innodb-buffer-pool-size': '1G' }) },
  redis: {
    program: 'redis-server',
    start: () => startRedis({ appendfsync: 'everysec', 'auto-aof-rewrite-percentage': '0' }),
  },
  memcached: { program: 'memcached', start: () => startMemcached(['-m', '1024']) },
} as const

export type ServerName = keyof typeof KINDS
export type Urls = Partial<Record<ServerName, string>>

export type RunningServer = Server & { readonly url: string }

export interface Servers {
  readonly urls: Urls
  /** The servers with their ports, for a proxy between. */
  readonly running: Partial<Record<ServerName, RunningServer>>
  stop(): Promise<void>
}

export const installed = (name: ServerName): boolean => find(KINDS[name].program) !== null

/**
 * Private instances of the servers that are needed, on the processor of the load. The application has the other processor to
 * itself, because that is the one that is measured.
 */
export async function startServers(names: Iterable<ServerName>): Promise<Servers> {
  const running: Partial<Record<ServerName, RunningServer>> = {}
  const stop = async () => {
    for (const server of Object.values(running)) await server.stop()
  }
  try {
    for (const name of new Set(names)) {
      running[name] = await KINDS[name].start()
      moveToLoad(running[name].port)
    }
  } catch (error) {
    await stop()
    throw error
  }
  const urls = Object.fromEntries(Object.entries(running).map(([name, { url }]) => [name, url]))
  return { urls, running, stop }
}

/** Moves what listens on a port, and all that it will start, to the processor of the load. */
function moveToLoad(port: number): void {
  if (availableParallelism() < 2 || !find('taskset')) return
  for (const pid of listenersOn(port)) spawnSync('taskset', ['-a', '-c', '-p', `${LOAD}`, `${pid}`])
}

/** The processes that listen on a port; none where that cannot be found out. */
export function listenersOn(port: number): number[] {
  if (!find('ss')) return []
  const { stdout } = spawnSync('ss', ['-Hltnp', `sport = :${port}`], { encoding: 'utf8' })
  return [...stdout.matchAll(/pid=(\d+)/g)].map(([, pid]) => Number(pid))
}
