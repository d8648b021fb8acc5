import type { Hono } from 'hono'
import type { Board, Env } from '../board.ts'
import { type Chart, chartsOf, tableOf } from '../charts.ts'
import { type Frame, notice, send } from '../frame.ts'
import { NO_STORE } from '../headers.ts'
import { type Html, html, nothing } from '../html.ts'
import { exactly, fromNow, numberOf } from '../moments.ts'
import type { Count, FiguresRange, FiguresSnapshot } from '../panels.ts'

const RANGES = { hour: 'Last hour', day: 'Last day', month: 'Last 30 days' } as const

/** Lines of a table: an hour in steps of five minutes, a day in hours, a month in days and a quarter. */
const ROWS = 24

export function figuresPages(app: Hono<Env>, board: Board): void {
  const { figures } = board.panels
  if (!figures) return
  const rangeIn = ({ ranges }: FiguresSnapshot, wanted: string | undefined) =>
    ranges.find(({ name }) => name === wanted) ?? ranges[0]

  app.get('/figures', async (c) => {
    const frame = board.frame(c)
    const snapshot = await figures.snapshot()
    const range = rangeIn(snapshot, c.req.query('range'))
    return send(c, frame, {
      page: 'figures',
      heading: 'Figures',
      body: range ? page(frame, snapshot, range) : notice('plain', 'There are no figures yet.'),
      scripts: ['uplot.js', 'figures.js'],
      styles: ['uplot.css'],
    })
  })

  app.get('/figures.json', async (c) => {
    const snapshot = await figures.snapshot()
    const range = rangeIn(snapshot, c.req.query('range'))
    c.header('Cache-Control', NO_STORE)
    return c.json({
      at: snapshot.at,
      live: countText(snapshot.live),
      waiting: countText(snapshot.waiting),
      times: range?.times ?? [],
      charts: range ? chartsOf(range) : [],
    })
  })
}

function page(frame: Frame, snapshot: FiguresSnapshot, range: FiguresRange): Html {
  const { base } = frame
  const charts = chartsOf(range)
  return html`<div class="bar"><nav class="tabs" aria-label="Period">${snapshot.ranges.map(
    ({ name }) =>
      html`<a href="${base}/figures?range=${name}"${name === range.name ? html` aria-current="true"` : nothing}>${RANGES[name]}</a>`,
  )}</nav><p class="live" id="live" hidden><button type="button" id="pause" aria-pressed="false">Pause</button></p></div>
<dl class="tiles"><div><dt>Live now</dt><dd id="count-live">${countText(snapshot.live)}</dd></div><div><dt>Expired, waiting</dt><dd id="count-waiting">${countText(snapshot.waiting)}</dd></div></dl>
<p class="help">${howCounted(snapshot.live)} ${snapshot.history === 'stored' ? 'The history is kept in the store, and survives a restart.' : 'The history is this process’s alone, and ends with it.'} Moments are in UTC.</p>
<div class="charts" data-src="${base}/figures.json?range=${range.name}">${charts.map((chart) => chartView(chart, range))}</div>`
}

const countText = (count: Count | null): string =>
  count ? `${count.how === 'exact' ? '' : 'about '}${numberOf(count.value)}` : 'not known'

const HOW = { exact: 'Counted', estimate: 'Estimated by the store', sample: 'Estimated from a sample' } as const

const howCounted = (count: Count | null): string =>
  count
    ? `${HOW[count.how]} ${fromNow(new Date(count.at))}.`
    : 'This store cannot count cheaply: use the button on the overview.'

function chartView(chart: Chart, range: FiguresRange): Html {
  const { name, title, unit, lines } = chart
  return html`<figure class="panel chart" aria-labelledby="${name}">
<figcaption><h2 id="${name}">${title}</h2><span class="soft">${unit}</span></figcaption>
<div class="canvas" data-chart="${name}"></div>
<details><summary>${title} as a table</summary><div class="scroll" role="region" aria-label="${title}, as a table" tabindex="0"><table>
<thead><tr><th scope="col">From</th>${lines.map(({ label }) => html`<th scope="col">${label}</th>`)}</tr></thead>
<tbody>${tableOf(range, chart, ROWS).map(
    ({ at, values }) =>
      html`<tr><th scope="row">${exactly(new Date(at))}</th>${values.map((value) => html`<td>${value === null ? html`<span class="soft">not known</span>` : shown(value)}</td>`)}</tr>`,
  )}</tbody></table></div></details>
</figure>`
}

const shown = (value: number) =>
  Number.isInteger(value) ? numberOf(value) : value.toLocaleString('en', { maximumFractionDigits: 2 })
