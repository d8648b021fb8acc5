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
  const tables = [
    byRoute('Requests per second, and what part of the limit that is (worst and best round)', of('http'), PER_SECOND),
    byRoute('Processor time of the server for one request, in µs, and the same part by it', of('http'), COST),
    plain('Single steps, in µs, and what part of the cipher alone', of('micro'), 'step'),
    plain('At rest, for one session of 1 KB, in bytes', of('rest'), 'sessions'),
    plain('Postgres with few and many rows, and while it is swept', of('purge')),
    plain('Between the application and its server, for one request', of('trips'), 'request'),
    plain("Memory for one session of 1 KB, in bytes, and the peer's in proportion", of('memory'), 'sessions'),
    plain('One read and one write by the number of sessions in the store, in µs, and the few to the many', of('scale')),
    barTable(bars),
  ]
  return tables.filter(({ rows }) => rows.length > 0)
}

function byRoute(title: string, figures: readonly Figure[], unit: string): Table {
  const names = [...new Set(figures.map(({ contender }) => contender))]
  const rows = names.map((name) => [name, ...ROUTES.map((route) => cell(find(figures, name, route, unit)))])
  return { title, head: ['contender', ...ROUTES], rows }
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
    head: ['bar', 'from', 'wanted', 'measured', '', 'by processor time', 'its limit', 'no session at all'],
    rows: shown.map((bar) => [
      bar.what,
      bar.from,
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

/** Three digits that count, and thin spaces between thousands. */
function number(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toFixed(digits).replace(/\B(?=(\d{3})+$)/g, '\u202f')
}
