import type { Hono } from 'hono'
import type { FiguresSeries, FiguresSnapshot, Sampled } from 'strongroom/figures'
import type { Board, Env } from '../board.ts'
import { type Chart, chartsOf, tableOf } from '../charts.ts'
import { type Frame, notice, send } from '../frame.ts'
import { NO_STORE } from '../headers.ts'
import { type Html, html, nothing } from '../html.ts'
import { exactly, fromNow, numberOf } from '../moments.ts'

const PERIODS = ['hour', 'day', 'month'] as const
type Period = (typeof PERIODS)[number]

const RANGES = { hour: 'Last hour', day: 'Last day', month: 'Last 30 days' } as const

/** Lines of a table: an hour in steps of five minutes, a day in hours, a month in days and a quarter. */
const ROWS = 24

export function figuresPages(app: Hono<Env>, board: Board): void {
  const { figures } = board.panels
  if (!figures) return
  app.get('/figures', async (c) => {
    const frame = board.frame(c)
    const snapshot = await figures.snapshot()
    return send(c, frame, {
      page: 'figures',
      heading: 'Figures',
      body: page(frame, snapshot, periodOf(c.req.query('range'))),
      scripts: ['uplot.js', 'figures.js'],
      styles: ['uplot.css'],
    })
  })

  app.get('/figures.json', async (c) => {
    const snapshot = await figures.snapshot()
    const series = snapshot[periodOf(c.req.query('range'))]
    c.header('Cache-Control', NO_STORE)
    return c.json({
      at: snapshot.at,
      problem: snapshot.problem,
      live: countText(snapshot.stored?.live),
      waiting: countText(snapshot.stored?.expired),
      times: series.points.map(({ at }) => at),
      charts: chartsOf(series),
    })
  })
}

const periodOf = (wanted: string | undefined): Period => PERIODS.find((each) => each === wanted) ?? 'hour'

function page({ base }: Frame, snapshot: FiguresSnapshot, period: Period): Html {
  const series = snapshot[period]
  const { stored, history, problem } = snapshot
  return html`<div class="bar"><nav class="tabs" aria-label="Period">${PERIODS.map(
    (each) =>
      html`<a href="${base}/figures?range=${each}"${each === period ? html` aria-current="true"` : nothing}>${RANGES[each]}</a>`,
  )}</nav><p class="live" id="live" hidden><button type="button" id="pause" aria-pressed="false">Pause</button></p></div>
<p class="notice bad" role="alert" id="problem"${problem === null ? html` hidden` : nothing}>${problem ?? nothing}</p>
<dl class="tiles"><div><dt>Live entries</dt><dd id="count-live">${countText(stored?.live)}</dd></div><div><dt>Expired, waiting</dt><dd id="count-waiting">${countText(stored?.expired)}</dd></div></dl>
<p class="help">${stored ? html`Entries of the whole store are sessions, and what remembers for a day that sessions have ended. Looked at ${fromNow(new Date(stored.at))}.` : 'Nobody has looked into the store yet.'} ${HISTORIES[history]} Moments are in UTC.</p>
${isEmpty(snapshot) ? notice('plain', html`Nothing was counted in 30 days. An application counts when it calls <code>figures(sessions)</code>: see <code>docs/figures.md</code>.`) : nothing}
<div class="charts" data-src="${base}/figures.json?range=${period}">${chartsOf(series).map((chart) => chartView(chart, series, period))}</div>`
}

const HISTORIES = {
  store: 'The history is kept in the store, and survives a restart.',
  'read-only':
    'The history is what the application has put into the store. The studio is read-only, and adds nothing to it.',
  process: 'The history is this process’s alone, and ends with it.',
} as const

const isEmpty = ({ month: { total } }: FiguresSnapshot): boolean =>
  Object.keys(total.counts).length + Object.keys(total.calls).length === 0

const WORDS = { exact: '', estimate: 'about ', 'at least': 'at least ', 'at most': 'at most ' } as const

const countText = (count: Sampled | null | undefined): string =>
  count ? `${WORDS[count.is]}${numberOf(count.count)}` : 'not known'

/** The length of an interval: what happened is counted in each of them. */
const INTERVALS = { hour: '10 s', day: '5 min', month: '1 h' } as const

function chartView(chart: Chart, series: FiguresSeries, period: Period): Html {
  const { name, title, unit, joins, lines } = chart
  const each = joins === 'sum' ? `${unit} in ${INTERVALS[period]}` : unit
  return html`<figure class="panel chart" aria-labelledby="${name}">
<figcaption><h2 id="${name}">${title}</h2><span class="soft">${each}</span></figcaption>
<div class="canvas" data-chart="${name}"></div>
<details><summary>${title} as a table</summary><div class="scroll" role="region" aria-label="${title}, as a table" tabindex="0"><table>
<thead><tr><th scope="col">From</th>${lines.map(({ label }) => html`<th scope="col">${label}</th>`)}</tr></thead>
<tbody>${tableOf(series, chart, ROWS).map(
    ({ at, values }) =>
      html`<tr><th scope="row">${exactly(new Date(at))}</th>${values.map((value) => html`<td>${value === null ? html`<span class="soft">not known</span>` : shown(value)}</td>`)}</tr>`,
  )}</tbody></table></div></details>
</figure>`
}

const shown = (value: number) =>
  Number.isInteger(value) ? numberOf(value) : value.toLocaleString('en', { maximumFractionDigits: 2 })
