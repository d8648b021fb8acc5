import { html } from 'hono/html'
import type { Attack } from '../attacks/attack.ts'
import type { Step } from '../attacks/finding.ts'
import type { Result } from '../attacks/run.ts'
import type { Run } from '../attacks/runs.ts'
import type { Target } from '../targets/target.ts'
import { countsView, wordsOf } from './attacks.ts'
import { docsAddress } from './documentation.ts'
import type { Html } from './html.ts'
import { chip } from './verdict.ts'

export interface AttackPage {
  readonly attack: Attack
  readonly run: Run | null
  /** Did the address name a run that is not known (any more)? */
  readonly isForgotten: boolean
  readonly targets: readonly Target[]
  /** The target whose steps the visitor has asked for. */
  readonly open: unknown
}

/** Opened and side by side unless another one was asked for, because they are what one compares. */
const COMPARED = ['sqlite', 'express-session']

export function attackView({ attack, run, isForgotten, targets, open }: AttackPage): Html {
  const { name, title, what, fairly, docs } = attack
  return html`<div class="attack">
    <div class="words">
      <h1>${title}</h1>
      <p class="lead">${what}</p>
      <form method="post" action="/attacks/${name}">
        <button class="brass" data-busy="Attacking …">${run ? 'Attack again' : `Attack all ${targets.length} engines`}</button>
      </form>
      ${fairly !== undefined && html`<p class="fairly">${fairly}</p>`}
      <p><a href="${docsAddress(docs)}">What the documentation says</a> <span class="soft">${docs}</span></p>
    </div>
    <section class="code" aria-labelledby="code-title">
      <h2 id="code-title">The code that does it</h2>
      <pre tabindex="0"><code>${sourceOf(attack)}</code></pre>
      <p class="hint">The source of the function that runs, as the server has loaded it.</p>
    </section>
    ${isForgotten && html`<p class="notice warning">That run is not known any more. Attack again.</p>`}
    ${run && resultsView(run, targets, targets.some(({ name }) => name === open) ? [String(open)] : COMPARED)}
  </div>`
}

/** As it was loaded, moved to the margin. */
export function sourceOf({ run }: Attack): string {
  const text = run.toString()
  const margin = /\n( *)\S[^\n]*$/.exec(text)?.[1] ?? ''
  return text.replaceAll(`\n${margin}`, '\n')
}

function resultsView({ results }: Run, targets: readonly Target[], open: readonly string[]): Html {
  const isOpen = ({ target }: Result) => open.includes(target)
  const sorted = results.toSorted((a, b) => Number(isOpen(b)) - Number(isOpen(a)))
  const titled = (result: Result) => targets.find(({ name }) => name === result.target)
  return html`<section class="results" aria-labelledby="results-title">
    <h2 id="results-title">What happened</h2>
    <p class="counts" role="status">${countsView(results)}</p>
    <ul>${sorted.map((result) => resultView(result, titled(result), isOpen(result)))}</ul>
  </section>`
}

function resultView(result: Result, target: Target | undefined, isOpen: boolean): Html {
  const { target: name, verdict, summary, steps, ms } = result
  const { title, family } = target ?? { title: name, family: 'strongroom' }
  return html`<li id="${name}" class="panel ${family}">
    <details ${isOpen && 'open'}>
      <summary>
        <span class="engine">${title}</span>
        ${chip(verdict, wordsOf(result, { family }))}
        <span class="summary">${summary}</span>
      </summary>
      ${
        steps.length > 0
          ? html`<ol class="steps">${steps.map(stepView)}</ol><p class="hint">${Math.round(ms)} ms</p>`
          : html`<p class="hint">Nothing was sent.</p>`
      }
    </details>
  </li>`
}

function stepView({ who, what, status, answer, holds }: Step): Html {
  return html`<li class="step ${who}">
    <span class="who">${who}</span>
    <span class="does">${status === null ? what : html`<code><bdi>${what}</bdi></code>`}
      ${status !== null && html`<span class="status ${status >= 400 && 'bad'}">${status}</span> <span class="answer"><bdi>${answer}</bdi></span>`}
      ${holds && html`<span class="holds">holds ${holds}</span>`}
    </span>
  </li>`
}
