import type { Server } from '../../servers/daemon.ts'
import { redisNeed } from '../../servers/redis.ts'
import { startRedisCluster } from '../../servers/redis-cluster.ts'
import { startRedisSentinel } from '../../servers/redis-sentinel.ts'
import { filesIn } from '../kit/disk.ts'
import { failovers } from '../kit/failures.ts'
import { openAt } from '../kit/where.ts'
import { type Place, raise, type World } from '../kit/world.ts'

const place = (
  url: string,
  nodes: readonly Server[],
  master: () => Promise<Server>,
  stop: () => Promise<void>,
): Place => {
  const where = { engine: 'redis', url } as const
  return {
    where,
    servers: [],
    master,
    open: (opening) => openAt(where, opening),
    loot: async () =>
      new Map(
        nodes.flatMap(({ dir }, i) => [...filesIn(dir)].map(([path, bytes]) => [`${i}: ${path}`, bytes] as const)),
      ),
    stop,
  }
}

const fsync = (synced: boolean) => ({ appendfsync: synced ? 'always' : 'everysec' })

// Records lie in them as in a Redis that is alone, whose vandal has been.
const world = { skip: redisNeed.skip, shared: 'network', tamperable: false, keeps: 'some' } as const

export const onManyRedis: readonly World[] = [
  {
    ...world,
    name: 'redis behind Sentinel',
    failures: failovers,
    async start(synced) {
      const { url, servers, master, stop } = await startRedisSentinel(fsync(synced))
      return place(url, servers, master, stop)
    },
  },
  {
    ...world,
    name: 'redis cluster',
    failures: failovers,
    async start(synced) {
      const { url, nodes, isWhole, stop } = await startRedisCluster(fsync(synced))
      // One after the other: the first is no master any more when its turn is over.
      const masters = nodes.slice(0, nodes.length / 2)
      const next = async () => {
        await isWhole()
        return masters.shift() ?? raise('no master is left')
      }
      return place(url, nodes, next, stop)
    },
  },
]
