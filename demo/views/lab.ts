import type { Cell, Property, Report, RowInfo } from '@strongroom/cli/lab'
import { html } from 'hono/html'
import { cellOf, propertiesOf, standingOf } from '../lab/properties.ts'
import { docsAddress } from './documentation.ts'
import type { Html } from './html.ts'
import { chip, legend, legendOf, tick } from './verdict.ts'

/** The start page's short form: what each engine keeps, and what it does not. */
export function matrixView(report: Report): Html {
  return html`<section id="lab" aria-labelledby="lab-title">
    <h2 id="lab-title">3 · The whole matrix</h2>
    ${propertiesView(report)}
  </section>`
}

function propertiesView(report: Report): Html {
  const own = report.rows.filter(({ family }) => family === 'strongroom')
  const others = report.rows.filter(({ family }) => family !== 'strongroom')
  return html`<p class="soft">
      Recorded by <code>strongroom lab</code> (${dayOf(report)}, ${report.machine}): ${report.attacks.length} attacks on
      ${report.rows.length} engines and libraries. An engine keeps a property when every attack on it failed; the
      fractions say how many did.
      <a href="/lab">Every cell, with its evidence</a>
    </p>
    <details class="more phone-fold" open><summary>The engines of Strongroom</summary>${propertyTable(report, own, 'Strongroom')}</details>
    ${others.length > 0 && html`<details class="more"><summary>And ${others.length} others, for comparison</summary>${propertyTable(report, others, 'Others')}</details>`}
    ${legendOf('in part')}`
}

function propertyTable(report: Report, rows: readonly RowInfo[], title: string): Html {
  const properties = propertiesOf(report)
  const cell = (row: RowInfo, property: Property) => {
    const { verdict, held, all } = standingOf(report, row, property)
    const words = `${verdict}: ${held} of ${all} attacks failed`
    return html`<td title="${words}">${tick(verdict, words)}<span class="fraction" aria-hidden="true">${all > 0 && `${held}/${all}`}</span></td>`
  }
  return html`<div class="scroll" role="region" aria-label="${title}: properties" tabindex="0"><table class="matrix">
    <caption class="unseen">${title}: which properties each engine keeps</caption>
    <thead><tr><th scope="col">${title}</th>${properties.map((name) => html`<th scope="col"><span>${name}</span></th>`)}</tr></thead>
    <tbody>${rows.map(
      (row) =>
        html`<tr><th scope="row"><a href="/lab#${anchorOf(row)}">${row.name}</a></th>${properties.map((property) => cell(row, property))}</tr>`,
    )}</tbody>
  </table></div>`
}

/** Every attack on every engine. */
export function labView(report: Report): Html {
  return html`<h1>The lab</h1>
    <p class="lead">
      ${report.attacks.length} attacks on ${report.rows.length} engines and libraries, each really run: ${dayOf(report)},
      ${report.machine}. A cell opens its evidence.
    </p>
    ${legend}
    <div class="scroll" role="region" aria-label="Attacks and engines" tabindex="0"><table class="matrix whole">
      <caption class="unseen">Every attack on every engine</caption>
      <thead><tr><th scope="col">Engine</th>${report.attacks.map(({ title }) => html`<th scope="col"><span>${title}</span></th>`)}</tr></thead>
      <tbody>${report.rows.map(
        (row) =>
          html`<tr id="${anchorOf(row)}"><th scope="row">${row.name}</th>${report.attacks.map(
            ({ name }) => html`<td>${linkView(cellOf(report, row.name, name))}</td>`,
          )}</tr>`,
      )}</tbody>
    </table></div>`
}

function linkView(cell: Cell | null): Html {
  if (!cell) return tick('not run', 'not run')
  const address = `/lab/cell?${new URLSearchParams({ row: cell.row, attack: cell.attack })}`
  return html`<a href="${address}" title="${cell.summary}">${tick(cell.verdict, cell.verdict)}</a>`
}

/** One cell, with what was seen. */
export function cellView({ attacks }: Report, cell: Cell): Html {
  const attack = attacks.find(({ name }) => name === cell.attack)
  return html`<div class="medium">
    <p class="soft"><a href="/lab">The lab</a></p>
    <h1>${attack?.title ?? cell.attack}</h1>
    <p class="lead">on ${cell.row}, by ${attack?.attacker ?? 'an attacker'}</p>
    <div class="panel evidence">
      <p>${chip(cell.verdict, cell.verdict)}</p>
      <p>${cell.summary}</p>
      ${attack && html`<p class="soft">${attack.how}</p>`}
      <dl>${cell.evidence.map(({ what, value }) => html`<div><dt>${what}</dt><dd><code>${value}</code></dd></div>`)}</dl>
      <p class="hint">${cell.promised ? 'The documents promise that this attack fails here.' : 'The documents do not promise that this attack fails here.'}
        ${Math.round(cell.ms)} ms. ${attack && html`<a href="${docsAddress(attack.docs)}">${attack.docs}</a>`}</p>
    </div>
  </div>`
}

const dayOf = ({ at }: Report): string => at.slice(0, 10)
const anchorOf = ({ name }: RowInfo): string => `row-${name.replace(/[^a-z0-9]+/gi, '-').toLowerCase()}`
