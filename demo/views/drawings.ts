import { html } from 'hono/html'
import type { Html } from './html.ts'

/** Decoration: the words next to a drawing say what it shows. */
const drawing = (name: string, strokes: Html) =>
  html`<svg class="${name}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${strokes}</svg>`

/** A door with two keyholes: one for the visitor's key, one for the server's. */
export const logo = html`<svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
  <rect class="door" x="2" y="2" width="28" height="28" rx="7"/>
  <g class="yours"><circle cx="11" cy="13.5" r="3"/><path d="M11 14v7.5"/></g>
  <g class="ours"><circle cx="21" cy="13.5" r="3"/><path d="M21 14v7.5"/></g>
</svg>`

const SHIELD = html`<path class="body" d="M12 2.5 20 5.3v6.2c0 4.7-3.2 8.3-8 10-4.8-1.7-8-5.3-8-10V5.3z"/>`

/** A shield that holds, one that is broken, and what is neither. They differ in form, not only in colour. */
export const marks = {
  held: drawing('mark', html`${SHIELD}<path class="sign" d="m8.2 12 2.7 2.8 4.9-5.4"/>`),
  broken: drawing('mark', html`${SHIELD}<path class="sign" d="m9 9 6 6m0-6-6 6"/>`),
  'in part': drawing('mark', html`${SHIELD}<path class="sign" d="M8.5 12h7"/>`),
  'not applicable': drawing('mark', html`<path class="sign" d="M7 12h10"/>`),
  'not run': drawing('mark', html`<circle class="ring" cx="12" cy="12" r="8"/><path class="sign" d="M12 8v5m0 3v.4"/>`),
  // Not tried yet.
  open: drawing('mark', html`<circle class="dot" cx="12" cy="12" r="2"/>`),
} as const
