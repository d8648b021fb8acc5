/**
 * A thread for one server. What prepares a database blocks until it is done, and the demo has visitors meanwhile. The server
 * ends with its thread (setpriv --pdeathsig), so one that outlives the demo is left by nothing but a kill of this very thread.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { Server } from '../../test/servers/daemon.ts'

export type Order = 'kill' | 'start' | 'stop'
export type Report =
  | { readonly started: { readonly url: string; readonly dir: string } }
  | { readonly done: number; readonly failed?: string }
  | { readonly failed: string }

type Start = () => Promise<Server & { readonly url: string }>

const STARTS: Readonly<Record<string, Start>> = {
  postgres: async () => (await import('../../test/servers/postgres.ts')).startPostgres(),
  // Its redo log is searched whenever somebody looks at the page: 96 MB of zeros would be in the way.
  mariadb: async () => (await import('../../test/servers/mariadb.ts')).startMariadb({ 'innodb-log-file-size': '4M' }),
  redis: async () => (await import('../../test/servers/redis.ts')).startRedis(),
  valkey: async () => (await import('../../test/servers/redis.ts')).startRedis({}, 'valkey'),
  memcached: async () => (await import('../../test/servers/memcached.ts')).startMemcached(),
}

const say = (report: Report) => parentPort?.postMessage(report)

try {
  const server = await STARTS[String(workerData)]?.()
  if (!server) throw new Error(`There is no server called ${workerData}.`)
  say({ started: { url: server.url, dir: server.dir } })
  parentPort?.on('message', async ([number, order]: [number, Order]) => {
    try {
      await server[order]()
      say({ done: number })
    } catch (error) {
      say({ done: number, failed: (error as Error).message })
    }
    if (order === 'stop') parentPort?.close()
  })
} catch (error) {
  say({ failed: (error as Error).message })
}
