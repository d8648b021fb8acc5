import type { FiguresRange, Series } from './panels.ts'

/** One picture: lines over the same moments. The page's script draws it, and its table is made of the same numbers. */
export interface Chart {
  readonly name: string
  readonly title: string
  /** What the numbers count, for a sentence: "sessions", "ms". */
  readonly unit: string
  /** How several steps become one: what happened adds up, and of what was the case the last counts. */
  readonly joins: 'sum' | 'last'
  readonly lines: readonly Line[]
}

export interface Line {
  readonly label: string
  readonly values: Series
}

const REASONS: Readonly<Record<string, string>> = {
  'ended.logout': 'signed out',
  'ended.idle': 'not used',
  'ended.absolute': 'too old',
  'ended.revoke': 'revoked',
  'ended.revoke-others': 'others revoked',
  'ended.revoke-all': 'all revoked',
  'ended.limit': 'over the limit',
  'ended.emptied': 'emptied',
  'ended.everybody': 'after a breach',
}

const UNUSUAL: Readonly<Record<string, string>> = {
  conflict: 'conflicts merged',
  superseded: 'superseded tokens',
  rejected: 'cookies rejected',
  gone: 'changes dropped',
  storeError: 'store failed',
}

/** What the page shows of a range. Lines that were 0 throughout are left out where there are many, and a chart without lines is. */
export function chartsOf({ counts, gauges, latency }: FiguresRange): Chart[] {
  const lines = (names: Readonly<Record<string, string>>, from = counts): Line[] =>
    Object.entries(names).flatMap(([name, label]) => (from[name] ? [{ label, values: from[name] }] : []))
  const busy = (all: readonly Line[]) =>
    all.filter(({ values }) => values.some((value) => value !== null && value !== 0))
  const charts: readonly Chart[] = [
    { name: 'live', title: 'Sessions', unit: 'sessions', joins: 'last', lines: lines({ live: 'live' }, gauges) },
    {
      name: 'created',
      title: 'Created and ended',
      unit: 'sessions',
      joins: 'sum',
      lines: [...lines({ created: 'created' }), ...busy(lines(REASONS))],
    },
    {
      name: 'waiting',
      title: 'Expired, waiting for the sweep',
      unit: 'sessions',
      joins: 'last',
      lines: lines({ waiting: 'waiting' }, gauges),
    },
    {
      name: 'latency',
      title: 'Store calls, 95th percentile',
      unit: 'ms',
      joins: 'last',
      lines: Object.entries(latency).map(([label, { p95 }]) => ({ label, values: p95 })),
    },
    { name: 'unusual', title: 'Out of the ordinary', unit: 'events', joins: 'sum', lines: lines(UNUSUAL) },
  ]
  return charts.filter((chart) => chart.lines.length > 0)
}

export interface TableRow {
  readonly at: number
  readonly values: readonly (number | null)[]
}

/** The chart as at most `rows` lines of a table, the newest first. */
export function tableOf({ times }: FiguresRange, { joins, lines }: Chart, rows: number): TableRow[] {
  const step = Math.max(1, Math.ceil(times.length / rows))
  const starts = times.flatMap((at, index) => (index % step === times.length % step ? [{ at, index }] : []))
  return starts.reverse().map(({ at, index }) => ({
    at,
    values: lines.map(({ values }) => joined(values.slice(index, index + step), joins)),
  }))
}

/** Null when nothing is known of any step. */
function joined(values: Series, joins: Chart['joins']): number | null {
  const known = values.filter((value) => value !== null)
  if (known.length === 0) return null
  return joins === 'sum' ? known.reduce((sum, value) => sum + value, 0) : (known.at(-1) ?? null)
}
