import { type Figure, find } from '../figures.ts'
import { number } from '../report/numbers.ts'
import { allowedFor, FLUSH, MORE, WITH, WITHOUT } from './figures.ts'

const TITLE = 'Requests with and without figures, in µs of processor time'

/** A request that was measured both ways; null where this is none. */
interface Request {
  readonly contender: string
  readonly route: string
  readonly without: number
  readonly with: number
  readonly more: Figure
}

function requestsIn(figures: readonly Figure[]): Request[] {
  const counting = figures.filter(({ bench }) => bench === 'counting')
  return counting
    .filter(({ unit }) => unit === MORE)
    .flatMap((more) => {
      const { contender, route } = more
      const [without, both] = [WITHOUT, WITH].map((unit) => find(counting, contender, route, unit)?.value)
      return without === undefined || both === undefined ? [] : [{ contender, route, without, with: both, more }]
    })
}

/** For the tables of report/tables.ts. */
export function countingTable(figures: readonly Figure[]) {
  const requests = requestsIn(figures).map((request) => [
    request.contender,
    request.route,
    number(request.without),
    number(request.with),
    number(request.more.value),
    intervalOf(request.more),
    number(allowedFor(request.without)),
  ])
  const flushes = figures
    .filter(({ unit }) => unit === FLUSH)
    .map(({ contender, route, value }) => [contender, route, '', number(value), '', '', ''])
  return {
    title: TITLE,
    head: ['contender', 'request', 'without', 'with', 'more', 'more, with 95 % confidence', 'at most'],
    rows: [...requests, ...flushes],
  }
}

const intervalOf = ({ interval }: Figure) => (interval ? `${number(interval[0])} to ${number(interval[1])}` : '')

/** What is judged is the upper end of the interval: a measurement that is not precise enough shows nothing. */
export function countingBars(figures: readonly Figure[]) {
  return requestsIn(figures).map(({ contender, route, without, more }) => ({
    what: `figures, ${route}, ${contender}, at 95 % confidence`,
    comparedWith: 'the same without figures',
    bound: allowedFor(without),
    unit: 'µs' as const,
    value: more.interval?.[1] ?? null,
  }))
}

/** For report/questions.ts: null where nothing was measured. */
export function countingAnswer(figures: readonly Figure[]) {
  const requests = requestsIn(figures)
  if (requests.length === 0) return null
  return {
    table: countingTable(figures),
    chart: {
      title: 'Requests with and without figures',
      unit: 'µs of processor time for one request',
      categories: requests.map(({ contender, route }) => `${contender}, ${route}`),
      series: [
        { name: 'without figures', values: requests.map(({ without }) => without) },
        { name: 'with figures', values: requests.map((request) => request.with) },
      ],
    },
  }
}
