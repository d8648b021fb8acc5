import type { RedisBackend } from 'strongroom/internal'
import { number, size } from '../format.ts'
import { type Check, LEVELS, Topic } from './check.ts'
import { serverClock } from './clock.ts'
import { type Examined, inTime, orUnknown } from './examine.ts'
import { reachBetween, tlsCheck } from './network.ts'
import { type Addresses, accessChecks, addressesIn } from './redis-access.ts'
import { pairs, type RedisNode } from './redis-replies.ts'
import { redisVersionCheck } from './redis-version.ts'

/** `isCache`: what it loses is read again from the store behind it. */
export interface ExaminedRedis extends Omit<Examined, 'every'> {
  readonly isCache: boolean
}

/** The part of INFO that is used, and what CONFIG GET adds where it is allowed. */
interface Facts {
  readonly server: string
  readonly info: ReadonlyMap<string, string>
  readonly config: (name: string) => string | null
  readonly backend: RedisBackend
}

export async function examineRedis(backend: RedisBackend, examined: ExaminedRedis): Promise<readonly Check[]> {
  const topic = new Topic(examined.about, 'redis-and-valkey')
  const { limit, now } = examined
  const pings = await inTime(limit, () => backend.command('PING'))
  const command = once(backend.command)
  const parts = await Promise.all(
    pings.map((_, at) => {
      const node: RedisNode = (...words) => inTime(limit, async () => (await command(...words))[at])
      return orUnknown({ topic, name: 'redis-info', limit: 2 * limit }, () =>
        examineNode(topic, node, backend, { isCache: examined.isCache, now }),
      )
    }),
  )
  return parts.length === 1 ? (parts[0] ?? []) : worstOfEach(parts)
}

/** A command goes to all masters, so each is sent once, and not once for each of them. */
function once(command: RedisBackend['command']): RedisBackend['command'] {
  const replies = new Map<string, ReturnType<typeof command>>()
  return (...words) => {
    const key = words.join(' ')
    const known = replies.get(key) ?? command(...words)
    replies.set(key, known)
    return known
  }
}

/** Of several masters, the one that is set worst: a session may be on any of them. */
function worstOfEach(parts: readonly (readonly Check[])[]): readonly Check[] {
  const worst = new Map<string, Check>()
  for (const check of parts.flat()) {
    const known = worst.get(check.name)
    if (!known || LEVELS.indexOf(check.level) < LEVELS.indexOf(known.level)) worst.set(check.name, check)
  }
  return [...worst.values()]
}

async function examineNode(
  topic: Topic,
  node: RedisNode,
  backend: RedisBackend,
  { isCache, now }: { readonly isCache: boolean; readonly now: () => number },
): Promise<readonly Check[]> {
  const facts = await factsOf(node, backend)
  const addresses = await addressesIn(node)
  const stored = isCache
    ? []
    : [durabilityCheck(topic, facts), persistenceCheck(topic, facts), ...replicas(topic, facts)]
  return [
    redisVersionCheck(topic, facts.server, versionIn(facts)),
    ...stored,
    evictionCheck(topic, facts, isCache),
    memoryCheck(topic, facts, isCache),
    tls(topic, facts, addresses),
    ...(await accessChecks(topic, node, { ...facts, version: facts.info.get('redis_version') ?? '', addresses })),
    await clock(topic, node, { server: facts.server, now }),
  ]
}

const CONFIGS = [
  'appendonly',
  'appendfsync',
  'no-appendfsync-on-rewrite',
  'save',
  'min-replicas-to-write',
  'min-replicas-max-lag',
  'protected-mode',
  'bind',
]

async function factsOf(node: RedisNode, backend: RedisBackend): Promise<Facts> {
  const info = new Map(
    String(await node('INFO'))
      .split(/\r?\n/)
      .flatMap((line) => {
        const colon = line.indexOf(':')
        return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)] as const] : []
      }),
  )
  // Forbidden, renamed or missing on many managed servers. Then what INFO does not say stays unknown.
  const asked = await Promise.all(
    CONFIGS.map((name) => node('CONFIG', 'GET', name).then(pairs, () => new Map<string, unknown>())),
  )
  const config = (name: string) => {
    const value = asked[CONFIGS.indexOf(name)]?.get(name)
    return value === undefined || value === null ? null : String(value)
  }
  return { server: info.has('valkey_version') ? 'Valkey' : 'Redis', info, config, backend }
}

