import { randomInt } from 'node:crypto'
import { importFailure } from '../../base/load-driver.ts'
import { backoff } from '../../base/retry.ts'
import { ConfigError } from '../../errors.ts'
import { type Argument, type Driver, RECONNECT, type RedisNode, type Subscriber, type Subscription } from './driver.ts'
import type { RedisAddress } from './url.ts'

/** A client, pool, cluster or sentinel of node-redis, by what distinguishes one from clients of other libraries. Version 5 or later. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  withTypeMapping(mapping: object): unknown
}

/** What the driver uses of it. */
interface Client extends NodeRedisClient {
  readonly isReady?: boolean
  readonly masters?: readonly object[]
  nodeClient?(node: object): Promise<Client>
  get(key: string): Promise<Buffer | null>
  evalSha(sha: string, options: EvalOptions): Promise<unknown>
  eval(lua: string, options: EvalOptions): Promise<unknown>
  scan(cursor: string, options: { MATCH: string; COUNT: number }): Promise<{ cursor: string; keys: string[] }>
  configGet(patterns: readonly string[]): Promise<Record<string, string>>
  sendCommand(words: readonly string[]): Promise<unknown>
  withTypeMapping(mapping: object): Client
  readonly options?: { readonly socket?: object; readonly database?: number; readonly disableOfflineQueue?: boolean }
  /** Missing on a pool, a cluster and a sentinel client. */
  select?(database: number): Promise<unknown>
  /** Missing on a pool and on a sentinel client. */
  duplicate?(override: object): Client
  connect(): Promise<unknown>
  subscribe(channel: string, listener: (message: string) => void): Promise<void>
  ping(): Promise<unknown>
  on(event: string, listener: () => void): unknown
  once(event: string, listener: () => void): unknown
  close(): Promise<unknown>
  destroy(): void
}

interface EvalOptions {
  readonly keys: string[]
  readonly arguments: (string | Buffer)[]
}

/** The type byte of a binary string in RESP, "$": such replies become Buffers. */
const BINARY = { 36: Buffer }
/** How many commands may wait for a server that does not answer; more are rejected immediately. */
const QUEUE_LIMIT = 10_000

export function isNodeRedis(client: object): client is NodeRedisClient {
  return 'withTypeMapping' in client && 'evalSha' in client
}

export function nodeRedisDriver(given: NodeRedisClient): Driver {
  const client = given as Client
  const binary = client.withTypeMapping(BINARY)
  const text = client.withTypeMapping({})
  const { masters, nodeClient } = client
  let wasReady = client.isReady ?? true
  return {
    isCluster: masters !== undefined,
    keyPrefix: keyPrefixOf(client),
    get: (key) => binary.get(key),
    evalSha: ({ sha }, keys, args) => binary.evalSha(sha, toOptions(keys, args)),
    evalSource: ({ lua }, keys, args) => binary.eval(lua, toOptions(keys, args)),
    // Once it is ready, the server has accepted SELECT. What it is given before that, it sends after a SELECT that was refused, too.
    confirmDatabase: async () => {
      if (client.isReady !== false || !client.isOpen || client.options?.disableOfflineQueue) return
      const database = client.options?.database ?? 0
      // Later, the application may have moved it to another one, which only the client knows.
      if (wasReady) await untilReady(client)
      else if (database > 0) await client.select?.(database)
      wasReady = true
    },
    async masters() {
      if (!client.masters || !nodeClient) return [toNode(text)]
      if (client.masters.length === 0) throw new Error('CLUSTERDOWN no master is known')
      return Promise.all(
        client.masters.map(async (node) => toNode((await nodeClient.call(client, node)).withTypeMapping({}))),
      )
    },
    subscribe: (channel, subscriber) => subscribe(client, channel, subscriber),
    // A pool and a cluster do not tell.
    isConnected: () => client.isReady ?? true,
    async close() {
      if (client.isOpen) await client.close()
    },
    destroy() {
      if (client.isOpen) client.destroy()
    },
  }
}

function untilReady(client: Client): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['ready', 'end']) client.once(event, resolve)
  })
}

function toOptions(keys: readonly string[], args: readonly Argument[]): EvalOptions {
  return { keys: [...keys], arguments: args.map((arg) => (typeof arg === 'number' ? String(arg) : arg)) }
}

