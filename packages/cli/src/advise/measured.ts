/**
 * The recorded figures that sizing computes with. Each names its place among "All figures" of docs/benchmarks.md; a test compares
 * every one with docs/benchmarks.jsonl, so that the two cannot drift apart.
 */
export interface Figure {
  readonly value: number
  readonly bench: 'storage' | 'scale' | 'sweep' | 'memory' | 'http'
  readonly contender: string
  readonly route: string
  readonly unit: string
  /** Is `value` the figure itself, or how many times that of ten thousand sessions it is? */
  readonly kind: 'value' | 'growth'
}

const SERVER = "µs of the server's processor time"
const ADDED = 'µs of processor more than without a session'

export const OPERATIONS = ['read', 'touch', 'write', 'login', 'logout'] as const
export type Operation = (typeof OPERATIONS)[number]

/** Engines that were measured. Valkey counts as Redis: it was not measured by itself. */
export type MeasuredEngine = 'file' | 'sqlite' | 'postgres' | 'mysql' | 'redis' | 'memcached'
export type MeasuredServer = Exclude<MeasuredEngine, 'file' | 'sqlite'>

const stored = (engine: MeasuredEngine, route: string, unit: string, value: number): Figure => ({
  ...{ value, bench: 'storage', contender: `strongroom ${engine} two-key`, route, unit, kind: 'value' },
})
const size = (engine: MeasuredEngine, count: number, bytes: number, value: number) =>
  stored(engine, `${count} sessions of ${bytes} bytes`, 'bytes per session', value)
const log = (engine: MeasuredEngine, operation: Operation, value: number) =>
  stored(engine, operation, 'bytes of log', value)
const cost = (engine: MeasuredEngine, operation: Operation, value: number) => stored(engine, operation, SERVER, value)
const among = (engine: string, what: string, count: string, value: number, kind: Figure['kind'] = 'value'): Figure => ({
  ...{ value, bench: 'scale', contender: `strongroom ${engine} two-key, no memo`, route: `${what} among ${count}` },
  ...{ unit: SERVER, kind },
})
const added = (contender: string, route: 'read' | 'write', value: number): Figure => ({
  ...{ value, bench: 'http', contender: `strongroom ${contender}`, route, unit: ADDED, kind: 'value' },
})

/** Bytes of a session where it is stored, by the bytes of its data. */
export const SIZES: Readonly<Record<MeasuredEngine, readonly (readonly [bytes: number, Figure])[]>> = {
  file: sizes('file', [4096, 4096, 8192]),
  sqlite: sizes('sqlite', [1086, 2280, 4994]),
  postgres: sizes('postgres', [1230, 2247, 6110]),
  mysql: sizes('mysql', [1311, 1971, 6292]),
  redis: sizes('redis', [1137, 2000, 5972]),
  memcached: sizes('memcached', [732.4, 1501, 4572]),
}

function sizes(engine: MeasuredEngine, [small, usual, large]: readonly [number, number, number]) {
  const at = (count: number, bytes: number, value: number) => [bytes, size(engine, count, bytes, value)] as const
  return [at(20_000, 256, small), at(100_000, 1024, usual), at(20_000, 4096, large)]
}

/** Of a session of 1 KB in the memory of the process. */
export const IN_PROCESS: Figure = {
  ...{ value: 1454, bench: 'memory', contender: 'strongroom memory two-key', route: '100000 sessions' },
  ...{ unit: 'bytes per session', kind: 'value' },
}

/** Bytes that an operation on a session of 1 KB adds to the log. memcached has none. */
export const LOGS: Readonly<Record<Exclude<MeasuredServer, 'memcached'>, Readonly<Record<Operation, Figure>>>> = {
  postgres: logs('postgres', [0, 477.8, 1548, 1921, 96.3]),
  mysql: logs('mysql', [5.442, 347.4, 8088, 1830, 1702]),
  redis: logs('redis', [0, 270, 1465, 1816, 291]),
}

type Five = readonly [read: number, touch: number, write: number, login: number, logout: number]

function logs(engine: MeasuredEngine, [read, touch, write, login, logout]: Five): Record<Operation, Figure> {
  const of = (operation: Operation, value: number) => log(engine, operation, value)
  return {
    ...{ read: of('read', read), touch: of('touch', touch), write: of('write', write) },
    ...{ login: of('login', login), logout: of('logout', logout) },
  }
}

/** Sessions in the store, and what the operation costs the server then. The first is the smallest store. */
export type Costs = readonly (readonly [sessions: number, Figure])[]

