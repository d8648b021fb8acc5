import { html } from 'hono/html'
import type { Verdict } from '../attacks/finding.ts'
import { marks } from './drawings.ts'
import type { Html } from './html.ts'

export type Mark = Verdict | 'in part' | 'open'

const CLASSES: Readonly<Record<Mark, string>> = {
  held: 'held',
  broken: 'broken',
  'in part': 'part',
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

const WORDS: readonly (readonly [Mark, string])[] = [
  ['held', 'held'],
  ['in part', 'in part'],
  ['broken', 'broken'],
  ['not applicable', 'nothing to attack'],
  ['not run', 'not run'],
]

/** What the marks mean; `in part` where it occurs. */
export const legendOf = (also?: Mark): Html =>
  html`<ul class="legend-line">${WORDS.filter(([mark]) => mark !== 'in part' || mark === also).map(
    ([mark, words]) => html`<li>${chip(mark, words)}</li>`,
  )}</ul>`

export const legend = legendOf()