function toNode(client: Client): RedisNode {
  return {
    async scan(cursor, pattern, step) {
      const found = await client.scan(cursor, { MATCH: pattern, COUNT: step })
      return [found.cursor, found.keys]
    },
    config: async (...patterns) => new Map(Object.entries(await client.configGet(patterns))),
    command: (words) => client.sendCommand(words),
  }
}

function keyPrefixOf(client: object): string {
  const { _keyPrefix, options } = client as { _keyPrefix?: unknown; options?: { keyPrefix?: unknown } }
  return String(_keyPrefix ?? options?.keyPrefix ?? '')
}

async function subscribe(client: Client, channel: string, subscriber: Subscriber): Promise<Subscription> {
  const { masters, nodeClient } = client
  // In a cluster, every node receives what is published on any of them.
  const node = masters && nodeClient ? await nodeClient.call(client, pickOne(masters)) : client
  if (!node.duplicate) throw new Error('this client of node-redis cannot be duplicated to subscribe')
  // It does not reconnect: the caller subscribes again, perhaps on another node.
  const socket = { ...node.options?.socket, reconnectStrategy: false }
  const connection = node.duplicate({ socket, commandOptions: {} })
  let lost = false
  connection.on('error', () => {})
  connection.on('terminated', () => (lost = true))
  const end = () => connection.isOpen && connection.destroy()
  try {
    await connection.connect()
    await connection.subscribe(channel, (message) => subscriber.message(message))
    if (lost) throw new Error('the connection was lost')
  } catch (error) {
    end()
    throw error
  }
  connection.on('terminated', () => subscriber.lost())
  return { ping: () => connection.ping(), end }
}

function pickOne(masters: readonly object[]): object {
  const master = masters[randomInt(Math.max(masters.length, 1))]
  if (!master) throw new Error('no master is known')
  return master
}

/**
 * Sends nothing before the server has accepted SELECT. node-redis sends what is waiting in the same message, and the server runs it
 * in database 0 if it has no such database.
 */
function afterConnecting(driver: Driver, connected: Promise<unknown>): Driver {
  const after =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A) => {
      await connected
      return call(...args)
    }
  return {
    ...driver,
    get: after(driver.get),
    evalSha: after(driver.evalSha),
    evalSource: after(driver.evalSource),
    masters: after(driver.masters),
    subscribe: after(driver.subscribe),
  }
}

async function loadNodeRedis(): Promise<typeof import('redis')> {
  try {
    return await import('redis')
  } catch (error) {
    throw importFailure('redis()', 'redis', error)
  }
}

/** Creates a client for one server and begins to connect. Rejects with `DriverMissingError` when the package redis is not installed. */
export async function openNodeRedis(address: RedisAddress, timeout: number): Promise<Driver> {
  const { createClient } = await loadNodeRedis()
  if (address.kind !== 'standalone') {
    throw new ConfigError(
      `redis() with a redis+${address.kind}: URL needs the package ioredis, or a client of redis: npm install ioredis`,
    )
  }
  const { hosts, socketPath, username, password, database, tls } = address
  let lastError: unknown
  let createdAt = 0
  const create = (): Driver => {
    createdAt = performance.now()
    const socket = {
      ...(socketPath === undefined ? hosts[0] : { path: socketPath }),
      ...(tls && { tls: true as const }),
      connectTimeout: timeout,
      // Retries are counted from 0.
      reconnectStrategy: (retries: number) => backoff(retries + 1, RECONNECT),
    }
    const client = createClient({
      socket,
      database,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      commandsQueueMaxLength: QUEUE_LIMIT,
    })
    // Without a listener, "error" would end the process. The calls that fail because of it report it.
    client.on('error', (error) => (lastError = error))
    client.on('ready', () => (lastError = undefined))
    const connected = client.connect()
    connected.catch(() => {})
    return database === 0 ? nodeRedisDriver(client) : afterConnecting(nodeRedisDriver(client), connected)
  }
  let current = create()
  return {
    isCluster: false,
    keyPrefix: '',
    get: (key) => current.get(key),
    evalSha: (...args) => current.evalSha(...args),
    evalSource: (...args) => current.evalSource(...args),
    masters: () => current.masters(),
    subscribe: (...args) => current.subscribe(...args),
    connectionError: () => lastError,
    timedOut() {
      // node-redis waits for as long as the connection is open, and one to a server that hangs or was cut off stays open for ever.
      if (performance.now() - createdAt < timeout) return
      current.destroy()
      current = create()
    },
    close: () => current.close(),
    destroy: () => current.destroy(),
  }
}
