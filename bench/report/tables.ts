import { countingTable } from '../counting/table.ts'
import { type Bench, contendersIn, type Figure, find } from '../figures.ts'
import { ROUTES } from '../http/contender.ts'
import { ADDED, ALLOCATED, COLLECTING, COLLECTIONS, COST, PER_SECOND } from '../http/figures.ts'
import { type Bar, passes } from './bars.ts'
import { number, percent } from './numbers.ts'

export interface Table {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Everything that was measured: what the terminal shows, and the end of docs/benchmarks.md. */
export function tablesOf(figures: readonly Figure[], bars: readonly Bar[]): Table[] {
  const of = (bench: Bench) => figures.filter((figure) => figure.bench === bench)
  const scale = of('scale')
  const isAmong = ({ route }: Figure) => route.includes(' among ')
  const isOfUser = (figure: Figure) => !isAmong(figure)
  const tables = [
    barTable(bars),
    requests(of('http')),
    plain('Single steps, in µs, and the share that the cipher alone takes', of('micro'), 'step'),
    plain('Stored size of a session of 1 KB, in bytes', of('size'), 'sessions'),
    byUnit('What a session takes where it is stored, and what an operation on one costs the server', of('storage')),
    plain('Postgres during a sweep, and with partitions', of('sweep')),
    plain('Round trips and bytes between the application and its server, for one request', of('trips'), 'request'),
    plain("Memory for a session of 1 KB, in bytes, and the peer's as a share of it", of('memory'), 'sessions'),
    countingTable(of('counting')),
    byUnit('With few and with many sessions in the store, and the ratio of few to many', scale.filter(isAmong)),
    byUnit('For users with few and with many sessions, and the ratio of few to many', scale.filter(isOfUser)),
  ]
  return tables.filter(({ rows }) => rows.length > 0)
}

/** One line for each contender and route, processor time first. */
function requests(figures: readonly Figure[]): Table {
  const value = (name: string, route: string, unit: string) => {
    const figure = find(figures, name, route, unit)
    return figure ? number(figure.value) : ''
  }
  const rows = contendersIn(figures, 'http').flatMap((name) =>
    ROUTES.flatMap((route) => {
      const cost = find(figures, name, route, COST)
      return cost
        ? [
            [
              name,
              route,
              `${number(cost.value)}${cost.disturbed ? ` (${Math.round(cost.disturbed * 100)} % disturbed)` : ''}`,
              value(name, route, PER_SECOND),
              value(name, route, ADDED),
              `${percent(cost.ratioToLimit)}${spreadOf(cost)}`,
              value(name, route, ALLOCATED),
              value(name, route, COLLECTING),
              value(name, route, COLLECTIONS),
            ],
          ]
        : []
    }),
  )
  return {
    title: 'Every request',
    head: [
      'contender',
      'request',
      'processor time, µs',
      'per second',
      'more than without a session, µs',
      'share of the limit (worst and best turn)',
      'bytes allocated',
      '% in GC',
      'collections per 1000',
    ],
    rows,
  }
}

const spreadOf = ({ spread }: Figure) =>
  spread && spread[0] !== spread[1] ? ` (${spread.map((ratio) => Math.round(ratio * 100)).join('–')})` : ''

/** A column for each unit. */
function byUnit(title: string, figures: readonly Figure[]): Table {
  const units = [...new Set(figures.map(({ unit }) => unit))]
  const rows = new Map<string, readonly string[]>()
  for (const { contender, route } of figures) {
    const cells = units.map((unit) => cell(find(figures, contender, route, unit)))
    rows.set(`${contender} ${route}`, [contender, route, ...cells])
  }
  return { title, head: ['contender', 'what', ...units], rows: [...rows.values()] }
}

/** A value, and its ratio to what it is compared with. */
function cell(figure: Figure | undefined): string {
  if (!figure) return ''
  const { value, ratioToLimit } = figure
  return ratioToLimit === null || ratioToLimit === 1 ? number(value) : `${number(value)} · ${percent(ratioToLimit)}`
}

function plain(title: string, figures: readonly Figure[], second = 'what'): Table {
  return {
    title,
    head: ['contender', second, '', 'unit', 'ratio'],
    rows: figures.map(({ contender, route, value, unit, ratioToLimit }) => [
      contender,
      route,
      number(value),
      unit,
      percent(ratioToLimit),
    ]),
  }
}

function barTable(bars: readonly Bar[]): Table {
  return {
    title: 'The bars',
    head: ['what', 'compared with', 'at most', 'aim', 'measured', ''],
    rows: bars.flatMap(({ value, ...bar }) =>
      value === null
        ? []
        : [
            [
              bar.what,
              bar.comparedWith ?? 'a fixed number',
              `${bar.bound} ${bar.unit}`,
              bar.aim === undefined ? '' : `${bar.aim} ${bar.unit}`,
              `${number(value)} ${bar.unit}`,
              passes({ value, ...bar }) ? 'pass' : 'MISS',
            ],
          ],
    ),
  }
}
