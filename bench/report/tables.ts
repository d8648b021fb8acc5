import { type Bench, type Figure, find } from '../figures.ts'
import { ROUTES } from '../http/contender.ts'
import { COST, PER_SECOND } from '../http/run.ts'
import { type Bar, passes } from './bars.ts'

export interface Table {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export function tablesOf(figures: readonly Figure[], bars: readonly Bar[]): Table[] {
  const of = (bench: Bench) => figures.filter((figure) => figure.bench === bench)
  const scale = of('scale')
  const isAmong = ({ route }: Figure) => route.includes(' among ')
  const isOfUser = (figure: Figure) => !isAmong(figure)
  const tables = [
    byRoute('Requests per second, and the share of the limit (worst and best turn)', of('http'), PER_SECOND),
    byRoute('Processor time of the server for one request, in µs, and the share of the limit', of('http'), COST),
    plain('Single steps, in µs, and the share that the cipher alone takes', of('micro'), 'step'),
    plain('Stored size of a session of 1 KB, in bytes', of('size'), 'sessions'),
    plain('Postgres during a sweep, and with partitions', of('sweep')),
    plain('Round trips and bytes between the application and its server, for one request', of('trips'), 'request'),
    plain("Memory for a session of 1 KB, in bytes, and the peer's as a share of it", of('memory'), 'sessions'),
    byUnit('With few and with many sessions in the store, and the ratio of few to many', scale.filter(isAmong)),
    byUnit('For users with few and with many sessions, and the ratio of few to many', scale.filter(isOfUser)),
    barTable(bars),
  ]
  return tables.filter(({ rows }) => rows.length > 0)
}

function byRoute(title: string, figures: readonly Figure[], unit: string): Table {
  const names = [...new Set(figures.map(({ contender }) => contender))]
  const rows = names.map((name) => [name, ...ROUTES.map((route) => cell(find(figures, name, route, unit)))])
  return { title, head: ['contender', ...ROUTES], rows }
}

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

function plain(title: string, figures: readonly Figure[], second = 'what'): Table {
  return {
    title,
    head: ['contender', second, '', 'ratio'],
    rows: figures.map(({ contender, route, value, ratioToLimit }) => [
      contender,
      route,
      number(value),
      share(ratioToLimit),
    ]),
  }
}

function barTable(bars: readonly Bar[]): Table {
  const shown = bars.filter(({ value }) => value !== null)
  const amount = (value: number | null, unit: string) => (value === null ? '' : `${number(value)} ${unit}`)
  return {
    title: 'The bars',
    head: ['what', 'compared with', 'wanted', 'measured', '', 'by processor time', 'the limit', 'no session'],
    rows: shown.map((bar) => [
      bar.what,
      bar.comparedWith ?? 'a fixed number',
      `${bar.sense} ${bar.bound} ${bar.unit}`,
      amount(bar.value, bar.unit),
      passes(bar) ? 'pass' : 'MISS',
      amount(bar.byCost, bar.unit),
      amount(bar.ofLimit ?? null, bar.unit),
      amount(bar.atBest ?? null, bar.unit),
    ]),
  }
}

function cell(figure: Figure | undefined): string {
  if (!figure) return '–'
  const { value, ratioToLimit, spread } = figure
  const range =
    spread && spread[0] !== spread[1] ? ` (${spread.map((ratio) => Math.round(ratio * 100)).join('–')})` : ''
  return `${number(value)} · ${share(ratioToLimit)}${range}`
}

const share = (ratio: number | null) => (ratio === null ? '' : `${(ratio * 100).toFixed(ratio < 0.995 ? 1 : 0)} %`)

/** Three significant digits, and thin spaces between thousands. */
function number(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toFixed(digits).replace(/\B(?=(\d{3})+$)/g, '\u202f')
}
