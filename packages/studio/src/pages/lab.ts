import type { Hono } from 'hono'
import type { Board, Env, StudioContext } from '../board.ts'
import { type Frame, send } from '../frame.ts'
import { type Html, html, nothing } from '../html.ts'
import { exactly, fromNow, plural, spanOf } from '../moments.ts'
import type { LabAttack, LabCell, LabReport, LabRow, LabVerdict } from '../panels.ts'
import { type Mark, mark } from './marks.ts'

const FAMILIES = [
  ['strongroom', 'Strongroom'],
  ['peer', 'Other libraries'],
  ['django', 'Django'],
  ['all', 'All'],
] as const

const MARKS: Readonly<Record<LabVerdict, Mark>> = {
  held: 'good',
  broken: 'bad',
  'not applicable': 'none',
  'not run': 'unknown',
}
const SHORT: Readonly<Record<LabVerdict, string>> = {
  held: 'held',
  broken: 'broken',
  'not applicable': 'n/a',
  'not run': 'not run',
}

export const isPromised = ({ promised }: LabCell): boolean => promised

/** "41 of 43 promises held". A promise that was not tried is not counted as held. */
export function promisesKept({ cells }: LabReport): string {
  const promised = cells.filter((cell) => isPromised(cell) && cell.verdict !== 'not applicable')
  const held = promised.filter(({ verdict }) => verdict === 'held').length
  const notRun = promised.filter(({ verdict }) => verdict === 'not run').length
  return `${held} of ${plural(promised.length, 'promise')} held${notRun > 0 ? `, ${notRun} not run` : ''}.`
}

export function labPages(app: Hono<Env>, board: Board): void {
  const { lab } = board.panels
  if (!lab) return
  app.get('/lab', (c) => matrixPage(c, board.frame(c), lab))
  app.get('/lab/cell', (c) => {
    const { row, attack } = c.req.query()
    const found = {
      row: lab.rows.find(({ name }) => name === row),
      attack: lab.attacks.find(({ name }) => name === attack),
    }
    return found.row && found.attack
      ? cellPage(c, board.frame(c), { lab, row: found.row, attack: found.attack })
      : c.notFound()
  })
}

function matrixPage(c: StudioContext, frame: Frame, lab: LabReport): Promise<Response> {
  const [family] = FAMILIES.find(([name]) => name === c.req.query('of')) ?? FAMILIES[0]
  const rows = lab.rows.filter((row) => family === 'all' || row.family === family)
  const there = FAMILIES.filter(([name]) => name === 'all' || lab.rows.some((row) => row.family === name))
  return send(c, frame, {
    page: 'lab',
    heading: 'Lab',
    lead: html`Attacks that were really run, on private data that was thrown away. Each cell opens what was seen.`,
    body: html`<p class="meta">${promisesKept(lab)} Run ${fromNow(new Date(lab.at))} (${exactly(new Date(lab.at))}), ${lab.machine}${lab.thorough ? ', thorough' : ''}.</p>
<div class="bar">${legend}<nav class="tabs" aria-label="Which engines">${there.map(
      ([name, label]) =>
        html`<a href="${frame.base}/lab?of=${name}"${name === family ? html` aria-current="true"` : nothing}>${label}</a>`,
    )}</nav></div>
${matrix(frame, lab, rows)}`,
  })
}

const legend = html`<ul class="legend">${(['held', 'broken', 'not applicable', 'not run'] as const).map(
  (verdict) => html`<li>${mark(MARKS[verdict])} ${verdict}</li>`,
)}</ul>`

function matrix({ base }: Frame, { attacks, cells }: LabReport, rows: readonly LabRow[]): Html {
  const found = new Map(cells.map((cell) => [keyOf(cell.row, cell.attack), cell]))
  const properties = [...new Set(attacks.map(({ property }) => property))]
  return html`<div class="scroll matrix" role="region" aria-label="Attacks on engines" tabindex="0"><table>
<thead><tr><th scope="col" class="corner">Attack</th>${rows.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr></thead>
${properties.map(
  (property) => html`<tbody>
<tr class="group"><th scope="rowgroup" colspan="${rows.length + 1}"><span>${property}</span></th></tr>
${attacks
  .filter((attack) => attack.property === property)
  .map(
    (
      attack,
    ) => html`<tr><th scope="row">${attack.title}</th>${rows.map((row) => cellView(base, found.get(keyOf(row.name, attack.name)), { row, attack }))}</tr>
`,
  )}</tbody>`,
)}
</table></div>`
}

