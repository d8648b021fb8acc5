import { randomInt } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { importFailure } from '../../base/load-driver.ts'
import { backoff } from '../../base/retry.ts'
import { type CorkableClient, corkingTurns } from './cork.ts'
import { type Argument, type Driver, RECONNECT, type RedisNode, type Subscriber, type Subscription } from './driver.ts'
import { codeOf } from './errors.ts'
import type { Host, RedisAddress } from './url.ts'

/** An ioredis `Redis` or `Cluster`, by what distinguishes one from clients of other libraries. Version 5.4 or later. */
export interface IoredisClient {
  readonly status: string
  getBuffer(key: string): Promise<Uint8Array | null>
  duplicate(): unknown
}

interface Options {
  readonly host?: string
  readonly port?: number
  readonly stringNumbers?: boolean
}

/** What the driver uses of it. */
interface Client extends IoredisClient {
  readonly isCluster: boolean
  readonly options: Options & {
    readonly db?: number
    readonly keyPrefix?: string | undefined
    readonly redisOptions?: Options
  }
  readonly condition?: { readonly select?: number } | null
  readonly prevCondition?: { readonly select?: number } | null
  /** Of a cluster: the nodes of each slot as "host:port", the master first. */
  readonly slots: readonly (readonly string[] | undefined)[]
  select(database: number): Promise<unknown>
  cluster(info: 'INFO'): Promise<string>
  getBuffer(key: string): Promise<Buffer | null>
  evalshaBuffer(sha: string, count: number, ...rest: Argument[]): Promise<unknown>
  evalBuffer(lua: string, count: number, ...rest: Argument[]): Promise<unknown>
  scan(cursor: string, match: 'MATCH', pattern: string, count: 'COUNT', step: number): Promise<[string, string[]]>
  config(get: 'GET', ...patterns: string[]): Promise<string[] | Record<string, string>>
  call(command: string, ...words: string[]): Promise<unknown>
  nodes(role: 'master'): Client[]
  /** Asks the nodes again which of them has each slot, and connects to those that have one. */
  refreshSlotsCache(done: (error?: Error) => void): void
  duplicate(override?: object): Client
  connect(): Promise<void>
  subscribe(channel: string): Promise<unknown>
  ping(): Promise<unknown>
  quit(): Promise<unknown>
  disconnect(): void
  on(event: string, listener: (...args: never[]) => void): unknown
}

const SLOTS = 16384
/** How often the masters of a cluster are looked for before one is reported as missing. */
const MASTER_TRIES = 5
/** How often a call is tried when its slot has moved. Enough for a second, in which nodes may redirect the client to each other. */
const MOVED_TRIES = 20
/** How many nodes of a cluster are remembered beside those of its URL. */
const FOUND_NODES = 64
/** Ms between two such tries. */
const PAUSE = 50

export function isIoredis(client: object): client is IoredisClient {
  return 'getBuffer' in client && 'evalshaBuffer' in client && 'duplicate' in client
}

export function ioredisDriver(given: IoredisClient): Driver {
  const client = given as Client
  const send = client.isCluster ? followingSlots(client) : <T>(call: () => Promise<T>) => call()
  const { stringNumbers, redisOptions } = client.options
  const givesStrings = stringNumbers || redisOptions?.stringNumbers
  const shaped = (reply: Promise<unknown>) => (givesStrings ? reply.then(withNumbers) : reply)
  return {
    isCluster: client.isCluster,
    keyPrefix: client.options.keyPrefix ?? '',
    get: (key) => send(() => client.getBuffer(key)),
    evalSha: ({ sha }, keys, args) => send(() => shaped(client.evalshaBuffer(sha, keys.length, ...keys, ...args))),
    evalSource: ({ lua }, keys, args) => send(() => shaped(client.evalBuffer(lua, keys.length, ...keys, ...args))),
    confirmDatabase: async () => {
      const database = databaseOf(client)
      if (database > 0) await client.select(database)
    },
    masters: async () => (await mastersOf(client)).map(toNode),
    subscribe: (channel, subscriber) => subscribe(client, channel, subscriber),
    isConnected: () => client.status === 'ready',
    async close() {
      // A client that has never connected would connect now, only to send QUIT.
      if (client.status !== 'wait') await client.quit()
      // Needed after QUIT too: behind Sentinel, the client stays connected to the sentinels and keeps the process alive.
      client.disconnect()
    },
    destroy: () => client.disconnect(),
  }
}

/**
 * The database that the client means to be in: SELECT of this one changes nothing, and shows whether the server has it. ioredis
 * remembers the last SELECT that the application has sent, while it is connected and while it connects again.
 */
