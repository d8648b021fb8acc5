import { html } from 'hono/html'
import type { Verdict } from '../attacks/finding.ts'
import { marks } from './drawings.ts'
import type { Html } from './html.ts'

export type Mark = Verdict | 'open'

const CLASSES: Readonly<Record<Mark, string>> = {
  held: 'held',
  broken: 'broken',
  'not applicable': 'none',
  'not run': 'unknown',
  open: 'none',
}

/** A mark, and the words that say the same. */
export const chip = (mark: Mark, words: Html | string): Html =>
  html`<span class="chip ${CLASSES[mark]}">${marks[mark]}<span class="says">${words}</span></span>`

/** A mark alone, for a table that has a legend; its words are there for those who cannot see it. */
export const tick = (mark: Mark, words: string): Html =>
  html`<span class="tick ${CLASSES[mark]}">${marks[mark]}<span class="unseen">${words}</span></span>`

export const legend = html`<ul class="legend-line">
  <li>${chip('held', 'held')}</li>
  <li>${chip('broken', 'broken')}</li>
  <li>${chip('not applicable', 'nothing to attack')}</li>
  <li>${chip('not run', 'not run')}</li>
</ul>`