const versionIn = ({ info }: Facts) => info.get('valkey_version') ?? info.get('redis_version') ?? ''

const NOT_TOLD = 'CONFIG GET is forbidden on this server'

function durabilityCheck(topic: Topic, { server, info, config }: Facts): Check {
  const name = 'redis-durability'
  const mend = 'CONFIG SET appendonly yes, CONFIG SET appendfsync always, CONFIG REWRITE; or the same in redis.conf.'
  const appends = info.get('aof_enabled') ?? (config('appendonly') === 'yes' ? '1' : config('appendonly') && '0')
  if (appends === null || appends === undefined || appends === '')
    return topic.unknown(name, `${server} does not tell whether it has an append-only file.`, mend)
  if (appends === '0' && config('save') === '')
    return topic.amber(name, `${server} writes nothing to the disk: a restart signs everybody out.`, mend)
  if (appends === '0')
    return topic.red(
      name,
      `appendonly is no: after a crash, ${server} has what its last snapshot has, sessions that were ended since included.`,
      mend,
    )
  const [fsync, onRewrite] = [config('appendfsync'), config('no-appendfsync-on-rewrite')]
  if (fsync === null)
    return topic.unknown(
      name,
      `appendonly is yes, and appendfsync is not known: ${NOT_TOLD}.`,
      'Allow CONFIG GET (ACL SETUSER … +config|get), or look for appendfsync always where the server is set up.',
    )
  if (fsync === 'always' && onRewrite === null)
    return topic.unknown(name, `appendfsync is always, and no-appendfsync-on-rewrite is not known: ${NOT_TOLD}.`)
  if (fsync === 'always' && onRewrite === 'yes')
    return topic.amber(
      name,
      'no-appendfsync-on-rewrite is yes: while a file is rewritten, a logout is acknowledged before it is on the disk.',
      'CONFIG SET no-appendfsync-on-rewrite no, and CONFIG REWRITE.',
    )
  if (fsync === 'always') return topic.green(name, 'appendonly is yes, and appendfsync is always.')
  return topic.amber(
    name,
    `appendfsync is ${fsync}: a power cut undoes the last ${fsync === 'everysec' ? 'second' : 'half minute'} of logouts.`,
    'CONFIG SET appendfsync always, and CONFIG REWRITE.',
  )
}

function persistenceCheck(topic: Topic, { server, info }: Facts): Check {
  const name = 'redis-persistence'
  const statuses = ['aof_last_write_status', 'aof_last_bgrewrite_status', 'rdb_last_bgsave_status']
  const failed = statuses.filter((status) => info.has(status) && info.get(status) !== 'ok')
  const untold = statuses.filter((status) => !info.has(status))
  if (failed.length === 0 && untold.length > 0)
    return topic.unknown(name, `INFO does not tell whether the files could be written (${untold.join(', ')}).`)
  if (failed.length === 0) return topic.green(name, `${server} could write its files the last time that it did.`)
  return topic.red(
    name,
    `${server} could not write its files the last time (${failed.join(', ')}).`,
    'Look into its log, and at the space and the rights of its directory (CONFIG GET dir).',
  )
}

function replicas(topic: Topic, { server, info, config }: Facts): readonly Check[] {
  const role = info.get('role')
  if (role === undefined)
    return [topic.unknown('redis-primary', `INFO does not tell whether this ${server} is a master.`)]
  const isReplica = role === 'slave'
  const primary = isReplica
    ? topic.red(
        'redis-primary',
        `This ${server} is a replica: it still has sessions that were ended a moment ago.`,
        'Name the master in the URL of the store, or the sentinels: redis+sentinel://host:26379/mymaster',
      )
    : topic.green('redis-primary', `This ${server} is a master.`)
  const count = Number(info.get('connected_slaves'))
  const [least, lag] = [config('min-replicas-to-write'), config('min-replicas-max-lag')]
  const mend = 'CONFIG SET min-replicas-to-write 1, CONFIG SET min-replicas-max-lag 5, CONFIG REWRITE.'
  if (isReplica) return [primary]
  if (Number.isNaN(count)) return [primary, topic.unknown('redis-replicas', 'INFO does not tell connected_slaves.')]
  if (count === 0) return [primary, topic.green('redis-replicas', `This ${server} has no replicas to fail over to.`)]
  if (least === null || (Number(least) > 0 && lag === null))
    return [
      primary,
      topic.unknown('redis-replicas', `min-replicas-to-write and -max-lag are not both known: ${NOT_TOLD}.`, mend),
    ]
  // With 0, Redis does not look at the replicas at all.
  if (Number(least) > 0 && lag === '0')
    return [
      primary,
      topic.amber(
        'redis-replicas',
        'min-replicas-max-lag is 0, which turns min-replicas-to-write off: a failover undoes logouts.',
        'CONFIG SET min-replicas-max-lag 5, CONFIG REWRITE.',
      ),
    ]
  if (Number(least) > 0)
    return [primary, topic.green('redis-replicas', `A write needs ${least} of ${count} replicas to be connected.`)]
  return [
    primary,
    topic.amber(
      'redis-replicas',
      `min-replicas-to-write is 0 with ${number(count)} ${count === 1 ? 'replica' : 'replicas'}: a master that was cut off goes on taking logouts, and a failover undoes them.`,
      mend,
    ),
  ]
}

