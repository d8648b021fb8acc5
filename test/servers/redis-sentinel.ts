import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Server, startDaemon } from './daemon.ts'
import { ping, REDIS_PROGRAMS, type RedisProgram, type RedisServer, startRedis } from './redis.ts'
import { send, until } from './redis-client.ts'

export interface RedisSentinel {
  readonly url: string
  /**
   * The server that all sentinels consider the master, when all other running servers follow it and have what it has. Not earlier: if
   * it is killed while an earlier master still considers itself the master, the sentinels elect one master after another, for seconds;
   * and Redis replicates after it has acknowledged a write, so that the next master may lack what was written a moment ago.
   */
  master(): Promise<RedisServer>
  readonly servers: readonly RedisServer[]
  /** In the order of the URL. */
  readonly sentinels: readonly Server[]
  stop(): Promise<void>
}

const NAME = 'boss'

/**
 * In ms. Twice the time between two pings: the first one is sent that long after a failover, and if the new master is considered dead
 * until it has answered, the sentinels elect one master after another, and lose what was written in between.
 */
const DOWN_AFTER = 2000

/** A master with two replicas, and three sentinels that notice its death. */
export async function startRedisSentinel(
  settings: Readonly<Record<string, string>> = {},
  program: RedisProgram = 'redis',
): Promise<RedisSentinel> {
  const fast = { 'repl-diskless-sync-delay': '0', 'repl-ping-replica-period': '1', ...settings }
  const servers = await Promise.all(Array.from({ length: 3 }, () => startRedis(fast, program)))
  const [first, ...replicas] = servers as [RedisServer, ...RedisServer[]]
  for (const { port } of replicas) await send(port, 'REPLICAOF', '127.0.0.1', `${first.port}`)
  const sentinels = await Promise.all(Array.from({ length: 3 }, () => startSentinel(program, first.port)))
  const ask = async (port: number) => {
    const found = (await send(port, 'SENTINEL', 'MASTER', NAME)) as string[]
    return new Map(found.flatMap((name, index) => (index % 2 ? [] : [[name, found[index + 1] ?? '']])))
  }
  await until(async () => {
    const views = await Promise.all(sentinels.map(({ port }) => ask(port)))
    return views.every((view) => view.get('num-slaves') === '2' && view.get('num-other-sentinels') === '2')
  })
  await until(async () => /connected_slaves:2/.test(String(await send(first.port, 'INFO', 'replication'))))
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${NAME}`,
    servers,
    sentinels,
    async master() {
      let master: RedisServer | undefined
      await until(async () => {
        const views = await Promise.all(sentinels.map(({ port }) => ask(port)))
        const ports = new Set(views.map((view) => Number(view.get('port'))))
        master = ports.size === 1 ? servers.find(({ port }) => ports.has(port)) : undefined
        return master !== undefined && (await areFollowing(master, servers))
      })
      return master as RedisServer
    },
    async stop() {
      await Promise.all([...sentinels, ...servers].map((server) => server.stop()))
    },
  }
}

async function areFollowing(master: RedisServer, servers: readonly RedisServer[]): Promise<boolean> {
  const others = servers.filter((server) => server !== master)
  const [, written] = (await send(master.port, 'ROLE')) as [kind: string, offset: number]
  const roles = await Promise.all(others.map(({ port }) => send(port, 'ROLE').catch(() => null)))
  return roles.every((role) => {
    // A dead server follows nobody, and is no candidate either.
    if (role === null) return true
    const [kind, , of, state, offset] = role as unknown[]
    return kind === 'slave' && of === master.port && state === 'connected' && (offset as number) >= written
  })
}

/**
 * What the configuration file cannot set, in ms. As they come, sentinels do nothing for thirty seconds ("TILT") when they were not run
 * for two, on a busy machine or because a test paused them; and tests would wait ten seconds until a master that is back is a replica:
 * its state is asked for every ten, and four times the publishing period has to pass.
 */
const DEBUG = { 'tilt-trigger': '600000', 'info-period': '1000', 'publish-period': '500' }

async function startSentinel(program: RedisProgram, master: number) {
  const sentinel = await startDaemon({
    name: `${program}-sentinel`,
    command: REDIS_PROGRAMS[program].path,
    args: ({ port, dir }) => {
      const file = join(dir, 'sentinel.conf')
      // Sentinels save their state in it.
      writeFileSync(
        file,
        `port ${port}
bind 127.0.0.1
dir ${dir}
sentinel monitor ${NAME} 127.0.0.1 ${master} 2
sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER}
sentinel failover-timeout ${NAME} 3000
`,
      )
      return [file, '--sentinel']
    },
    answers: ({ port }) => ping(port),
  })
  await send(sentinel.port, 'SENTINEL', 'DEBUG', ...Object.entries(DEBUG).flat())
  return sentinel
}
