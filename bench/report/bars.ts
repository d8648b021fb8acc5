import { type Figure, find, median } from '../figures.ts'
import { contenderOf, NO_SESSION } from '../http/contenders.ts'
import { COST, PER_SECOND } from '../http/run.ts'
import { DECRYPT, ENCRYPT, OPEN, SEAL } from '../micro/sealing.ts'
import { UNITS } from '../scale/cost.ts'
import { LONGEST, P99 } from '../sweep.ts'
import { TRIPS } from '../trips.ts'

/** A target, and what was measured. */
export interface Bar {
  readonly what: string
  /** What the value is compared with; null for a fixed bound. */
  readonly comparedWith: string | null
  readonly bound: number
  readonly sense: 'at least' | 'at most'
  readonly unit: '%' | '×' | 'µs' | 'ms' | 'round trips'
  /** Null if this run did not measure it. */
  readonly value: number | null
  /** The same by the server's processor time, which other programs affect less. For information; it decides nothing. */
  readonly byCost: number | null
  /** The same for the limit: the driver's bare read or write. */
  readonly ofLimit?: number | null
  /** The same for an application without any session: on this machine, no session library can reach more. */
  readonly atBest?: number | null
}

export const passes = ({ value, bound, sense }: Bar): boolean | null =>
  value === null ? null : sense === 'at least' ? value >= bound : value <= bound

type Common = Pick<Bar, 'what' | 'comparedWith' | 'bound'>

export function barsOf(figures: readonly Figure[]): Bar[] {
  const share = (common: Common, contender: string): Bar => ({
    ...common,
    sense: 'at least',
    unit: '%',
    value: percent(find(figures, contender, 'read', PER_SECOND)?.ratioToLimit),
    byCost: percent(find(figures, contender, 'read', COST)?.ratioToLimit),
  })
  const times = (common: Common, route: string, ours: string, theirs: string): Bar => {
    const [mine, other] = [ours, theirs].map((name) => find(figures, name, route, PER_SECOND)?.value)
    const [myCost, otherCost] = [ours, theirs].map((name) => find(figures, name, route, COST)?.value)
    return {
      ...common,
      sense: 'at least',
      unit: '×',
      value: quotient(mine, other),
      byCost: quotient(otherCost, myCost),
      ofLimit: quotient(find(figures, contenderOf(ours).limit, route, PER_SECOND)?.value, other),
      atBest: quotient(find(figures, NO_SESSION, 'untouched', PER_SECOND)?.value, other),
    }
  }
  return [
    ...LIMITS.map(([contender, bound]) =>
      share({ what: `read, ${contender}`, comparedWith: contenderOf(contender).limit, bound }, contender),
    ),
    untouched(figures),
    ...PEERS.map(([route, ours, theirs, bound]) =>
      times({ what: `${route}, ${ours}`, comparedWith: theirs, bound }, route, ours, theirs),
    ),
    ...seals(figures),
    ...trips(figures),
    ...sweeps(figures),
    ...scales(figures),
  ]
}

const LIMITS = [
  ['strongroom memory none', 85],
  ['strongroom memory two-key', 85],
  ['strongroom file two-key', 75],
  ['strongroom sqlite two-key', 75],
  ['strongroom cookie sealed', 75],
  ['strongroom postgres two-key', 75],
  ['strongroom mysql two-key', 75],
  ['strongroom redis two-key', 75],
  ['strongroom memory over postgres', 85],
  ['strongroom memory over redis', 85],
] as const

const PEERS = [
  ['read', 'strongroom memory none', 'express-session + memory', 2.5],
  ['read', 'strongroom cookie sealed', 'iron-session', 3],
  ['write', 'strongroom memory none', 'express-session + memory', 2],
  ['write', 'strongroom file two-key', 'express-session + file', 2],
  ['write', 'strongroom sqlite two-key', 'express-session + sqlite', 2],
  ['read', 'strongroom redis two-key', 'express-session + connect-redis', 2],
  ['read', 'strongroom postgres two-key', 'express-session + connect-pg-simple', 4],
  ['write', 'strongroom redis two-key', 'express-session + connect-redis', 2],
  ['write', 'strongroom postgres two-key', 'express-session + connect-pg-simple', 2],
  ['write', 'strongroom mysql two-key', 'express-session + express-mysql-session', 2],
] as const

/** The same work whatever the engine, so the median of all of them is more precise than any one. */
function untouched(figures: readonly Figure[]): Bar {
  const middle = (unit: string) => {
    const ratios = figures
      .filter((figure) => figure.route === 'untouched' && figure.unit === unit)
      .filter(({ contender }) => contender.startsWith('strongroom'))
      .map(({ ratioToLimit }) => ratioToLimit as number)
    return ratios.length > 0 ? percent(median(ratios)) : null
  }
  const [what, comparedWith] = ['untouched, strongroom (all engines)', NO_SESSION]
  const [value, byCost] = [middle(PER_SECOND), middle(COST)]
  return { what, comparedWith, bound: 97, sense: 'at least', unit: '%', value, byCost }
}

function seals(figures: readonly Figure[]): Bar[] {
  const common = { sense: 'at most', byCost: null } as const
  const time = (route: string) => find(figures, 'strongroom', route)?.value
  return (
    [
      ['sealed read of 1 KB', OPEN, 8, DECRYPT],
      ['sealed write of 1 KB', SEAL, 10, ENCRYPT],
    ] as const
  ).flatMap(([what, mine, bound, cipher]) => [
    { ...common, what, comparedWith: null, bound, unit: 'µs', value: time(mine) ?? null },
    { ...common, what, comparedWith: cipher, bound: 3, unit: '×', value: quotient(time(mine), time(cipher)) },
  ])
}

/** Each request that asks for its session reads it once; what else it does is added. */
const TRIPS_OF = { untouched: 0, read: 1, write: 1 + 1, login: 1 + 2, logout: 1 + 1 } as const

function trips(figures: readonly Figure[]): Bar[] {
  return figures
    .filter(
      ({ unit, contender }) => unit === TRIPS && contender.startsWith('strongroom') && !contender.endsWith('no memo'),
    )
    .map(({ contender, route, value }) => ({
      what: `${route}, ${contender}`,
      comparedWith: null,
      bound: TRIPS_OF[route as keyof typeof TRIPS_OF],
      sense: 'at most',
      unit: 'round trips',
      // The pool may open another connection in the meantime.
      value: Math.round(value),
      byCost: null,
    }))
}

function sweeps(figures: readonly Figure[]): Bar[] {
  const ours = figures.filter(({ bench, contender }) => bench === 'sweep' && contender.startsWith('strongroom'))
  const common = { sense: 'at most', byCost: null } as const
  return ours.flatMap(({ route, value, ratioToLimit }): Bar[] => {
    const inverse = ratioToLimit === null ? null : 1 / ratioToLimit
    if (route === LONGEST)
      return [{ ...common, what: `${route} of a sweep`, comparedWith: null, bound: 1000, unit: 'ms', value }]
    if (ratioToLimit === 1 || ratioToLimit === null || !route.startsWith(P99)) return []
    return [{ ...common, what: route, comparedWith: 'no sweep', bound: 2, unit: '×', value: inverse }]
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
    sense: 'at most',
    unit: '×',
    value: 1 / (ratioToLimit as number),
    byCost: null,
  }))
}

const percent = (ratio: number | null | undefined) => (ratio == null ? null : ratio * 100)
const quotient = (a: number | undefined, b: number | undefined) => (a === undefined || b === undefined ? null : a / b)
