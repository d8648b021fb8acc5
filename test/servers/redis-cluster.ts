import { freePort, type Server } from './daemon.ts'
import { type RedisProgram, type RedisServer, startRedis } from './redis.ts'
import { send, until } from './redis-client.ts'

export interface RedisCluster {
  /** At first the first half are the masters, and the others their replicas: node 3 replicates node 0. */
  readonly nodes: readonly RedisServer[]
  readonly url: string
  /** Resolves when all nodes consider each other alive, and each replica follows its master. All of them must be running. */
  isWhole(): Promise<void>
  /** How each node that answers sees the cluster, for the message of a failed test. */
  views(): Promise<string>
  /** A node that is a master now, and one that is a replica. */
  master(): Promise<RedisServer>
  replica(): Promise<RedisServer>
  /** The master that has this slot, then the others. */
  mastersOf(slot: number): Promise<readonly { readonly id: string; readonly port: number }[]>
  stop(): Promise<void>
}

const MASTERS = 3

/** A Redis Cluster of three masters with one replica each, which notices a dead master after a second. */
export async function startRedisCluster(
  settings: Readonly<Record<string, string>> = {},
  program: RedisProgram = 'redis',
): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: 2 * MASTERS }, async () =>
      startRedis(
        {
          'cluster-enabled': 'yes',
          'cluster-node-timeout': '1000',
          // The default, 10 000 above the port, may be beyond the last port.
          'cluster-port': `${await freePort()}`,
          'repl-diskless-sync-delay': '0',
          ...settings,
        },
        program,
      ),
    ),
  )
  const [first] = nodes as [RedisServer]
  try {
    await assemble(nodes)
  } catch (error) {
    await stopAll(nodes)
    throw error
  }
  return {
    nodes,
    url: `redis+cluster://127.0.0.1:${first.port}`,
    isWhole: () => isWhole(nodes),
    views: () => views(nodes),
    master: () => nodeOf('master', nodes),
    replica: () => nodeOf('slave', nodes),
    mastersOf: (slot) => mastersOf(slot, nodes),
    stop: () => stopAll(nodes),
  }
}

async function assemble(nodes: readonly RedisServer[]): Promise<void> {
  const [first] = nodes as [RedisServer]
  const share = Math.ceil(16384 / MASTERS)
  for (const [index, { port }] of nodes.slice(0, MASTERS).entries()) {
    const last = Math.min((index + 1) * share, 16384) - 1
    await send(port, 'CLUSTER', 'ADDSLOTSRANGE', `${index * share}`, `${last}`)
  }
  // The nodes would settle on different epochs by themselves, but only after a while.
  for (const [index, { port }] of nodes.entries()) await send(port, 'CLUSTER', 'SET-CONFIG-EPOCH', `${index + 1}`)
  for (const { port } of nodes.slice(1)) {
    await send(first.port, 'CLUSTER', 'MEET', '127.0.0.1', `${port}`, await busOf(port))
  }
  await until(async () => (await each(nodes, 'CLUSTER', 'INFO')).every((info) => /cluster_known_nodes:6/.test(info)))
  for (const [index, { port }] of nodes.slice(MASTERS).entries()) {
    const master = nodes[index] as RedisServer
    const id = String(await send(master.port, 'CLUSTER', 'MYID'))
    await until(async () => (await send(port, 'CLUSTER', 'REPLICATE', id).catch(() => null)) !== null)
  }
  await isWhole(nodes)
}

async function isWhole(nodes: readonly RedisServer[]): Promise<void> {
  await until(async () => (await each(nodes, 'CLUSTER', 'INFO')).every((info) => /cluster_state:ok/.test(info)))
  await until(async () => {
    const roles = await each(nodes, 'INFO', 'replication')
    return roles.filter((info) => /master_link_status:up/.test(info)).length === nodes.length - MASTERS
  })
  // Every node must know every replica, or a failover waits for that, and no node may consider another dead.
  await until(async () =>
    (await each(nodes, 'CLUSTER', 'NODES')).every(
      (list) => (list.match(/slave /g) ?? []).length === nodes.length - MASTERS && !/fail|handshake/.test(list),
    ),
  )
}

async function views(nodes: readonly Server[]): Promise<string> {
  const lines = nodes.map(async ({ port }) => {
    const asked = ['INFO', 'NODES'].map(async (what) => String(await send(port, 'CLUSTER', what)))
    return `${port}: ${await Promise.all(asked).then((answers) => answers.join(''), String)}`
  })
  return (await Promise.all(lines)).join('\n')
}

async function nodeOf(kind: 'master' | 'slave', nodes: readonly RedisServer[]): Promise<RedisServer> {
  for (const node of nodes) if (((await send(node.port, 'ROLE')) as unknown[])[0] === kind) return node
  throw new Error(`no node is a ${kind}`)
}

/** One for each range of slots; first the one that has this slot. */
async function mastersOf(slot: number, [node]: readonly RedisServer[]) {
  const ranges = (await send((node as RedisServer).port, 'CLUSTER', 'SLOTS')) as [
    number,
    number,
    [string, number, string],
  ][]
  const has = ([first, last]: (typeof ranges)[number]) => first <= slot && slot <= last
  return ranges.sort((a, b) => Number(has(b)) - Number(has(a))).map(([, , [, port, id]]) => ({ id, port }))
}

async function busOf(port: number): Promise<string> {
  const [, bus] = (await send(port, 'CONFIG', 'GET', 'cluster-port')) as [string, string]
  return bus
}

async function each(nodes: readonly Server[], command: string, ...args: string[]): Promise<string[]> {
  return Promise.all(nodes.map(async ({ port }) => String(await send(port, command, ...args))))
}

async function stopAll(nodes: readonly Server[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.stop()))
}