const keyOf = (row: string, attack: string) => JSON.stringify([row, attack])

interface Where {
  readonly row: LabRow
  readonly attack: LabAttack
}

const addressOf = (base: string, { row, attack }: Where) =>
  `${base}/lab/cell?${new URLSearchParams({ row: row.name, attack: attack.name })}`

/** A report may lack a cell, as when a run was cut off: that is not run, and never held. */
function cellView(base: string, cell: LabCell | undefined, where: Where): Html {
  const verdict = cell?.verdict ?? 'not run'
  return html`<td class="${MARKS[verdict]}${cell?.promised && verdict === 'broken' ? ' alarm' : ''}"><a href="${addressOf(base, where)}">${mark(MARKS[verdict])}<span class="word">${SHORT[verdict]}</span></a></td>`
}

function cellPage(
  c: StudioContext,
  frame: Frame,
  { lab, row, attack }: Where & { readonly lab: LabReport },
): Promise<Response> {
  const cell = lab.cells.find((each) => each.row === row.name && each.attack === attack.name)
  const verdict = cell?.verdict ?? 'not run'
  return send(c, frame, {
    page: 'lab',
    heading: attack.title,
    lead: html`${row.name}${row.version ? html` · ${row.version}` : nothing}`,
    body: html`<p class="crumb"><a href="${frame.base}/lab?of=${row.family}">All attacks</a></p>
<section class="panel verdict ${MARKS[verdict]}" aria-labelledby="verdict"><h2 id="verdict">${mark(MARKS[verdict])} ${verdict}</h2>
<p>${cell?.summary ?? 'The report has no entry for this attack on this engine.'}</p>
${cell ? html`<p class="help">${promise(cell)} It took ${spanOf(cell.ms)}.</p>` : nothing}</section>
<section class="panel" aria-labelledby="evidence"><h2 id="evidence">What was seen</h2>${evidence(cell)}</section>
<section class="panel" aria-labelledby="how"><h2 id="how">How it is done</h2><p>${attack.how}</p>
<dl class="facts"><div><dt>By</dt><dd>${attack.attacker}</dd></div><div><dt>Against</dt><dd>${attack.property}</dd></div><div><dt>Documentation</dt><dd><code>${attack.docs}</code></dd></div></dl></section>
<section class="panel" aria-labelledby="elsewhere"><h2 id="elsewhere">The same attack elsewhere</h2>${elsewhere(frame, lab, { row, attack })}</section>`,
  })
}

function promise({ promised, verdict }: LabCell): string {
  if (!promised) return 'The documentation does not promise that this attack fails here.'
  return verdict === 'broken'
    ? 'The documentation promises that this attack fails here: this is a fault.'
    : 'The documentation promises that this attack fails here.'
}

const evidence = (cell: LabCell | undefined): Html =>
  cell && cell.evidence.length > 0
    ? html`<dl class="evidence">${cell.evidence.map(({ what, value }) => html`<div><dt>${what}</dt><dd><code>${value}</code></dd></div>`)}</dl>`
    : html`<p>Nothing: the attack did not run.</p>`

function elsewhere({ base }: Frame, { rows, cells }: LabReport, { row, attack }: Where): Html {
  const others = cells.filter((cell) => cell.attack === attack.name && cell.row !== row.name)
  return html`<ul class="marks">${others.map((cell) => {
    const other = rows.find(({ name }) => name === cell.row)
    return other
      ? html`<li><a href="${addressOf(base, { row: other, attack })}">${mark(MARKS[cell.verdict])} ${other.name} <span class="soft">${cell.verdict}</span></a></li>`
      : nothing
  })}</ul>`
}
