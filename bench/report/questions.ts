import { countingAnswer } from '../counting/table.ts'
import { contendersIn, type Figure, find } from '../figures.ts'
import { contenderOf, isDropIn, isPeer } from '../http/contenders.ts'
import { ADDED, ALLOCATED, COLLECTING, COST, PER_SECOND } from '../http/figures.ts'
import { P99 } from '../sweep.ts'
import type { Chart } from './chart.ts'
import { number } from './numbers.ts'
import type { Table } from './tables.ts'

/** What a section of docs/benchmarks.md shows below its heading, which asks the question. */
export interface Answer {
  readonly table: Table
  readonly chart: Chart
}

/** Null where nothing about it was measured. */
export const QUESTIONS: Readonly<Record<string, (figures: readonly Figure[]) => Answer | null>> = {
  added: (figures) =>
    requests(figures, ADDED, 'What a session adds to a request, by engine', [
      /^strongroom (memory|file|sqlite|cookie|postgres|mysql|redis|memcached)[^,]*$/,
    ]),
  memory: (figures) => comparison(figures, 'memory', /^strongroom memory (none|two-key)$/),
  cookie: (figures) => comparison(figures, 'cookie', /^strongroom cookie \w+$/),
  redis: (figures) => comparison(figures, 'redis', /^strongroom redis two-key$/),
  postgres: (figures) => comparison(figures, 'postgres', /^strongroom postgres two-key$/),
  mysql: (figures) => comparison(figures, 'mysql', /^strongroom mysql two-key$/),
  file: (figures) => comparison(figures, 'file', /^strongroom file two-key/),
  sealing: (figures) =>
    requests(figures, COST, 'What sealing costs, by engine and kind of seal', [
      /^strongroom memory none$/,
      /^strongroom memory two-key(, node:crypto)?$/,
      /^strongroom memory two-key, no memo/,
      /^strongroom cookie (signed|sealed)(, node:crypto)?$/,
    ]),
  new: (figures) =>
    requests(figures, COST, 'Requests of visitors whom the process remembers, and of others', [
      /^strongroom memory two-key(, no memo|, new visitors)?$/,
      /^strongroom redis two-key(, no memo|, new visitors)?$/,
      /^express-session \+ connect-redis$/,
    ]),
  footprint: (figures) => footprint(figures.filter(({ bench }) => bench === 'memory')),
  counting: (figures) => countingAnswer(figures.filter(({ bench }) => bench === 'counting')),
  scale: (figures) => scale(figures.filter(({ bench }) => bench === 'scale')),
  sweep: (figures) => sweep(figures.filter(({ bench }) => bench === 'sweep')),
}

const PLOTTED = ['read', 'write'] as const

/** A kind of store: ours, the peers on the same store, and the limit. */
function comparison(figures: readonly Figure[], kind: string, ours: RegExp): Answer | null {
  const limit = `limit: ${kind}`
  const ofKind = (name: string) =>
    name === limit || (contenderOf(name).limit === limit && (isDropIn(name) || isPeer(contenderOf(name))))
  return requests(figures, COST, `Processor time of a request with sessions in: ${kind}`, [
    { test: (name: string) => ours.test(name) || ofKind(name) },
  ])
}

