import { countingBars } from '../counting/table.ts'
import { type Figure, find, median } from '../figures.ts'
import type { Route } from '../http/contender.ts'
import { isOurs, NO_SESSION } from '../http/contenders.ts'
import { ALLOCATED, COST, timesUnit } from '../http/figures.ts'
import { DECRYPT, ENCRYPT, OPEN, SEAL } from '../micro/sealing.ts'
import { UNITS } from '../scale/cost.ts'
import { LONGEST, P99 } from '../sweep.ts'
import { TRIPS } from '../trips.ts'

/** A target, and what was measured. */
export interface Bar {
  readonly what: string
  /** What the value is compared with; null for a fixed bound. */
  readonly comparedWith: string | null
  /** The value is to be at most this. */
  readonly bound: number
  /** What is hoped for beyond the bound; it decides nothing. */
  readonly aim?: number
  readonly unit: '×' | 'KB' | 'µs' | 'ms' | 'round trips'
  /** Null if this run did not measure it. */
  readonly value: number | null
}

export const passes = ({ value, bound }: Bar): boolean | null => (value === null ? null : value <= bound)

type Request = readonly [contender: string, route: Route]

/** The processor time of one request divided by that of another, each with its bar and its aim. */
const RATIOS: readonly (readonly [request: Request, comparedWith: Request, bound: number, aim?: number])[] = [
  [['strongroom memory none', 'write'], ['strongroom memory none', 'read'], 1.45, 1.3],
  [['strongroom memory two-key', 'write'], ['strongroom memory none', 'write'], 1.4, 1.25],
  [['strongroom redis two-key', 'write'], ['express-session + connect-redis', 'write'], 0.55, 0.45],
  [['strongroom redis two-key, no memo', 'read'], ['express-session + connect-redis', 'read'], 0.5, 0.42],
  [['strongroom redis two-key', 'read'], ['express-session + connect-redis', 'read'], 0.37, 0.33],
  [['strongroom cookie sealed', 'write'], ['cookie-session', 'write'], 0.6, 0.5],
  [['strongroom memory none', 'read'], ['limit: memory', 'read'], 1.1, 1],
  [['strongroom memory two-key', 'read'], ['limit: memory', 'read'], 1.1, 1],
  [['strongroom redis two-key', 'read'], ['limit: redis', 'read'], 1.1, 1],
]

/**
 * KB of V8's heap for one request, of which Express and Node take 11 without a session. Before a write over memory was synchronous
 * and the scripts of Redis took packed arguments, these were 17, 31.5 and 47.5.
 */
const ALLOCATIONS: readonly (readonly [request: Request, bound: number])[] = [
  [['strongroom memory none', 'read'], 18],
  [['strongroom memory none', 'write'], 25],
  [['strongroom redis two-key', 'write'], 33],
]

const MORE_RATIOS: typeof RATIOS = [
  [['strongroom redis two-key on Fastify', 'read'], ['@fastify/session + redis', 'read'], 0.67],
  [['drop-in + redis', 'read'], ['express-session + connect-redis', 'read'], 0.67],
  [['drop-in + redis', 'write'], ['express-session + connect-redis', 'write'], 0.83],
  [['drop-in + connect-redis', 'read'], ['express-session + connect-redis', 'read'], 0.67],
  [['drop-in + connect-redis', 'write'], ['express-session + connect-redis', 'write'], 0.83],
  [['strongroom file two-key', 'read'], ['limit: file', 'read'], 1.33],
  [['strongroom sqlite two-key', 'read'], ['limit: sqlite', 'read'], 1.33],
  [['strongroom cookie sealed', 'read'], ['limit: cookie', 'read'], 1.33],
  [['strongroom postgres two-key', 'read'], ['limit: postgres', 'read'], 1.33],
  [['strongroom mysql two-key', 'read'], ['limit: mysql', 'read'], 1.33],
  [['strongroom memory over postgres', 'read'], ['limit: memory', 'read'], 1.18],
  [['strongroom memory over redis', 'read'], ['limit: memory', 'read'], 1.18],
  [['strongroom memory none', 'read'], ['express-session + memory', 'read'], 0.4],
  [['strongroom cookie sealed', 'read'], ['iron-session', 'read'], 0.33],
  [['strongroom memory none', 'write'], ['express-session + memory', 'write'], 0.5],
  [['strongroom file two-key', 'write'], ['express-session + session-file-store', 'write'], 0.5],
  [['strongroom sqlite two-key', 'write'], ['express-session + sqlite', 'write'], 0.5],
  [['strongroom postgres two-key', 'read'], ['express-session + connect-pg-simple', 'read'], 0.25],
  [['strongroom postgres two-key', 'write'], ['express-session + connect-pg-simple', 'write'], 0.5],
  [['strongroom mysql two-key', 'write'], ['express-session + express-mysql-session', 'write'], 0.5],
]

