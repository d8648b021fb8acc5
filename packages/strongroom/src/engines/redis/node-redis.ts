import { randomInt } from 'node:crypto'
import type { Argument, Driver, Ear, Line, Node } from './driver.ts'

/** A client, pool, cluster or sentinel of node-redis, by what tells one from clients of other libraries. Version 5 or later. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  withTypeMapping(mapping: object): unknown
}

/** What else is used of it. */
interface Client extends NodeRedisClient {
  readonly masters?: readonly object[]
  nodeClient?(node: object): Promise<Client>
  get(key: string): Promise<Buffer | null>
  evalSha(sha: string, options: Call): Promise<unknown>
  eval(lua: string, options: Call): Promise<unknown>
  scan(cursor: string, options: { MATCH: string; COUNT: number }): Promise<{ cursor: string; keys: string[] }>
  configGet(patterns: readonly string[]): Promise<Record<string, string>>
  withTypeMapping(mapping: object): Client
  readonly options?: { readonly socket?: object }
  /** A pool and a sentinel client have none. */
  duplicate?(override: object): Client
  connect(): Promise<unknown>
  subscribe(channel: string, listener: (message: string) => void): Promise<void>
  ping(): Promise<unknown>
  on(event: string, listener: () => void): unknown
  close(): Promise<unknown>
  destroy(): void
}

interface Call {
  readonly keys: string[]
  readonly arguments: (string | Buffer)[]
}

/** RESP's type byte of a binary string, "$": its replies come as Buffers. */
const BINARY = { 36: Buffer }

export function isNodeRedis(client: object): client is NodeRedisClient {
  return 'withTypeMapping' in client && 'evalSha' in client
}

export function nodeRedisDriver(given: NodeRedisClient): Driver {
  const client = given as Client
  const binary = client.withTypeMapping(BINARY)
  const text = client.withTypeMapping({})
  const { masters, nodeClient } = client
  return {
    split: masters !== undefined,
    keyPrefix: keyPrefixOf(client),
    get: (key) => binary.get(key),
    runKnown: ({ sha }, keys, args) => binary.evalSha(sha, toCall(keys, args)),
    run: ({ lua }, keys, args) => binary.eval(lua, toCall(keys, args)),
    async masters() {
      if (!client.masters || !nodeClient) return [nodeOf(text)]
      if (client.masters.length === 0) throw new Error('CLUSTERDOWN no master is known')
      return Promise.all(
        client.masters.map(async (node) => nodeOf((await nodeClient.call(client, node)).withTypeMapping({}))),
      )
    },
    listen: (channel, ear) => listenOn(client, channel, ear),
    async close() {
      if (client.isOpen) await client.close()
    },
    destroy() {
      if (client.isOpen) client.destroy()
    },
  }
}

function toCall(keys: readonly string[], args: readonly Argument[]): Call {
  return { keys: [...keys], arguments: args.map((arg) => (typeof arg === 'number' ? String(arg) : arg)) }
}

function nodeOf(client: Client): Node {
  return {
    async scan(cursor, pattern, step) {
      const found = await client.scan(cursor, { MATCH: pattern, COUNT: step })
      return [found.cursor, found.keys]
    },
    settings: async (...patterns) => new Map(Object.entries(await client.configGet(patterns))),
  }
}

function keyPrefixOf(client: object): string {
  const { _keyPrefix, options } = client as { _keyPrefix?: unknown; options?: { keyPrefix?: unknown } }
  return String(_keyPrefix ?? options?.keyPrefix ?? '')
}

async function listenOn(client: Client, channel: string, ear: Ear): Promise<Line> {
  const { masters, nodeClient } = client
  // Every node of a cluster hears what is published on any.
  const node = masters && nodeClient ? await nodeClient.call(client, pick(masters)) : client
  if (!node.duplicate) throw new Error('this client of node-redis cannot be duplicated to listen')
  // Whoever listens begins anew when the line is lost, and perhaps on another node.
  const socket = { ...node.options?.socket, reconnectStrategy: false }
  const line = node.duplicate({ socket, commandOptions: {} })
  let lost = false
  line.on('error', () => {})
  line.on('terminated', () => (lost = true))
  const end = () => line.isOpen && line.destroy()
  try {
    await line.connect()
    await line.subscribe(channel, (message) => ear.heard(message))
    if (lost) throw new Error('the connection was lost')
  } catch (error) {
    end()
    throw error
  }
  line.on('terminated', () => ear.lost())
  return { ping: () => line.ping(), end }
}

function pick(masters: readonly object[]): object {
  const master = masters[randomInt(Math.max(masters.length, 1))]
  if (!master) throw new Error('no master is known')
  return master
}
