import { ConfigError } from '../../errors.ts'
import type { Driver } from './driver.ts'
import { nodeRedisDriver } from './node-redis.ts'
import { patience } from './patience.ts'
import type { Place } from './place.ts'

/** As many commands wait for a server that does not answer; more are refused at once. */
const WAITING = 10_000

/** Makes a node-redis client for one server; rejects when the package is not there. It connects at once. */
export async function openNodeRedis(place: Place, timeout: number): Promise<Driver> {
  const { createClient } = await import('redis')
  if (place.kind !== 'standalone') {
    throw new ConfigError(
      `A redis+${place.kind}: URL needs the package ioredis: npm install ioredis. Or hand in a client of node-redis.`,
    )
  }
  const { hosts, username, password, database, tls } = place
  let trouble: unknown
  let madeAt = 0
  const make = (): Driver => {
    madeAt = performance.now()
    const socket = {
      ...hosts[0],
      ...(tls && { tls: true as const }),
      connectTimeout: timeout,
      reconnectStrategy: patience,
    }
    const client = createClient({
      socket,
      database,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      commandsQueueMaxLength: WAITING,
    })
    // An "error" that nobody hears would end the process; the calls that it concerns tell of it.
    client.on('error', (error) => (trouble = error))
    client.on('ready', () => (trouble = undefined))
    client.connect().catch(() => {})
    return nodeRedisDriver(client)
  }
  let current = make()
  return {
    split: false,
    keyPrefix: '',
    get: (key) => current.get(key),
    runKnown: (...call) => current.runKnown(...call),
    run: (...call) => current.run(...call),
    masters: () => current.masters(),
    listen: (...call) => current.listen(...call),
    trouble: () => trouble,
    late() {
      // node-redis waits for as long as the connection stands, and one to a server that hangs or is cut off stands for ever.
      if (performance.now() - madeAt < timeout) return
      current.destroy()
      current = make()
    },
    close: () => current.close(),
    destroy: () => current.destroy(),
  }
}
