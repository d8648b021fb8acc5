import type { Answers } from './answers.ts'
import { type Candidate, type Leaf, leavesOf } from './candidates.ts'
import { type Limit, type Load, loadOf } from './load.ts'
import {
  type Figure,
  IN_APPLICATION,
  LOGS,
  type MeasuredServer,
  OPERATIONS,
  type Operation,
  SWEEP,
  sourceOf,
} from './measured.ts'
import { bytesStored, logBytes, serverCost } from './model.ts'
import { whatNext } from './next.ts'
import { amount, bytesText, rounded } from './numbers.ts'
import { announces } from './requirements.ts'

/** One step of the arithmetic: what = formula = shown. */
export interface Line {
  readonly what: string
  readonly formula: string
  readonly value: number
  readonly unit: string
  /** The value as it is printed, with its unit. */
  readonly shown: string
  /** Where the figures come from; null for arithmetic alone. */
  readonly source: string | null
}

/** How much of a server the sessions need, line by line, and whether one is enough. */
export interface Sizing {
  readonly engine: string
  readonly lines: readonly Line[]
  readonly limits: readonly Limit[]
  /** Is one server of this kind enough? */
  readonly enough: boolean
  /** Where it is not: can the sessions be spread over several servers? */
  readonly spreads: boolean
  /** Requests per second, in the same mixture, up to which it would be. Null where no server is asked. */
  readonly upTo: number | null
  /** What to do when it is not, or is soon not. */
  readonly next: readonly string[]
}

/** The rest of a processor is for vacuum, checkpoints, backups and peaks. */
const BUSY = 0.6
/** The rest of the memory is for the copy that Redis makes when it rewrites its file, and for fragments. */
const FULL = 0.6
const POOL = 10
/** Of the servers, by default. */
const CONNECTIONS: Readonly<Record<MeasuredServer, number>> = {
  postgres: 100,
  mysql: 151,
  redis: 10_000,
  memcached: 1024,
}
const THREADS: Readonly<Partial<Record<MeasuredServer, number>>> = { redis: 1, memcached: 4 }

/** What an engine needs for the load in the answers; null where they say too little. */
export function sizingFor(candidate: Candidate, answers: Answers): Sizing | null {
  const load = loadOf(answers)
  if (load === null) return null
  const { shape } = candidate
  const decisive = shape.kind === 'cached' ? shape.durable : (leavesOf(shape)[0] ?? null)
  const inStore =
    shape.kind === 'cookie'
      ? revocationsOnly(load)
      : shape.kind === 'cached'
        ? behindCache(candidate, answers, load)
        : { load, lines: [] }
  const server = serverOf(decisive)
  const parts = [
    operations(load, answers),
    inStore.lines,
    decisive === null ? [] : room(decisive, { answers, load, isWhole: shape.kind !== 'cookie' }),
    shape.kind === 'cached' ? cacheRoom(shape.cache, answers, load) : [],
    server ? serverLines(server, { answers, load: inStore.load, candidate }) : [],
    decisive === null ? [] : sweepLines(decisive, load),
    applicationLines(candidate, load),
  ].flat()
  const limits = server ? limitsOf(server, parts, answers) : []
  const over = limits.filter(({ what, share, most }) => what !== 'connections' && share > most)
  const processor = limits.find(({ what }) => what === 'processor')
  const upTo =
    processor && processor.share > 0 && load.requests > 0 ? (load.requests * processor.most) / processor.share : null
  return {
    ...{ engine: candidate.engine, lines: parts, limits, enough: over.length === 0, upTo },
    spreads: server === 'redis' || server === 'memcached',
    next: whatNext(candidate, { answers, load, limits, upTo }),
  }
}

function serverOf(leaf: Leaf | null): MeasuredServer | null {
  if (leaf === 'valkey') return 'redis'
  return leaf === 'postgres' || leaf === 'mysql' || leaf === 'redis' || leaf === 'memcached' ? leaf : null
}

function line(what: string, formula: string, value: number, unit: string, figure: Figure | string | null = null): Line {
  const source = figure === null || typeof figure === 'string' ? figure : sourceOf(figure)
  const shown = unit.startsWith('B') ? `${bytesText(value)}${unit.slice(1)}` : `${amount(value)}${unit && ` ${unit}`}`
  return { what, formula, value, unit, shown, source }
}

const perSecond = (what: string, formula: string, value: number, source: string | null = null) =>
  line(what, formula, value, 'a second', source)

