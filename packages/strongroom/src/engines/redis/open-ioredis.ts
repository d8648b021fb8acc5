import type { Driver } from './driver.ts'
import { type IoredisClient, ioredisDriver } from './ioredis.ts'
import { patience } from './patience.ts'
import type { Place } from './place.ts'

/** Makes an ioredis client for a place; rejects when the package is not there. It connects at the first command. */
export async function openIoredis(place: Place, timeout: number): Promise<Driver> {
  const { Redis, Cluster } = await import('ioredis')
  const { hosts, username, password, database: db, tls } = place
  const connection = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} }),
    connectTimeout: timeout,
    // A server that takes what is sent and answers nothing: commands must not pile up behind one that will never be answered.
    socketTimeout: timeout,
    // What was under way when the connection broke is sent again on the next one, once: the scripts know it again.
    maxRetriesPerRequest: 1,
    // After a failover a connection may still lead to the old master.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  }
  const lazy = { lazyConnect: true, enableAutoPipelining: true }
  if (place.kind === 'cluster') {
    const cluster = new Cluster([...hosts], {
      ...lazy,
      redisOptions: connection,
      slotsRefreshTimeout: timeout,
      clusterRetryStrategy: patience,
    })
    return quiet(cluster)
  }
  const single = { ...connection, ...lazy, db, retryStrategy: patience }
  if (place.kind === 'standalone') return quiet(new Redis({ ...hosts[0], ...single }))
  const { master: name, sentinelUsername, sentinelPassword } = place
  const sentinel = {
    name,
    sentinels: [...hosts],
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
    sentinelRetryStrategy: patience,
    // One that hangs, or whose host is gone together with the master: another has to be asked within the same call.
    sentinelCommandTimeout: Math.ceil(timeout / 2),
    failoverDetector: true,
  }
  const client = new Redis({ ...single, ...sentinel })
  return reviving(client, quiet(client))
}

interface Mortal {
  on(event: 'end' | 'ready', listener: () => void): unknown
  connect(): Promise<unknown>
}

/**
 * A client that has ended without our word begins again. With ioredis (5.4 to 6.0) it ends for good when the sentinels' news
 * of a new master come just while it asks them for one: the news disconnect it, and it takes that for the last word.
 */
function reviving(client: Mortal, driver: Driver): Driver {
  let [over, attempts] = [false, 0]
  let again: NodeJS.Timeout | undefined
  client.on('ready', () => {
    attempts = 0
  })
  client.on('end', () => {
    if (over) return
    attempts += 1
    again = setTimeout(() => client.connect().catch(() => {}), patience(attempts))
  })
  const finish = () => {
    over = true
    clearTimeout(again)
  }
  return {
    ...driver,
    async close() {
      finish()
      await driver.close()
    },
    destroy() {
      finish()
      driver.destroy()
    },
  }
}

/** What goes wrong is told by the calls that it concerns: an "error" that nobody hears would end the process. */
function quiet(client: IoredisClient & Emitter): Driver {
  let trouble: unknown
  client.on('error', (error) => {
    trouble = error
  })
  client.on('ready', () => {
    trouble = undefined
  })
  return { ...ioredisDriver(client), trouble: () => trouble }
}

interface Emitter {
  on(event: 'error' | 'ready', listener: (error: unknown) => void): unknown
}
