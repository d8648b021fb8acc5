import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Redis } from 'ioredis'
import { redis } from 'strongroom/redis'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { decode, encode, indexUntil, Keys, newVersion } from '../../packages/strongroom/src/engines/redis/format.ts'
import { GRACE } from '../../packages/strongroom/src/engines/redis/scripts.ts'
import type { Entry } from '../../packages/strongroom/src/store.ts'
import { installed, type RunningServer, startServers } from '../servers.ts'
import { serverClock } from './processes.ts'
import { beginAll, deadlineOf, type LargeSite, OWNED, SAMPLES, sessionsIn, sweepTime, VISITORS } from './seed.ts'

const PREFIX = 'strongroom:'
const keys = new Keys(PREFIX)

export interface RedisSite extends LargeSite {
  /** What the server needs for all of them, in bytes. */
  memory(): Promise<number>
  stop(): Promise<void>
}

/**
 * A server with copies under made-up ids, and visitors who have logged in. `most` is how many bytes of each copied record are
 * taken. Null where Redis is not installed.
 */
export async function startRedis(count: number, most = Number.POSITIVE_INFINITY): Promise<RedisSite | null> {
  if (!installed('redis')) return null
  const servers = await startServers(['redis'])
  const { url, port } = servers.running.redis as RunningServer
  const store = redis(url)
  const sessions = sessionsIn(store)
  const cookies = await beginAll(sessions, VISITORS)
  const client = new Redis(url)
  const samples = await samplesIn(client, most)
  const before = await client.dbsize()
  await fill(port, samples, count)
  if ((await client.dbsize()) - before !== count + Math.ceil(count / OWNED))
    throw new Error('Redis has not stored all sessions.')
  const serverTime = serverClock(port)
  const later = redis({ url, clock: () => sweepTime(Date.now()) })
  const close = async () => {
    client.disconnect()
    await Promise.all([store.close(), later.close()])
  }
  return {
    sessions,
    cookies,
    serverTime,
    sweep: (signal) => later.clearExpired({ signal }),
    memory: async () => Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1]),
    close,
    async stop() {
      await close()
      await servers.stop()
    },
  }
}

type Sample = Entry & { readonly ending: string }

/** As long as the scripts keep a key: a while past its deadline. */
const expireIn = (deadline: number, now: number) => Math.max(Math.ceil(deadline - now), 0) + GRACE

/** Records of visitors, and the end that all ids of an application have in common. */
async function samplesIn(client: Redis, most: number): Promise<Sample[]> {
  const found: Sample[] = []
  for await (const batch of client.scanStream({ match: keys.pattern(''), count: SAMPLES }))
    for (const key of batch as string[]) {
      const parsed = keys.parse(key, '')
      const stored = parsed && 'id' in parsed && decode((await client.getBuffer(key)) as Buffer)
      if (!stored || stored.entry.owner === null || found.length === SAMPLES) continue
      const { entry } = stored
      found.push({ ...entry, bytes: entry.bytes.subarray(0, most), ending: key.slice(-8) })
    }
  return found
}

/** By mass insertion: without replies, because a client library would take longer than the server. */
async function fill(port: number, samples: readonly Sample[], count: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(command('CLIENT', 'REPLY', 'OFF'))
  const now = Date.now()
  for (let from = 0; from < count; from += 1000 * OWNED) {
    const parts: (string | Buffer)[] = []
    for (let index = from; index < Math.min(from + 1000 * OWNED, count); index += OWNED)
      parts.push(...user(samples, { index, count, now }))
    await send(socket, Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))))
  }
  socket.write(command('CLIENT', 'REPLY', 'ON'))
  await once(socket, 'data')
  socket.destroy()
}

/** The sessions of one user and the index of them, as the engine stores them. */
function user(samples: readonly Sample[], { index, count, now }: Record<'index' | 'count' | 'now', number>) {
  const owner = randomBytes(32).toString('hex')
  const parts: (string | Buffer)[] = []
  const members: (string | number)[] = []
  let last = 0
  for (let i = index; i < Math.min(index + OWNED, count); i++) {
    const sample = samples[i % samples.length] as Sample
    const id = (randomBytes(28).toString('hex') + sample.ending) as Id
    const [expiresAt, version] = [deadlineOf(i, count, now), newVersion()]
    const until = indexUntil(expiresAt, now, version)
    const value = encode({ ...sample, owner, expiresAt }, { version, until })
    parts.push(command('SET', keys.session(id), value, 'PX', expireIn(expiresAt, now)))
    members.push(until, id)
    last = Math.max(last, until)
  }
  parts.push(command('ZADD', keys.index(owner), ...members), command('PEXPIRE', keys.index(owner), expireIn(last, now)))
  return parts
}

/** In the protocol of Redis (RESP). */
function command(...args: readonly (string | number | Buffer)[]): Buffer {
  const parts = args.flatMap((arg) => {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(`${arg}`)
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]
  })
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts])
}

async function send(socket: Socket, bytes: Buffer): Promise<void> {
  if (!socket.write(bytes)) await once(socket, 'drain')
}