function operations(
  { sessions, perSecond: each, requests }: Load,
  { writes, idle, lifetime, sessions: given, logins }: Answers,
): Line[] {
  const minutes = (ms: number) => `${amount(ms / 60_000)} min`
  const begin = logins === null ? `${amount(sessions)} sessions ÷ ${minutes(lifetime)}` : 'as answered'
  return [
    ...(given === null
      ? [line('sessions at a time', `${amount(logins ?? 0)} logins a second × ${minutes(lifetime)}`, sessions, '')]
      : []),
    perSecond('logins', begin, each.login),
    ...(requests === 0
      ? []
      : [
          perSecond('reads', 'one for each request that uses its session', each.read, 'docs/operations.md'),
          perSecond('writes', `${amount(requests)} requests × ${writes} %`, each.write),
          perSecond(
            'touches, at most',
            `requests that only read, or ${amount(sessions)} sessions ÷ (${minutes(idle)} ÷ 10)`,
            each.touch,
            'docs/lifetimes.md: one for a tenth of the idle limit',
          ),
        ]),
  ]
}

/** Cookies ask their store only for tombstones and epochs: two reads for a request. Moving a deadline is a touch of the cookie. */
function revocationsOnly(load: Load): { load: Load; lines: Line[] } {
  const read = load.requests * 2 + load.perSecond.write * 2
  const lines = [
    perSecond(
      'reads of revocations',
      '2 for each request, and 2 more for each that writes',
      read,
      'docs/cookie.md: the cost',
    ),
  ]
  return { load: { ...load, perSecond: { read, touch: 0, write: 0, login: 0, logout: load.perSecond.login } }, lines }
}

/** ms for which a copy is used: what the configuration says, or the default. */
const maxAgeOf = ({ shape }: Candidate) =>
  shape.kind === 'cached' && shape.cache === 'memory' && announces(shape) ? 300_000 : 10_000

/** If requests are spread evenly over the sessions, which is the worst case: real visitors come in bursts. */
function behindCache(candidate: Candidate, { servers, processes }: Answers, load: Load): { load: Load; lines: Line[] } {
  const { shape } = candidate
  const caches = shape.kind === 'cached' && shape.cache === 'memory' ? servers * processes : 1
  const maxAge = maxAgeOf(candidate)
  const visits = load.sessions > 0 ? ((load.requests / load.sessions) * maxAge) / 1000 / caches : 0
  const missed = Math.exp(-visits)
  const read = load.perSecond.read * missed
  const spread = `${amount(load.requests)} ÷ ${amount(load.sessions)} × ${maxAge / 1000} s${caches > 1 ? ` ÷ ${caches} processes` : ''}`
  const lines = [
    perSecond(
      'reads that miss the cache',
      `${amount(load.perSecond.read)} × e^−(${spread})`,
      read,
      'docs/cached.md: maxAge',
    ),
  ]
  return { load: { ...load, perSecond: { ...load.perSecond, read } }, lines }
}

interface Room {
  readonly answers: Answers
  readonly load: Load
  /** Does the store have the sessions, and not only tombstones? */
  readonly isWhole: boolean
}

function room(leaf: Leaf, { answers, load, isWhole }: Room): Line[] {
  const engine = serverOf(leaf) ?? (leaf as 'memory' | 'file' | 'sqlite')
  if (!isWhole) return []
  const { value, figure } = bytesStored(engine, answers.bytes)
  const all = load.sessions * value
  const inMemory = engine === 'redis' || engine === 'memcached' || engine === 'memory'
  const lines = [
    line('a session, stored', `${amount(answers.bytes)} bytes of data, with its indexes`, value, 'B', figure),
  ]
  lines.push(line(inMemory ? MEMORY : DISK, `${amount(load.sessions)} sessions × ${amount(value)} bytes`, all, 'B'))
  if (engine === 'redis') {
    const each = logBytes('redis', 'login', answers.bytes)
    const formula = `2 × ${amount(load.sessions)} × ${amount(each.value)} bytes, before it is rewritten`
    lines.push(line('disk, append-only file', formula, 2 * load.sessions * each.value, 'B', each.figure))
  }
  return lines
}

const MEMORY = 'memory'
const DISK = 'disk'

function cacheRoom(cache: Leaf, answers: Answers, load: Load): Line[] {
  const engine = serverOf(cache) ?? 'memory'
  const { value, figure } = bytesStored(engine, answers.bytes)
  const most = engine === 'memory' ? Math.min(load.sessions, MOST_IN_MEMORY) : load.sessions
  const what = engine === 'memory' ? 'memory of each process, for copies' : `memory of ${cache}, for copies`
  return [line(what, `${amount(most)} copies × ${amount(value)} bytes`, most * value, 'B', figure)]
}

/** `memory({ max })`, by default. */
const MOST_IN_MEMORY = 100_000

interface OnServer {
  readonly answers: Answers
  readonly load: Load
  readonly candidate: Candidate
}

function serverLines(server: MeasuredServer, { answers, load, candidate }: OnServer): Line[] {
  return [
    ...connectionLines(server, candidate, answers),
    ...processorLines(server, load),
    ...logLines(server, load, answers),
  ]
}

function connectionLines(server: MeasuredServer, { shape }: Candidate, { servers, processes }: Answers): Line[] {
  const all = servers * processes
  const isPool = server === 'postgres' || server === 'mysql'
  const each = (isPool ? POOL : 1) + (announces(shape) ? 1 : 0)
  const formula = `${servers} servers × ${processes} processes × ${each}${announces(shape) ? ' (1 listens)' : ''}`
  return [
    line(
      'connections, at most',
      formula,
      all * each,
      '',
      isPool ? `docs/${server}.md: the store's own pool` : `docs/${server}.md`,
    ),
  ]
}

