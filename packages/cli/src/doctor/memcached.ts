import { once } from 'node:events'
import { connect } from 'node:net'
import type { MemcachedBackend } from 'strongroom/internal'
import { number, size } from '../format.ts'
import { type Check, Topic } from './check.ts'
import { clockCheck } from './clock.ts'
import { inTime } from './examine.ts'
import { reachOf } from './network.ts'
import type { ExaminedRedis } from './redis.ts'

interface Facts {
  readonly name: string
  readonly stats: ReadonlyMap<string, string>
  readonly settings: ReadonlyMap<string, string>
  /** The address at the other end. */
  readonly address: string
  readonly before: number
  readonly after: number
}

export async function examineMemcached(
  { servers, sizeLimit }: MemcachedBackend,
  { about, isCache, limit, now }: ExaminedRedis,
): Promise<readonly Check[]> {
  const topic = new Topic(about, 'memcached')
  const all = await Promise.all(servers.map((server) => inTime(limit, () => factsOf(server, now))))
  const durable = isCache
    ? topic.green('memcached-durable', 'What memcached forgets is read again from the durable store.')
    : topic.amber(
        'memcached-durable',
        'memcached is the only store: a restart signs everybody out, and it has no lists, so nobody can log out everywhere.',
        'Put it before a durable store: cached({ durable: postgres(…), cache: memcached(…) }).',
      )
  return [durable, ...all.flatMap((facts) => checksOf(topic, facts, { isCache, sizeLimit }))]
}

function checksOf(
  topic: Topic,
  facts: Facts,
  { isCache, sizeLimit }: { readonly isCache: boolean; readonly sizeLimit: number },
): readonly Check[] {
  const { name, stats, before, after } = facts
  const time = Number(stats.get('time')) * 1000
  return [
    memcachedVersion(topic, name, stats.get('version') ?? ''),
    evictionCheck(topic, facts, isCache),
    memoryCheck(topic, facts, isCache),
    itemCheck(topic, facts, sizeLimit),
    ...reachChecks(topic, facts),
    clockCheck(topic, 'clock', { whose: `memcached at ${name}`, theirs: time, before, after, precision: 1000 }),
  ]
}

export function memcachedVersion(topic: Topic, name: string, version: string): Check {
  if (version === '') return topic.unknown('memcached-version', `memcached at ${name} does not tell its version.`)
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 1 || (major === 1 && minor >= 6)) return topic.green('memcached-version', `This is memcached ${version}.`)
  return topic.red(
    'memcached-version',
    `This is memcached ${version} at ${name}, which is too old.`,
    'Use 1.6 or later.',
  )
}

function evictionCheck(topic: Topic, { name, stats }: Facts, isCache: boolean): Check {
  const check = 'memcached-evictions'
  const count = Number(stats.get('evictions'))
  if (Number.isNaN(count)) return topic.unknown(check, `memcached at ${name} does not tell its evictions.`)
  if (count === 0) return topic.green(check, `memcached at ${name} has evicted nothing since it was started.`)
  const what = `memcached at ${name} has evicted ${number(count)} items since it was started`
  if (isCache) return topic.green(check, `${what}, which are read again from the durable store.`)
  return topic.red(check, `${what}: people were signed out.`, 'Give it more memory: memcached -m 1024.')
}

function memoryCheck(topic: Topic, { name, stats }: Facts, isCache: boolean): Check {
  const check = 'memcached-memory'
  const [limit, used] = [Number(stats.get('limit_maxbytes')), Number(stats.get('bytes'))]
  if (!(limit > 0)) return topic.unknown(check, `memcached at ${name} does not tell its memory.`)
  const share = Math.round((used / limit) * 100)
  if (share < 80 || isCache) return topic.green(check, `memcached at ${name} uses ${share} % of its ${size(limit)}.`)
  return topic.amber(
    check,
    `memcached at ${name} uses ${share} % of its ${size(limit)}, and evicts sessions when it is full.`,
    'Give it more memory: memcached -m 1024.',
  )
}

function itemCheck(topic: Topic, { name, settings }: Facts, sizeLimit: number): Check {
  const check = 'memcached-item-size'
  const largest = Number(settings.get('item_size_max'))
  if (!(largest > 0)) return topic.unknown(check, `memcached at ${name} does not tell its largest item.`)
  if (largest >= sizeLimit) return topic.green(check, `memcached at ${name} takes items of ${size(largest)}.`)
  return topic.red(
    check,
    `memcached at ${name} takes items of ${size(largest)}, and the store counts on ${size(sizeLimit)}: a large session cannot be saved.`,
    `Start it with -I ${sizeLimit}, or say itemSize: ${largest} to memcached().`,
  )
}

/** memcached has no users: anyone who reaches its port can read, replace and drop everything. */
function reachChecks(topic: Topic, { name, settings, address }: Facts): readonly Check[] {
  const inter = settings.get('inter') ?? ''
  const listens =
    inter === '' || inter === 'NULL' ? ['0.0.0.0'] : inter.split(',').map((each) => each.replace(/:\d+$/, ''))
  const isBeyond = reachOf(address) !== 'machine' || listens.some((each) => reachOf(each) !== 'machine')
  const reach = reachOf(address) === 'public' ? 'red' : 'amber'
  const udp = Number(settings.get('udpport'))
  return [
    !isBeyond
      ? topic.green('memcached-reach', `memcached at ${name} can be reached from its own machine only.`)
      : topic[reach](
          'memcached-reach',
          `memcached at ${name} listens to a network and has no login: anyone who reaches its port can copy and drop sessions.`,
          'Start it with -l 127.0.0.1 if the application is on the same machine; otherwise let a firewall admit the application only.',
        ),
    udp > 0
      ? topic.red(
          'memcached-udp',
          `memcached at ${name} answers over UDP, by which strangers make it attack others.`,
          'Start it with -U 0.',
        )
      : topic.green('memcached-udp', `memcached at ${name} does not answer over UDP.`),
  ]
}

async function factsOf({ host, port }: { host: string; port: number }, now: () => number): Promise<Facts> {
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect')
    const before = now()
    const stats = await ask(socket, 'stats')
    const after = now()
    const settings = await ask(socket, 'stats settings')
    return { name: `${host}:${port}`, stats, settings, address: socket.remoteAddress ?? '', before, after }
  } finally {
    socket.on('error', () => {})
    socket.destroy()
  }
}

/** "STAT name value" lines, until END. */
async function ask(socket: ReturnType<typeof connect>, command: string): Promise<ReadonlyMap<string, string>> {
  socket.write(`${command}\r\n`)
  let text = ''
  while (!/^(?:END|ERROR|CLIENT_ERROR .*|SERVER_ERROR .*)\r\n/m.test(text)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    text += chunk.toString('latin1')
  }
  return new Map([...text.matchAll(/^STAT (\S+) ([^\r\n]*)\r$/gm)].map(([, name = '', value = '']) => [name, value]))
}
