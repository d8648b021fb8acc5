import type { Argument, Driver, Ear, Node } from './driver.ts'

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
      return Promise.all(
        client.masters.map(async (node) => nodeOf((await nodeClient.call(client, node)).withTypeMapping({}))),
      )
    },
    subscribe: (channel, ear) => listenOn(client, channel, ear),
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

async function listenOn(_client: Client, _channel: string, _ear: Ear): Promise<() => void> {
  throw new Error('not yet')
}
