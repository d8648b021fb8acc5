import type { FiguresSeries } from 'strongroom/figures'

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

/** Null where nothing is known. */
type Series = readonly (number | null)[]

const REASONS: Readonly<Record<string, string>> = {
  'ended.logout': 'signed out',
  'expired.idle': 'not used',
  'expired.absolute': 'too old',
  'ended.revoke': 'revoked',
  'ended.revoke-others': 'others revoked',
  'ended.revoke-all': 'all revoked',
  'ended.limit': 'over the limit',
  'ended.emptied': 'emptied',
  'ended.reuse': 'copied cookie came back',
  'ended.everybody': 'after a breach',
}

const UNUSUAL: Readonly<Record<string, string>> = {
  conflicts: 'conflicts merged',
  superseded: 'superseded tokens',
  signals: 'used from elsewhere',
  reused: 'tokens reused',
  proofsRefused: 'proofs of a device refused',
  guessing: 'networks that guess tokens',
  anonymousRefused: 'new visitors refused',
  'rejected.cookie': 'cookies rejected',
  'rejected.record': 'records rejected',
  'rejected.request': 'forged requests',
  gone: 'changes dropped',
  mismatches: 'data that did not fit',
  loginsFailed: 'logins failed',
  storeErrors: 'store failed',
}

/** What the page shows of a period. A reason for which nothing ended has no line, and a chart of which nothing is known is left out. */
export function chartsOf({ points }: FiguresSeries): Chart[] {
  const counted = (names: Readonly<Record<string, string>>): Line[] =>
    Object.entries(names).map(([name, label]) => ({ label, values: points.map(({ counts }) => counts[name] ?? 0) }))
  const seen = (all: readonly Line[]) =>
    all.filter(({ values }) => values.some((value) => value !== null && value !== 0))
  const known = (label: string, values: Series): Line[] =>
    values.some((value) => value !== null) ? [{ label, values }] : []
  const methods = [...new Set(points.flatMap(({ calls }) => Object.keys(calls)))].sort()
  const charts: readonly Chart[] = [
    {
      name: 'live',
      title: 'Live entries',
      unit: 'entries',
      joins: 'last',
      lines: known(
        'live',
        points.map(({ live }) => live),
      ),
    },
    {
      name: 'created',
      title: 'Created and ended',
      unit: 'sessions',
      joins: 'sum',
      lines: [...counted({ created: 'created' }), ...seen(counted(REASONS))],
    },
    {
      name: 'waiting',
      title: 'Expired, waiting for the sweep',
      unit: 'entries',
      joins: 'last',
      lines: known(
        'waiting',
        points.map(({ expired }) => expired),
      ),
    },
    {
      name: 'latency',
      title: 'Store calls, 95th percentile',
      unit: 'ms',
      joins: 'last',
      lines: methods.map((method) => ({
        label: method,
        values: points.map(({ calls }) => calls[method]?.p95 ?? null),
      })),
    },
    {
      name: 'unusual',
      title: 'Out of the ordinary',
      unit: 'events',
      joins: 'sum',
      lines: [
        ...counted({ conflicts: 'conflicts merged' }),
        ...seen(counted(UNUSUAL)).filter(({ label }) => label !== 'conflicts merged'),
      ],
    },
  ]
  return charts.filter((chart) => chart.lines.length > 0)
}

export interface TableRow {
  readonly at: number
  readonly values: readonly (number | null)[]
}

/** The chart as at most `rows` lines of a table, the newest first. */
export function tableOf({ points }: FiguresSeries, { joins, lines }: Chart, rows: number): TableRow[] {
  const step = Math.max(1, Math.ceil(points.length / rows))
  const starts = points.flatMap(({ at }, index) => (index % step === points.length % step ? [{ at, index }] : []))
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