/** A line and a group of bars for each contender, in the order of the patterns. */
function requests(
  figures: readonly Figure[],
  unit: string,
  title: string,
  patterns: readonly { test(name: string): boolean }[],
): Answer | null {
  const measured = contendersIn(figures, 'http')
  const names = [...new Set(patterns.flatMap((pattern) => measured.filter((name) => pattern.test(name))))]
  if (names.length === 0) return null
  const value = (name: string, route: string, unit: string) => find(figures, name, route, unit)?.value ?? null
  const shown = (name: string, route: string, unit: string, scale = 1) => {
    const found = value(name, route, unit)
    return found === null ? '' : number(found / scale)
  }
  const inMicroseconds = unit === ADDED ? ' adds, µs' : ', µs'
  return {
    table: {
      title,
      head: [
        '',
        ...PLOTTED.map((route) => `${route}${inMicroseconds}`),
        ...PLOTTED.map((route) => `${route}s per second`),
        ...PLOTTED.map((route) => `KB allocated by a ${route}`),
        '% of a write in GC',
      ],
      rows: names.map((name) => [
        name,
        ...PLOTTED.map((route) => shown(name, route, unit)),
        ...PLOTTED.map((route) => shown(name, route, PER_SECOND)),
        ...PLOTTED.map((route) => shown(name, route, ALLOCATED, 1000)),
        shown(name, 'write', COLLECTING),
      ]),
    },
    chart: {
      title,
      unit:
        unit === ADDED ? 'µs of processor time more than without a session' : 'µs of processor time for one request',
      categories: names,
      series: PLOTTED.map((route) => ({ name: route, values: names.map((name) => value(name, route, unit)) })),
    },
  }
}

function footprint(figures: readonly Figure[]): Answer | null {
  const title = 'Memory of a session of 1 KB, in bytes'
  return pivot(figures, {
    title,
    unit: 'bytes for one session',
    row: ({ contender }) => contender,
    column: ({ route }) => sizeOf(route),
    cell: ({ value }) => value,
  })
}

/** The picture shows how much longer a request takes with many sessions than with the fewest, and the table how long. */
function scale(figures: readonly Figure[]): Answer | null {
  const requests = figures.filter(({ unit, route }) => /^µs(, median)?$/.test(unit) && route.includes(' among '))
  const common = {
    title: 'The time of a request with many sessions in the store, divided by that with few',
    row: ({ contender, route }: Figure) => `${engineOf(contender)}, ${route.split(' among ')[0]}`,
    column: ({ route }: Figure) => sizeOf(route.split(' among ')[1] as string),
  }
  const [ratios, values] = [
    pivot(
      requests.filter(({ ratioToLimit }) => ratioToLimit !== 1),
      { ...common, unit: '× the time with the fewest sessions', cell: ({ ratioToLimit }) => 1 / (ratioToLimit ?? 1) },
    ),
    pivot(requests, { ...common, unit: 'µs', cell: ({ value }) => value }),
  ]
  return ratios && values && { chart: ratios.chart, table: values.table }
}

const engineOf = (contender: string) => contender.replace('strongroom ', '').replace(/ two-key.*/, '')
/** `10000` and `10000 sessions` with a space between thousands. */
const sizeOf = (text: string) =>
  text.replace(/^(\d+)(?: sessions)?$/, (_, count) => `${number(Number(count))} sessions`)

function sweep(figures: readonly Figure[]): Answer | null {
  return pivot(
    figures.filter(({ route }) => route.startsWith(P99)),
    {
      title: 'The 99th percentile of live requests during a sweep',
      unit: 'ms',
      row: ({ contender }) => contender,
      column: ({ route }) => (route.endsWith('no sweep') ? 'without a sweep, ms' : 'during the sweep, ms'),
      cell: ({ value }) => value / 1000,
    },
  )
}

interface Pivot {
  readonly title: string
  readonly unit: string
  row(figure: Figure): string
  column?(figure: Figure): string
  cell(figure: Figure): number
}

function pivot(
  figures: readonly Figure[],
  { title, unit, row, column = ({ route }) => route, cell }: Pivot,
): Answer | null {
  if (figures.length === 0) return null
  const [rows, columns] = [[...new Set(figures.map(row))], [...new Set(figures.map(column))]]
  const value = (inRow: string, inColumn: string) => {
    const figure = figures.find((each) => row(each) === inRow && column(each) === inColumn)
    return figure ? cell(figure) : null
  }
  const shown = (found: number | null) => (found === null ? '' : number(found))
  return {
    table: {
      title,
      head: ['', ...columns],
      rows: rows.map((name) => [name, ...columns.map((column) => shown(value(name, column)))]),
    },
    chart: {
      title,
      unit,
      categories: rows,
      series: columns.map((column) => ({ name: column, values: rows.map((name) => value(name, column)) })),
    },
  }
}
