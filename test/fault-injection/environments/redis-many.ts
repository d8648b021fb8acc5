import type { Server } from '../../servers/daemon.ts'
import { redisNeed } from '../../servers/redis.ts'
import { startRedisCluster } from '../../servers/redis-cluster.ts'
import { startRedisSentinel } from '../../servers/redis-sentinel.ts'
import { filesIn } from '../fixtures/disk.ts'
import { type Environment, type RunningEnvironment, raise } from '../fixtures/environment.ts'
import { failovers } from '../fixtures/faults.ts'
import { openStore } from '../fixtures/location.ts'

const running = (
  url: string,
  nodes: readonly Server[],
  master: () => Promise<Server>,
  stop: () => Promise<void>,
): RunningEnvironment => {
  const location = { engine: 'redis', url } as const
  return {
    location,
    servers: [],
    master,
    open: (opening) => openStore(location, opening),
    bytesAtRest: async () =>
      new Map(
        nodes.flatMap(({ dir }, i) => [...filesIn(dir)].map(([path, bytes]) => [`${i}: ${path}`, bytes] as const)),
      ),
    stop,
  }
}

const fsync = (synced: boolean) => ({ appendfsync: synced ? 'always' : 'everysec' })

// Records are stored as in a single Redis, where the tampering tests have been run.
const environment = { skip: redisNeed.skip, shared: 'network', tamperable: false, survives: 'some' } as const

export const onManyRedis: readonly Environment[] = [
  {
    ...environment,
    name: 'redis behind Sentinel',
    faults: failovers,
    async start(synced) {
      const { url, servers, master, stop } = await startRedisSentinel(fsync(synced))
      return running(url, servers, master, stop)
    },
  },
  {
    ...environment,
    name: 'redis cluster',
    faults: failovers,
    async start(synced) {
      const { url, nodes, isWhole, stop } = await startRedisCluster(fsync(synced))
      // Each failover takes the next master, because the one before is no master any more.
      const masters = nodes.slice(0, nodes.length / 2)
      const next = async () => {
        await isWhole()
        return masters.shift() ?? raise('no master is left')
      }
      return running(url, nodes, next, stop)
    },
  },
]
