import { type Html, html } from '../html.ts'

/** Four shapes, which are told apart without their colours: a disc with a tick, a square with a cross, a bar, a ring with a question. */
export type Mark = 'good' | 'bad' | 'warn' | 'none' | 'unknown'

const SHAPES: Readonly<Record<Mark, Html>> = {
  good: html`<circle cx="8" cy="8" r="8" class="fill"/><path d="m4.5 8.3 2.4 2.4 4.6-5" class="cut"/>`,
  bad: html`<rect width="16" height="16" rx="2" class="fill"/><path d="m4.8 4.8 6.4 6.4m0-6.4-6.4 6.4" class="cut"/>`,
  warn: html`<path d="M8 .8 16 15.2H0Z" class="fill"/><path d="M8 6v4m0 2.2v.3" class="cut"/>`,
  none: html`<path d="M4 8h8" class="stroke"/>`,
  unknown: html`<circle cx="8" cy="8" r="7" class="stroke dash"/><path d="M6.2 6.3c0-2.4 3.6-2.3 3.6-.1 0 1.3-1.8 1.4-1.8 3m0 1.9v.3" class="stroke"/>`,
}

/** Its meaning stands beside it in words: it is hidden from screen readers. */
export const mark = (kind: Mark): Html =>
  html`<svg class="mark ${kind}" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">${SHAPES[kind]}</svg>`