function evictionCheck(topic: Topic, { info, backend }: Facts, isCache: boolean): Check {
  const name = 'redis-eviction'
  const [limit, policy, evicted] = [
    info.get('maxmemory'),
    info.get('maxmemory_policy'),
    Number(info.get('evicted_keys')),
  ]
  if (isCache) return topic.green(name, 'What is evicted here is read again from the durable store.')
  const mend = 'CONFIG SET maxmemory-policy noeviction, CONFIG REWRITE; and give caches a Redis of their own.'
  if (limit === undefined || policy === undefined)
    return topic.unknown(name, 'INFO does not tell maxmemory and maxmemory_policy.', mend)
  if (Number.isNaN(evicted) && (policy === 'noeviction' || limit === '0'))
    return topic.unknown(name, `maxmemory-policy is ${policy} now, and INFO does not tell what was evicted before.`)
  if (policy === 'noeviction' || limit === '0')
    return evicted > 0
      ? topic.amber(
          name,
          `maxmemory-policy is ${policy} now, but ${number(evicted)} keys were evicted since the start: sessions may be among them.`,
          'CONFIG RESETSTAT, to see whether it goes on.',
        )
      : topic.green(name, `Nothing is evicted: maxmemory is ${limit}, maxmemory-policy is ${policy}.`)
  const what = `maxmemory-policy is ${policy}: when ${size(Number(limit))} are used, live sessions are evicted${evicted > 0 ? `, and ${number(evicted)} keys already were` : ''}.`
  return backend.evicts && evicted === 0 ? topic.amber(name, what, mend) : topic.red(name, what, mend)
}

function memoryCheck(topic: Topic, { server, info }: Facts, isCache: boolean): Check {
  const name = 'redis-memory'
  const [limit, used] = [Number(info.get('maxmemory')), Number(info.get('used_memory'))]
  if (!(limit >= 0 && used >= 0)) return topic.unknown(name, 'INFO does not tell maxmemory.')
  if (limit === 0) return topic.green(name, `${server} uses ${size(used)}, and has no limit of its own.`)
  const share = Math.round((used / limit) * 100)
  if (share < 80 || isCache) return topic.green(name, `${server} uses ${share} % of its ${size(limit)}.`)
  return topic.amber(
    name,
    `${server} uses ${share} % of its ${size(limit)}: when it is full, nobody can log in.`,
    'Raise maxmemory (CONFIG SET maxmemory 2gb, CONFIG REWRITE), or shorten the option absolute.',
  )
}

function tls(topic: Topic, { server, backend }: Facts, addresses: Addresses | null): Check {
  if (addresses === null && !backend.tls)
    return topic.unknown('redis-tls', `${server} does not tell where this connection comes from (CLIENT INFO).`)
  return tlsCheck(topic, 'redis-tls', {
    server,
    encrypted: backend.tls,
    reach: addresses === null ? 'private' : reachBetween(addresses.client, addresses.server),
    mend: 'Write rediss:// in the URL of the store; in redis.conf: tls-port 6379, port 0, tls-cert-file, tls-key-file and tls-ca-cert-file.',
  })
}

async function clock(
  topic: Topic,
  node: RedisNode,
  { server, now }: { readonly server: string; readonly now: () => number },
): Promise<Check> {
  const ask = async () => {
    const [seconds, micros] = (await node('TIME')) as [unknown, unknown]
    return Number(seconds) * 1000 + Number(micros) / 1000
  }
  try {
    return await serverClock(topic, { whose: server, now, ask })
  } catch {
    return topic.unknown('clock', `${server} does not tell its time: TIME is forbidden.`)
  }
}
