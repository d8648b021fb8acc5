import { html } from 'hono/html'
import type { Attack } from '../attacks/attack.ts'
import { attacks } from '../attacks/list.ts'
import type { Result } from '../attacks/run.ts'
import type { Look } from '../search/look.ts'
import type { Target } from '../targets/target.ts'
import type { Html } from './html.ts'
import { chip, legend, tick } from './verdict.ts'

type Results = ReadonlyMap<string, ReadonlyMap<string, Result>>

/** The six buttons, and the matrix that fills as they are pressed. */
export function attacksView(looks: readonly Look[], results: Results): Html {
  const targets = looks.map(({ target }) => target)
  return html`<section id="attacks" aria-labelledby="attacks-title">
    <div class="beside-title">
      <h2 id="attacks-title">2 · Attack it</h2>
      <form method="post" action="/attacks"><button class="quiet small" data-busy="Attacking …">Run all six</button></form>
    </div>
    <p class="soft">
      Each button attacks all ${targets.length} engines, over HTTP, with sessions made for it: what you see afterwards is what happened.
    </p>
    <ol class="attacks">${attacks.map((attack) => attackView(attack, [...(results.get(attack.name)?.values() ?? [])]))}</ol>
    <details class="more phone-fold" open><summary>Your results, engine by engine</summary>
    ${tableView(targets, results)}
    ${legend}
    <p class="hint">Some engines of ours are broken by some attacks, and their documentation says so: a cell opens what happened.</p>
    </details>
  </section>`
}

function attackView({ name, title, what }: Attack, results: readonly Result[]): Html {
  return html`<li class="panel">
    <h3><a href="/attacks/${name}">${title}</a></h3>
    <p class="what">${what}</p>
    ${results.length > 0 && html`<p class="counts">${countsView(results)}</p>`}
    <form method="post" action="/attacks/${name}">
      ${attackButton(results.length > 0 ? 'Again' : 'Attack', title)}
    </form>
  </li>`
}

const attackButton = (word: string, title: string): Html =>
  html`<button class="small" data-busy="Attacking …" aria-label="${word}: ${title}">${word}</button>`

export function countsView(results: readonly Result[]): Html {
  const count = (verdict: Result['verdict']) => results.filter((result) => result.verdict === verdict).length
  return html`${(['held', 'broken', 'not run'] as const).map(
    (verdict) => count(verdict) > 0 && chip(verdict, `${count(verdict)} ${verdict}`),
  )}`
}

function tableView(targets: readonly Target[], results: Results): Html {
  const head = attacks.map(
    ({ name, short }) => html`<th scope="col"><a href="/attacks/${name}"><span>${short}</span></a></th>`,
  )
  const row = (target: Target) =>
    html`<tr class="${target.family}"><th scope="row">${target.title}</th>${attacks.map(
      (attack) => html`<td>${cellView(attack, target, results.get(attack.name)?.get(target.name))}</td>`,
    )}</tr>`
  return html`<div class="scroll" role="region" aria-label="Your results" tabindex="0"><table class="matrix mine">
    <caption class="unseen">What your attacks found, by engine</caption>
    <thead><tr><th scope="col">Your results</th>${head}</tr></thead>
    <tbody>${targets.map(row)}</tbody>
  </table></div>`
}

function cellView({ name }: Attack, target: Target, result: Result | undefined): Html {
  if (!result) return tick('open', 'not tried yet')
  return html`<a href="/attacks/${name}?open=${target.name}#${target.name}">${tick(result.verdict, wordsOf(result, target))}</a>`
}

/** What is broken with an engine of ours is so in the documentation. Nobody else's documentation is ours to speak for. */
export function wordsOf({ verdict, promised }: Result, { family }: Pick<Target, 'family'>): string {
  return verdict === 'broken' && !promised && family === 'strongroom' ? 'broken, as documented' : verdict
}
