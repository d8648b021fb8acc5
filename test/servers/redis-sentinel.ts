import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDaemon } from './daemon.ts'
import { pongs, type RedisServer, redisNeed, startRedis } from './redis.ts'
import { tell, until } from './redis-tell.ts'

export interface RedisSentinel {
  readonly url: string
  /** The server that the sentinels take for the master. */
  master(): Promise<RedisServer>
  readonly servers: readonly RedisServer[]
  stop(): Promise<void>
}

const NAME = 'boss'

/** A master with two replicas, and three sentinels that notice its death after half a second. */
export async function startRedisSentinel(settings: Readonly<Record<string, string>> = {}): Promise<RedisSentinel> {
  const fast = { 'repl-diskless-sync-delay': '0', 'repl-ping-replica-period': '1', ...settings }
  const servers = await Promise.all(Array.from({ length: 3 }, () => startRedis(fast)))
  const [first, ...replicas] = servers as [RedisServer, ...RedisServer[]]
  for (const { port } of replicas) await tell(port, 'REPLICAOF', '127.0.0.1', `${first.port}`)
  const sentinels = await Promise.all(Array.from({ length: 3 }, () => startSentinel(first.port)))
  const ask = async (port: number) => {
    const found = (await tell(port, 'SENTINEL', 'MASTER', NAME)) as string[]
    return new Map(found.flatMap((name, index) => (index % 2 ? [] : [[name, found[index + 1] ?? '']])))
  }
  await until(async () => {
    const views = await Promise.all(sentinels.map(({ port }) => ask(port)))
    return views.every((view) => view.get('num-slaves') === '2' && view.get('num-other-sentinels') === '2')
  })
  await until(async () => /connected_slaves:2/.test(String(await tell(first.port, 'INFO', 'replication'))))
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${NAME}`,
    servers,
    async master() {
      const at = Number((await ask(sentinels[0]?.port ?? 0)).get('port'))
      return servers.find((server) => server.port === at) as RedisServer
    },
    async stop() {
      await Promise.all([...sentinels, ...servers].map((server) => server.stop()))
    },
  }
}

async function startSentinel(master: number) {
  return startDaemon({
    name: 'redis-sentinel',
    command: redisNeed.path,
    args: ({ port, dir }) => {
      const file = join(dir, 'sentinel.conf')
      // Sentinels write down in it what they have learnt.
      writeFileSync(
        file,
        `port ${port}
bind 127.0.0.1
dir ${dir}
sentinel monitor ${NAME} 127.0.0.1 ${master} 2
sentinel down-after-milliseconds ${NAME} 500
sentinel failover-timeout ${NAME} 3000
`,
      )
      return [file, '--sentinel']
    },
    answers: ({ port }) => pongs(port),
  })
}