function databaseOf({ isCluster, options, condition, prevCondition }: Client): number {
  if (isCluster) return 0
  return prevCondition?.select ?? condition?.select ?? options.db ?? 0
}

/** With `stringNumbers`, the client returns numbers as strings. Everything else in a reply to a script is a Buffer or null. */
function withNumbers(reply: unknown): unknown {
  if (Array.isArray(reply)) return reply.map(withNumbers)
  return typeof reply === 'string' && /^-?\d+$/.test(reply) ? Number(reply) : reply
}

/**
 * A cluster client follows a slot that has moved, but not for commands for several slots that it sent in one pipeline: then each
 * caller gets the MOVED or ASK error, and the next call asks the old master again. The command was not executed, so it is safe to
 * send it again.
 */
function followingSlots(client: Client) {
  return async <T>(call: () => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call()
      } catch (error) {
        if (attempt === MOVED_TRIES || !['MOVED', 'ASK'].includes(codeOf(error))) throw error
      }
      await refreshSlots(client)
      if (attempt > 1) await wait(PAUSE)
    }
  }
}

/** Never rejects: the next try shows whether it has helped. */
function refreshSlots(client: Client): Promise<void> {
  return new Promise((resolve) => client.refreshSlotsCache(() => resolve()))
}

/** All masters, or a rejection: with one left out, its sessions would seem not to exist. */
async function mastersOf(client: Client): Promise<readonly Client[]> {
  if (!client.isCluster) return [client]
  // Also connects the client, if it has not connected yet.
  const info = await client.cluster('INFO')
  if (!info.includes('cluster_state:ok')) throw new Error('CLUSTERDOWN not all slots are served')
  // The client drops a master when its connection is lost, and finds it again only when it has a command for its slots.
  for (let attempt = 1; ; attempt += 1) {
    const masters = connectedMasters(client)
    if (masters) return masters
    if (attempt === MASTER_TRIES) throw new Error('CLUSTERDOWN not all masters are connected')
    await refreshSlots(client)
    if (attempt > 1) await wait(PAUSE)
  }
}

/** Null when the master of some slot is not connected. */
function connectedMasters(client: Client): readonly Client[] | null {
  const masters = client.nodes('master')
  const connected = new Set(masters.map(({ options }) => `${options.host}:${options.port}`))
  for (let slot = 0; slot < SLOTS; slot += 1) if (!connected.has(client.slots[slot]?.[0] ?? '')) return null
  return masters
}

function toNode(client: Client): RedisNode {
  return {
    scan: (cursor, pattern, step) => client.scan(cursor, 'MATCH', pattern, 'COUNT', step),
    async config(...patterns) {
      const found = await client.config('GET', ...patterns)
      if (!Array.isArray(found)) return new Map(Object.entries(found))
      return new Map(found.flatMap((name, index) => (index % 2 ? [] : [[name, found[index + 1] ?? '']])))
    },
    command: ([name = '', ...words]) => client.call(name, ...words),
  }
}

async function subscribe(client: Client, channel: string, subscriber: Subscriber): Promise<Subscription> {
  const masters = await mastersOf(client)
  // In a cluster, every node receives what is published on any of them.
  const node = masters[randomInt(Math.max(masters.length, 1))]
  if (!node) throw new Error('no master is known')
  // It does not reconnect: the caller subscribes again, perhaps on another node.
  const connection = node.duplicate({
    keyPrefix: '',
    lazyConnect: true,
    retryStrategy: null,
    enableOfflineQueue: true,
  })
  connection.on('error', () => {})
  try {
    await connection.connect()
    connection.on('message', (_channel: string, message: string) => subscriber.message(message))
    await connection.subscribe(channel)
  } catch (error) {
    connection.disconnect()
    throw error
  }
  connection.on('end', () => subscriber.lost())
  if (connection.status === 'end') throw new Error('the connection was lost')
  return { ping: () => connection.ping(), end: () => connection.disconnect() }
}

async function loadIoredis(): Promise<Pick<typeof import('ioredis'), 'Redis' | 'Cluster'>> {
  try {
    return await import('ioredis')
  } catch (error) {
    throw importFailure('redis()', 'ioredis', error)
  }
}

