import { randomInt } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Argument, Driver, Ear, Line, Node } from './driver.ts'
import { wordOf } from './failure.ts'

/** An ioredis `Redis` or `Cluster`, by what tells one from clients of other libraries. Version 5.4 or later. */
export interface IoredisClient {
  readonly status: string
  getBuffer(key: string): Promise<Uint8Array | null>
  duplicate(): unknown
}

/** What else is used of it. */
interface Client extends IoredisClient {
  readonly isCluster: boolean
  readonly options: { readonly keyPrefix?: string | undefined; readonly host?: string; readonly port?: number }
  /** Of a cluster: who has each slot, the master first, as "host:port". */
  readonly slots: readonly (readonly string[] | undefined)[]
  cluster(info: 'INFO'): Promise<string>
  getBuffer(key: string): Promise<Buffer | null>
  evalshaBuffer(sha: string, count: number, ...rest: Argument[]): Promise<unknown>
  evalBuffer(lua: string, count: number, ...rest: Argument[]): Promise<unknown>
  scan(cursor: string, match: 'MATCH', pattern: string, count: 'COUNT', step: number): Promise<[string, string[]]>
  config(get: 'GET', ...patterns: string[]): Promise<string[] | Record<string, string>>
  nodes(role: 'master'): Client[]
  /** Asks the nodes anew who has which slot, and connects to those that have one. */
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
/** How often a cluster's client learns its masters anew before it is said that one is missing, and how long it waits between. */
const [LOOKS, PAUSE] = [5, 50]
/** How often a slot is followed to where it has moved: for a second, in which nodes may send the client to one another. */
const FOLLOWED = 20

export function isIoredis(client: object): client is IoredisClient {
  return 'getBuffer' in client && 'evalshaBuffer' in client && 'duplicate' in client
}

export function ioredisDriver(given: IoredisClient): Driver {
  const client = given as Client
  const ask = client.isCluster ? follow(client) : <T>(question: () => Promise<T>) => question()
  return {
    split: client.isCluster,
    keyPrefix: client.options.keyPrefix ?? '',
    get: (key) => ask(() => client.getBuffer(key)),
    runKnown: ({ sha }, keys, args) => ask(() => client.evalshaBuffer(sha, keys.length, ...keys, ...args)),
    run: ({ lua }, keys, args) => ask(() => client.evalBuffer(lua, keys.length, ...keys, ...args)),
    masters: async () => (await mastersOf(client)).map(nodeOf),
    listen: (channel, ear) => listenOn(client, channel, ear),
    async close() {
      // One that has never connected would connect now, only to say goodbye.
      if (client.status !== 'wait') await client.quit()
      // After a goodbye, too: one behind Sentinel goes on listening to the sentinels, and keeps the process alive.
      client.disconnect()
    },
    destroy: () => client.disconnect(),
  }
}

/**
 * A cluster's client goes after a slot that has moved, but not where commands for several slots went in one pipeline: then
 * who asked gets the refusal, and the next one asks the old master again. Nothing was done, so it is asked once more.
 */
function follow(client: Client) {
  return async <T>(question: () => Promise<T>): Promise<T> => {
    for (let look = 1; ; look += 1) {
      try {
        return await question()
      } catch (error) {
        if (look === FOLLOWED || !['MOVED', 'ASK'].includes(wordOf(error))) throw error
      }
      await refresh(client)
      if (look > 1) await wait(PAUSE)
    }
  }
}

/** Resolves when it has been tried; whether it was of use, the next question tells. */
function refresh(client: Client): Promise<void> {
  return new Promise((resolve) => client.refreshSlotsCache(() => resolve()))
}

/** All of them, or a rejection: what lies on a master that is left out would look as if it were not there. */
async function mastersOf(client: Client): Promise<readonly Client[]> {
  if (!client.isCluster) return [client]
  // Connects, too, if that is still to be done.
  const info = await client.cluster('INFO')
  if (!info.includes('cluster_state:ok')) throw new Error('CLUSTERDOWN not all slots are served')
  // A client forgets a master whose connection was lost, and by itself learns of it again only from a command for its slots.
  for (let look = 1; ; look += 1) {
    const masters = allMastersOf(client)
    if (masters) return masters
    if (look === LOOKS) throw new Error('CLUSTERDOWN not all masters are connected')
    await refresh(client)
    if (look > 1) await wait(PAUSE)
  }
}

/** Null when some slot has no master that there is a connection to. */
function allMastersOf(client: Client): readonly Client[] | null {
  const masters = client.nodes('master')
  const there = new Set(masters.map(({ options }) => `${options.host}:${options.port}`))
  for (let slot = 0; slot < SLOTS; slot += 1) if (!there.has(client.slots[slot]?.[0] ?? '')) return null
  return masters
}

function nodeOf(client: Client): Node {
  return {
    scan: (cursor, pattern, step) => client.scan(cursor, 'MATCH', pattern, 'COUNT', step),
    async settings(...patterns) {
      const found = await client.config('GET', ...patterns)
      if (!Array.isArray(found)) return new Map(Object.entries(found))
      return new Map(found.flatMap((name, index) => (index % 2 ? [] : [[name, found[index + 1] ?? '']])))
    },
  }
}

async function listenOn(client: Client, channel: string, ear: Ear): Promise<Line> {
  const masters = await mastersOf(client)
  // Every node of a cluster hears what is published on any.
  const node = masters[randomInt(Math.max(masters.length, 1))]
  if (!node) throw new Error('no master is known')
  // Whoever listens begins anew when the line is lost, and perhaps on another node.
  const line = node.duplicate({ keyPrefix: '', lazyConnect: true, retryStrategy: null, enableOfflineQueue: true })
  line.on('error', () => {})
  try {
    await line.connect()
    line.on('message', (_channel: string, message: string) => ear.heard(message))
    await line.subscribe(channel)
  } catch (error) {
    line.disconnect()
    throw error
  }
  line.on('end', () => ear.lost())
  if (line.status === 'end') throw new Error('the connection was lost')
  return { ping: () => line.ping(), end: () => line.disconnect() }
}