const at100k = (engine: MeasuredEngine, operation: Operation, value: number): Costs => [
  [100_000, cost(engine, operation, value)],
]
const THOUSANDS = '10 thousand sessions'
const MILLION = '1 million sessions'
const grown = (
  engine: string,
  what: string,
  [few, million, growth]: readonly [number, number, number],
  most: string,
): Costs => [
  [10_000, among(engine, what, THOUSANDS, few)],
  [1_000_000, among(engine, what, MILLION, million)],
  [10_000_000, among(engine, what, most, growth, 'growth')],
]
const TEN = '10 million sessions'
const TEN_SLIM = '10 million sessions of 200 bytes'

/** µs of the server's processor for one operation, one at a time. Batches under load cost it less. */
export const COSTS: Readonly<Record<MeasuredServer, Readonly<Record<Operation, Costs>>>> = {
  postgres: {
    read: grown('postgres', 'read', [65.65, 74.46, 1 / 0.4966], TEN),
    touch: at100k('postgres', 'touch', 228.2),
    write: grown('postgres', 'write', [215.1, 227.5, 1 / 0.7841], TEN),
    login: grown('postgres', 'login', [239.8, 264.3, 1 / 0.6558], TEN),
    logout: at100k('postgres', 'logout', 354.3),
  },
  mysql: {
    read: at100k('mysql', 'read', 83.03),
    touch: at100k('mysql', 'touch', 274.1),
    write: at100k('mysql', 'write', 330.5),
    login: at100k('mysql', 'login', 383.2),
    logout: at100k('mysql', 'logout', 308.4),
  },
  redis: {
    read: grown('redis', 'read', [29.41, 30.6, 1 / 0.957], TEN_SLIM),
    touch: at100k('redis', 'touch', 117.9),
    write: grown('redis', 'write', [88.72, 90.33, 1 / 0.868], TEN_SLIM),
    login: grown('redis', 'login', [109.2, 111.7, 1 / 1.081], TEN_SLIM),
    logout: at100k('redis', 'logout', 117.5),
  },
  memcached: {
    read: at100k('memcached', 'read', 21.08),
    touch: at100k('memcached', 'touch', 73.69),
    write: at100k('memcached', 'write', 35.11),
    login: at100k('memcached', 'login', 20.13),
    logout: at100k('memcached', 'logout', 27.45),
  },
}

const OURS = 'strongroom postgres two-key, no memo'
/** Of the sweep of Postgres, in batches with pauses. */
export const SWEEP = {
  rate: {
    value: 20_730,
    bench: 'sweep',
    contender: OURS,
    route: 'rows removed per second',
    unit: 'rows/s',
    kind: 'value',
  },
  log: { value: 1580, bench: 'sweep', contender: OURS, route: 'bytes of WAL per row', unit: 'bytes', kind: 'value' },
  cost: among('postgres', 'removal of a session by a sweep', MILLION, 5.38),
} as const satisfies Readonly<Record<string, Figure>>

/** What a session adds to the processor time of a request in the application. */
export const IN_APPLICATION: Readonly<Record<string, Readonly<Record<'read' | 'write', Figure>>>> = {
  memory: { read: added('memory two-key', 'read', 21.32), write: added('memory two-key', 'write', 70.48) },
  file: { read: added('file two-key', 'read', 42.45), write: added('file two-key', 'write', 460.8) },
  sqlite: { read: added('sqlite two-key', 'read', 63.32), write: added('sqlite two-key', 'write', 70.26) },
  postgres: { read: added('postgres two-key', 'read', 7.398), write: added('postgres two-key', 'write', 51.03) },
  mysql: { read: added('mysql two-key', 'read', 5.341), write: added('mysql two-key', 'write', 65.33) },
  redis: { read: added('redis two-key', 'read', -2.909), write: added('redis two-key', 'write', 42.86) },
  memcached: { read: added('memcached two-key', 'read', 11.49), write: added('memcached two-key', 'write', 42.63) },
  cached: { read: added('memory over postgres', 'read', 28.03), write: added('memory over postgres', 'write', 94.27) },
  cookie: { read: added('cookie sealed', 'read', 18.15), write: added('cookie sealed', 'write', 68.61) },
}

/** "docs/benchmarks.md: strongroom postgres two-key, read". */
export const sourceOf = ({ contender, route }: Figure) => `docs/benchmarks.md: ${contender}, ${route}`

/** Every figure, for the test that compares them with what was recorded. */
export const allFigures = (): Figure[] => [
  ...Object.values(SIZES).flatMap((points) => points.map(([, figure]) => figure)),
  IN_PROCESS,
  ...Object.values(LOGS).flatMap((each) => Object.values(each)),
  ...Object.values(COSTS).flatMap((each) =>
    Object.values(each).flatMap((points) => points.map(([, figure]) => figure)),
  ),
  ...Object.values(SWEEP),
  ...Object.values(IN_APPLICATION).flatMap((each) => Object.values(each)),
]