/** Creates a client, which connects on its first command. Rejects with `DriverMissingError` when ioredis is not installed. */
export async function openIoredis(address: RedisAddress, timeout: number): Promise<Driver> {
  const { Redis, Cluster } = await loadIoredis()
  const { hosts, username, password, database: db, tls } = address
  const retryDelay = (attempts: number) => backoff(attempts, RECONNECT)
  const connection = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} }),
    connectTimeout: timeout,
    // Against a server that accepts commands and never replies: they would pile up behind one that is never answered.
    socketTimeout: timeout,
    // Commands that were in progress when the connection was lost are sent once more. The scripts recognize the repetition.
    maxRetriesPerRequest: 1,
    // After a failover, the connection may still be to the old master.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  }
  if (address.kind === 'cluster') {
    const startupNodes = [...hosts]
    const cluster = new Cluster(startupNodes, {
      lazyConnect: true,
      // By slot, and so for each node.
      enableAutoPipelining: true,
      redisOptions: connection,
      slotsRefreshTimeout: timeout,
      clusterRetryStrategy: retryDelay,
    })
    rememberNodes(cluster, startupNodes)
    return ownDriver(cluster)
  }
  const single = { ...connection, lazyConnect: true, db, retryStrategy: retryDelay }
  const { socketPath } = address
  const server = socketPath === undefined ? hosts[0] : { path: socketPath }
  if (address.kind === 'standalone') return oneServer(new Redis({ ...server, ...single }))
  const { master: name, sentinelUsername, sentinelPassword } = address
  const sentinel = {
    name,
    sentinels: [...hosts],
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
    sentinelRetryStrategy: retryDelay,
    // Leaves time to ask another sentinel within the same call, when one hangs or its host went down together with the master.
    sentinelCommandTimeout: Math.ceil(timeout / 2),
    failoverDetector: true,
  }
  const client = new Redis({ ...single, ...sentinel })
  return reconnecting(client, oneServer(client))
}

/**
 * Adds each node that the client finds to the nodes that it starts from. When all its connections are lost at the same time, ioredis
 * (5.4 to 6.0) asks only those, and would never come back if the nodes of the URL are gone by then.
 */
function rememberNodes(cluster: OwnCluster, startupNodes: Host[]): void {
  const named = startupNodes.length
  cluster.on('+node', ({ options: { host, port } }) => {
    if (host === undefined || port === undefined) return
    const known = startupNodes.findIndex((node) => node.host === host && node.port === port)
    if (known !== -1 && known < named) return
    if (known !== -1) startupNodes.splice(known, 1)
    startupNodes.push({ host, port })
    // Where nodes come and go, as in Kubernetes, the oldest ones are forgotten.
    if (startupNodes.length > named + FOUND_NODES) startupNodes.splice(named, 1)
  })
}

interface OwnCluster {
  on(event: '+node', listener: (node: { readonly options: { host?: string; port?: number } }) => void): unknown
}

interface OwnClient extends IoredisClient {
  on(event: 'end' | 'error' | 'ready', listener: (error: unknown) => void): unknown
  connect(): Promise<unknown>
  disconnect(reconnect: boolean): void
}

/**
 * Remembers the last connection error, for the calls that fail because of it. Without a listener, "error" would end the process.
 * When the server refuses SELECT, ioredis would go on in database 0.
 */
function ownDriver(client: OwnClient): Driver {
  let lastError: unknown
  client.on('error', (error) => {
    lastError = error
    if ((error as { command?: { name?: unknown } } | null)?.command?.name === 'select') client.disconnect(true)
  })
  client.on('ready', () => {
    lastError = undefined
  })
  return { ...ioredisDriver(client), connectionError: () => lastError }
}

/** The same for one server, over a connection that is corked in each turn. */
function oneServer(client: OwnClient & CorkableClient): Driver {
  const driver = ownDriver(client)
  const cork = corkingTurns(client)
  return {
    ...driver,
    get(key) {
      cork()
      return driver.get(key)
    },
    evalSha(script, keys, args) {
      cork()
      return driver.evalSha(script, keys, args)
    },
  }
}

/**
 * Connects a client again that has ended although it was not closed. ioredis (5.4 to 6.0) ends for good when the sentinels announce
 * a new master just while it asks them for one: the announcement disconnects it, which it takes for a disconnection on purpose.
 */
function reconnecting(client: OwnClient, driver: Driver): Driver {
  let [closed, attempts] = [false, 0]
  let retry: NodeJS.Timeout | undefined
  client.on('ready', () => {
    attempts = 0
  })
  client.on('end', () => {
    if (closed) return
    attempts += 1
    retry = setTimeout(() => client.connect().catch(() => {}), backoff(attempts, RECONNECT))
  })
  const stop = () => {
    closed = true
    clearTimeout(retry)
  }
  return {
    ...driver,
    async close() {
      stop()
      await driver.close()
    },
    destroy() {
      stop()
      driver.destroy()
    },
  }
}
