import { Redis } from 'ioredis'
import { memcached } from '../../../packages/strongroom/src/engines/memcached/memcached.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import type { Clock, Store } from '../../../packages/strongroom/src/store.ts'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { embedded } from '../../fault-injection/environments/embedded.ts'
import { onMemcached } from '../../fault-injection/environments/memcached.ts'
import { onMysql } from '../../fault-injection/environments/mysql.ts'
import { onPostgres } from '../../fault-injection/environments/postgres.ts'
import { onRedis } from '../../fault-injection/environments/redis.ts'
import type { Environment, RunningEnvironment } from '../../fault-injection/fixtures/environment.ts'
import type { Gates } from './gates.ts'
import type { Place } from './place.ts'
import { nodes, type OpenPlace, type Scannable, twoNodes } from './places.ts'
import { ACTORS } from './scene.ts'

/** An engine on its server, as the servers of an application use it. */
export interface Engine {
  readonly name: string
  readonly skip: string | false
  start(): Promise<{ readonly open: OpenPlace; stop(): Promise<void> }>
}

const named = (environments: readonly Environment[], name: string): Environment => {
  const found = environments.find((environment) => environment.name === name)
  if (!found) throw new Error(`There is no environment ${name}.`)
  return found
}

/** How the actors of one schedule come to the store. */
type NodesOf = (gates: Gates, clock: Clock) => (actor: string) => ReturnType<Place['node']>

interface Opened {
  readonly outside: Scannable
  readonly node: NodesOf
  readonly staleFor?: number
  close(): Promise<void>
}

function engine(
  name: string,
  environments: readonly Environment[],
  opened: (running: readonly RunningEnvironment[], clock: Clock) => Promise<Opened>,
): Engine {
  return {
    name,
    skip: environments.map(({ skip }) => skip).find((skip) => skip !== false) ?? false,
    async start() {
      const running = await Promise.all(environments.map((environment) => environment.start(false)))
      const clock = manualClock()
      const { outside, node, staleFor = 0, close } = await opened(running, clock)
      let schedules = 0
      const start = clock()
      const open: OpenPlace = (gates) => {
        clock.set(start)
        schedules++
        const users = { u: `ada ${schedules}`, v: `bob ${schedules}` }
        return {
          name,
          clock,
          outside,
          node: node(gates, clock),
          users,
          staleFor,
          inCookies: false,
          isRotated: false,
          renewsByTime: false,
          source: null,
          clear: async () => undefined,
        }
      }
      const stop = async () => {
        await close()
        await Promise.all(running.map((one) => one.stop()))
      }
      return { open, stop }
    },
  }
}

/** A handle of its own for each actor. Its calls are steps: a statement of SQL, or what an engine does under a lock. */
const byCall = (name: string, environment: Environment): Engine =>
  engine(name, [environment], async (all, clock) => {
    const [running] = all as [RunningEnvironment]
    const handles = new Map<string, Scannable>()
    for (const actor of ['outside', ...Object.keys(ACTORS)])
      handles.set(actor, (await running.open({ clock })) as Scannable)
    const handle = (actor: string) => handles.get(actor) as Scannable
    return {
      outside: handle('outside'),
      node: (gates) => nodes((actor) => gates.around(handle(actor))),
      close: async () => void (await Promise.all([...handles.values()].map((one) => one.close()))),
    }
  })

const COMMANDS: ReadonlySet<string | symbol> = new Set(['getBuffer', 'evalshaBuffer', 'evalBuffer'])

/** A client of Redis for each actor. Each command is a step: the index and the records of an owner are asked one by one. */
const byCommand = (name: string, environment: Environment): Engine =>
  engine(name, [environment], async (all, clock) => {
    const [running] = all as [RunningEnvironment]
    const { url } = running.location as { url: string }
    let current: Gates | null = null
    const clients: Redis[] = []
    const connect = () => {
      const client = new Redis(url)
      clients.push(client)
      return client
    }
    const gated = (client: Redis): Redis =>
      new Proxy(client, {
        get(target, name) {
          const value = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          const method = value.bind(target)
          if (!COMMANDS.has(name)) return method
          return (...args: unknown[]) => {
            // A script names its keys: `evalsha(sha, count, ...keys, ...)`.
            const keys = (name === 'getBuffer' ? [args[0]] : args.slice(2, 2 + Number(args[1]))).map(String)
            const access = () => (name === 'getBuffer' ? { reads: keys, writes: [] } : { reads: [], writes: keys })
            return current ? current.hold(String(name), `${keys}`, access, () => method(...args)) : method(...args)
          }
        },
      })
    const store = (client: Redis) => redis({ client, clock, timeout: 600_000 }) as Scannable
    const stores = nodes(() => store(gated(connect())))
    return {
      outside: store(connect()),
      node(gates) {
        current = gates
        return stores
      },
      async close() {
        for (const client of clients) client.disconnect()
      },
    }
  })

/** Two nodes over a database, with a cache of each node's own. */
const onTwoNodes = (
  name: string,
  environments: readonly Environment[],
  cacheOf: (node: number, clock: Clock, others: readonly RunningEnvironment[]) => Store,
): Engine =>
  engine(name, environments, async (all, clock) => {
    const [below, ...others] = all as [RunningEnvironment, ...RunningEnvironment[]]
    const durable = (await below.open({ clock })) as Scannable
    const caches: [Store, Store] = [cacheOf(0, clock, others), cacheOf(1, clock, others)]
    return {
      outside: durable,
      node: (gates) => twoNodes(gates, { durable, caches, clock }),
      staleFor: 60_000,
      close: async () => void (await Promise.all([durable, ...caches].map((one) => one.close()))),
    }
  })

const cacheInMemory = (_node: number, clock: Clock) => memory({ clock, evicts: true })

/** Both nodes come to the same server, and have keys of their own. */
function cacheInMemcached(node: number, clock: Clock, others: readonly RunningEnvironment[]): Store {
  const [server] = others as [RunningEnvironment]
  const { url } = server.location as { url: string }
  return memcached({ servers: new URL(url).host, prefix: `node-${node}:`, clock, timeout: 600_000 })
}

export const onRedisItself = byCommand('redis', named(onRedis, 'redis'))
export const onValkey = byCommand('valkey', named(onRedis, 'valkey'))
export const onPostgresItself = byCall('postgres', named(onPostgres, 'postgres'))
export const onMariadb = byCall('mariadb', named(onMysql, 'mariadb'))
export const onSqlite = byCall('sqlite', named(embedded, 'sqlite'))
export const onFiles = byCall('file', named(embedded, 'file'))
export const onCaches = onTwoNodes(
  'two nodes with caches of their own, over postgres',
  [named(onPostgres, 'postgres')],
  cacheInMemory,
)
export const onMemcachedCaches = onTwoNodes(
  'two nodes with caches of their own in memcached, over mariadb',
  [named(onMysql, 'mariadb'), named(onMemcached, 'memcached')],
  cacheInMemcached,
)