const PLURAL: Readonly<Record<Operation, string>> = {
  ...{ read: 'reads', touch: 'touches', write: 'writes', login: 'logins', logout: 'logouts' },
}

function processorLines(server: MeasuredServer, load: Load): Line[] {
  const used = OPERATIONS.filter((operation) => load.perSecond[operation] > 0)
  const each = used.map((operation) => {
    const { value, figure } = serverCost(server, operation, load.sessions)
    const count = load.perSecond[operation]
    return line(
      `processor, ${PLURAL[operation]}`,
      `${amount(count)} × ${amount(value)} µs`,
      (count * value) / 1e6,
      'processors',
      figure,
    )
  })
  const swept = server === 'postgres' || server === 'mysql' ? load.expired : 0
  if (swept > 0)
    each.push(
      line(
        'processor, sweep',
        `${amount(swept)} × ${amount(SWEEP.cost.value)} µs`,
        (swept * SWEEP.cost.value) / 1e6,
        'processors',
        SWEEP.cost,
      ),
    )
  const sum = each.reduce((total, { value }) => total + value, 0)
  return [...each, line(PROCESSOR, each.map(({ value }) => rounded(value)).join(' + '), sum, 'processors')]
}

const PROCESSOR = 'processor of the server'

function logLines(server: MeasuredServer, load: Load, { bytes }: Answers): Line[] {
  if (server === 'memcached') return []
  const used = OPERATIONS.filter((operation) => load.perSecond[operation] > 0 && LOGS[server][operation].value > 0)
  const parts = used.map((operation) => {
    const { value, figure } = logBytes(server, operation, bytes)
    return {
      value: load.perSecond[operation] * value,
      text: `${amount(load.perSecond[operation])} × ${amount(value)}`,
      figure,
    }
  })
  if (server === 'postgres' && load.expired > 0)
    parts.push({
      value: load.expired * SWEEP.log.value,
      text: `${amount(load.expired)} × ${amount(SWEEP.log.value)} (sweep)`,
      figure: SWEEP.log,
    })
  const sum = parts.reduce((total, { value }) => total + value, 0)
  const sources = [...new Set(parts.map(({ figure }) => figure.contender))].join('; ')
  return [
    line(
      LOG_NAMES[server],
      parts.map(({ text }) => text).join(' + '),
      sum,
      'B a second',
      `docs/benchmarks.md: ${sources}, bytes of log`,
    ),
  ]
}

const LOG_NAMES = { postgres: 'write-ahead log', mysql: 'redo log', redis: 'append-only file' } as const

function sweepLines(leaf: Leaf, { expired, sessions }: Load): Line[] {
  if (leaf === 'redis' || leaf === 'valkey' || leaf === 'memcached')
    return [perSecond('a sweep must remove', 'nothing: records expire by themselves', 0, `docs/${serverOf(leaf)}.md`)]
  const lines = [perSecond('a sweep must remove', 'as many records as sessions begin', expired)]
  if (leaf !== 'postgres') return lines
  const formula = `${amount(expired)} × 3,600 s ÷ ${amount(SWEEP.rate.value)} a second, of ${amount(Math.min(expired * 3600, sessions))}`
  return [...lines, line('an hourly sweep takes', formula, (expired * 3600) / SWEEP.rate.value, 's', SWEEP.rate)]
}

function applicationLines({ shape }: Candidate, { requests, perSecond: each }: Load): Line[] {
  const key = shape.kind === 'store' ? (serverOf(shape.store) ?? shape.store) : shape.kind
  const figures = IN_APPLICATION[key]
  if (!figures || requests === 0) return []
  // Batches make some reads cheaper than no session at all, within what can be measured.
  const [read, write] = [Math.max(0, figures.read.value), Math.max(0, figures.write.value)]
  const formula = `${amount(requests - each.write)} × ${amount(read)} µs + ${amount(each.write)} × ${amount(write)} µs`
  const value = ((requests - each.write) * read + each.write * write) / 1e6
  return [line('processor of the application', formula, value, 'processors', figures.write)]
}

function limitsOf(server: MeasuredServer, lines: readonly Line[], { cores, memory }: Answers): Limit[] {
  const find = (what: string) => lines.find((each) => each.what === what)?.value ?? 0
  const usable = Math.min(cores, THREADS[server] ?? cores)
  const holds = server === 'redis' || server === 'memcached'
  return [
    { what: 'processor', share: find(PROCESSOR) / usable, most: BUSY },
    ...(holds ? [{ what: 'memory', share: find(MEMORY) / (memory * 2 ** 30), most: FULL } as const] : []),
    { what: 'connections', share: find('connections, at most') / CONNECTIONS[server], most: 1 },
  ]
}