export function barsOf(figures: readonly Figure[]): Bar[] {
  const ratio = ([[name, route], [other, otherRoute], bound, aim]: (typeof RATIOS)[number]): Bar => ({
    what: `${route}, ${name}`,
    comparedWith: `${otherRoute}, ${other}`,
    bound,
    ...(aim !== undefined && { aim }),
    unit: '×',
    value: find(figures, name, route, timesUnit(other, otherRoute))?.value ?? null,
  })
  const allocation = ([[name, route], bound]: (typeof ALLOCATIONS)[number]): Bar => ({
    what: `allocated by a ${route}, ${name}`,
    comparedWith: null,
    bound,
    unit: 'KB',
    value: quotient(find(figures, name, route, ALLOCATED)?.value, 1000),
  })
  return [
    ...RATIOS.map(ratio),
    ...ALLOCATIONS.map(allocation),
    untouched(figures),
    ...MORE_RATIOS.map(ratio),
    ...seals(figures),
    ...countingBars(figures),
    ...trips(figures),
    ...sweeps(figures),
    ...scales(figures),
  ]
}

/** The same work whatever the engine, so the median of all of them is more precise than any one. */
function untouched(figures: readonly Figure[]): Bar {
  const ratios = figures
    .filter(({ route, unit, contender }) => route === 'untouched' && unit === COST && isOurs(contender))
    .flatMap(({ ratioToLimit }) => (ratioToLimit === null ? [] : [1 / ratioToLimit]))
  return {
    what: 'untouched, strongroom (all engines)',
    comparedWith: NO_SESSION,
    bound: 1.03,
    unit: '×',
    value: ratios.length > 0 ? median(ratios) : null,
  }
}

function seals(figures: readonly Figure[]): Bar[] {
  const time = (route: string) => find(figures, 'strongroom', route)?.value
  return (
    [
      ['sealed read of 1 KB', OPEN, 8, DECRYPT],
      ['sealed write of 1 KB', SEAL, 10, ENCRYPT],
    ] as const
  ).flatMap(([what, mine, bound, cipher]): Bar[] => [
    { what, comparedWith: null, bound, unit: 'µs', value: time(mine) ?? null },
    { what, comparedWith: cipher, bound: 3, unit: '×', value: quotient(time(mine), time(cipher)) },
  ])
}

/**
 * Each request that asks for its session reads it once; what else it does is added. A login also reads whether all sessions of the
 * user have been ended, when it begins and once it is stored.
 */
const TRIPS_OF = { untouched: 0, read: 1, write: 1 + 1, login: 1 + 3, logout: 1 + 1 } as const

function trips(figures: readonly Figure[]): Bar[] {
  return figures
    .filter(({ unit, contender }) => unit === TRIPS && isOurs(contender))
    .map(({ contender, route, value }) => ({
      what: `${route}, ${contender}`,
      comparedWith: null,
      bound: TRIPS_OF[route as keyof typeof TRIPS_OF],
      unit: 'round trips',
      // The pool may open another connection in the meantime.
      value: Math.round(value),
    }))
}

function sweeps(figures: readonly Figure[]): Bar[] {
  const ours = figures.filter(({ bench, contender }) => bench === 'sweep' && isOurs(contender))
  return ours.flatMap(({ route, value, ratioToLimit }): Bar[] => {
    if (route === LONGEST) return [{ what: `${route} of a sweep`, comparedWith: null, bound: 1000, unit: 'ms', value }]
    if (ratioToLimit === 1 || ratioToLimit === null || !route.startsWith(P99)) return []
    return [{ what: route, comparedWith: 'no sweep', bound: 2, unit: '×', value: 1 / ratioToLimit }]
  })
}

/** Processor time is what grows if something is not found by an index. Sweeps of few sessions are too short to compare with. */
function scales(figures: readonly Figure[]): Bar[] {
  const compared = figures.filter(
    ({ bench, unit, ratioToLimit, route }) =>
      bench === 'scale' && unit === UNITS.server && ratioToLimit !== 1 && /^(?:read|write|login) among/.test(route),
  )
  return compared.map(({ contender, route, ratioToLimit }) => ({
    what: `${route}, ${contender}`,
    comparedWith: 'few sessions',
    bound: 1.3,
    unit: '×',
    value: 1 / (ratioToLimit as number),
  }))
}

const quotient = (a: number | undefined, b: number | undefined) => (a === undefined || b === undefined ? null : a / b)
