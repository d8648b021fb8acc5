import type { Answers } from './answers.ts'
import type { Candidate } from './candidates.ts'
import type { Limit, Load } from './load.ts'
import { SWEEP } from './measured.ts'
import { amount, percent } from './numbers.ts'

interface Sized {
  readonly answers: Answers
  readonly load: Load
  readonly limits: readonly Limit[]
  readonly upTo: number | null
}

/** What to do where one server is not enough; and for how long it will be, where it is. */
export function whatNext(candidate: Candidate, sized: Sized): string[] {
  const { limits } = sized
  const over = limits.filter(({ share, most }) => share > most)
  const { shape } = candidate
  const decisive = shape.kind === 'store' ? shape.store : shape.kind === 'cached' ? shape.durable : shape.revocations
  return [
    ...(limits.length > 0 ? [reach(sized)] : []),
    ...over.flatMap((limit) => BY_ENGINE[decisive ?? 'memory']?.(limit, candidate, sized) ?? []),
    ...(decisive === 'postgres' || decisive === 'mysql' ? sweeping(sized.load) : []),
    ...(over.some(({ what }) => what === 'processor') ? touching(sized) : []),
  ]
}

function reach({ limits, upTo, load, answers }: Sized): string {
  const machines = limits.filter(({ what }) => what !== 'connections')
  const tightest = machines.toSorted((a, b) => b.share / b.most - a.share / a.most)[0] as Limit
  const { what, share, most } = tightest
  const used = `it uses ${percent(share)} of the ${what === 'processor' ? 'processors' : what} (at most ${percent(most)} should be used)`
  const machine = `${amount(answers.cores)} processors and ${amount(answers.memory)} GB`
  if (share > most) return `One server with ${machine} is not enough: ${used}.`
  const until =
    upTo === null ? '' : `, up to about ${amount(Number(upTo.toPrecision(2)))} requests a second in this mixture`
  const beyond = load.sessions > MEASURED ? ' Nothing was measured beyond ten million sessions.' : ''
  return `One server with ${machine} is enough${until}: ${used}.${beyond}`
}

const MEASURED = 10_000_000

type Mend = (limit: Limit, candidate: Candidate, sized: Sized) => string[]

const database: Mend = ({ what }, { shape }, { answers, load }) => {
  if (what === 'connections') {
    const pooler = 'put pgbouncer (for MySQL, ProxySQL) between'
    const each = Math.floor(90 / (answers.servers * answers.processes))
    // With one connection for each process there would still be too many, and the last processes to start would get none.
    if (each === 0)
      return [
        `Set max=1 in the URL, and ${pooler}: even so, ${amount(answers.servers * answers.processes)} processes are too many for what a server takes by default.`,
      ]
    return [`Set max=${each} in the URL, or ${pooler}: more connections do not make a database faster.`]
  }
  const { read, write, touch } = load.perSecond
  const isReading = shape.kind !== 'cached' && read > write + touch
  return [
    ...(isReading
      ? ['Put a cache in front (cached): reads are most of the work, and the database still decides.']
      : []),
    `For more writes than one primary can do, move to Redis Cluster: npx @strongroom/cli move. Sessions are never read from replicas, so replicas do not help.`,
  ]
}

const cluster: Mend = ({ what, share, most }, _candidate, { answers }) => {
  if (what === 'connections') return ['Raise maxclients.']
  const masters = Math.max(3, Math.ceil(share / most))
  return [
    `Use Redis Cluster (or Valkey's) with ${masters} masters of ${amount(answers.memory)} GB, each with a replica: a session is on one of them, by its id. The URL is redis+cluster://host:6379,host:6379.`,
  ]
}

const BY_ENGINE: Readonly<Record<string, Mend>> = {
  postgres: database,
  mysql: database,
  redis: cluster,
  valkey: cluster,
  memcached: ({ what, share, most }) =>
    what === 'connections'
      ? ['Raise -c.']
      : [`Run ${Math.ceil(share / most)} memcached servers: sessions are spread over them.`],
}

/** Where a sweep is busy most of the time, the first idea is to drop whole partitions. It was measured, and is no way out. */
function sweeping({ expired }: Load): string[] {
  const share = expired / SWEEP.rate.value
  if (share < 0.5) return []
  return [
    `A sweep is busy ${percent(Math.min(share, 1))} of the time: run it in several processes (they skip each other's rows), and all the time (sweep: '1m').`,
    'Partitions by deadline are no way out: PostgreSQL then refuses to create sessions, and a read takes twice as long. Partitions by hash of the id work (docs/postgres.md).',
  ]
}

/** The idle limit decides how many there are, and can be changed. */
function touching({ load: { perSecond, requests }, answers: { idle } }: Sized): string[] {
  if (perSecond.touch < requests / 2) return []
  const minutes = amount(idle / 60_000)
  return [
    `Most requests move a deadline (touches): a longer idle limit than ${minutes} min makes fewer, because one is due after a tenth of it.`,
  ]
}
