import { html } from 'hono/html'
import type { Html } from './html.ts'

/** Line drawings on a square of 96; `b` is filled with brass, `s` with steel. Decoration: the text next to them says what they show. */
const drawing = (strokes: Html) =>
  html`<svg class="drawing" viewBox="0 0 96 96" aria-hidden="true" focusable="false">${strokes}</svg>`

const DRAWINGS: Readonly<Record<string, Html>> = {
  'brass-padlock': drawing(html`
    <path d="M32 44V32a16 16 0 0 1 32 0v12"/><rect class="b" x="24" y="44" width="48" height="37" rx="6"/>
    <circle cx="48" cy="59" r="4.5"/><path d="M48 63.5v8"/>`),
  'skeleton-key': drawing(html`
    <path class="b" d="M27 34a14 14 0 1 0 13.4 18H62v9h7v-9h5v7h7V44H40.4A14 14 0 0 0 27 34z"/>
    <circle class="hole" cx="27" cy="48" r="6"/>`),
  'cash-box': drawing(html`
    <path d="M37 32v-3a6 6 0 0 1 6-6h10a6 6 0 0 1 6 6v3"/><path class="s" d="M18 50h60v24a5 5 0 0 1-5 5H23a5 5 0 0 1-5-5z"/>
    <rect class="s" x="14" y="32" width="68" height="18" rx="5"/><rect class="b" x="40" y="43" width="16" height="18" rx="3"/>
    <circle cx="48" cy="52" r="2"/>`),
  'vault-dial': drawing(html`
    <circle class="s" cx="48" cy="48" r="33"/>
    <path d="M48 20v6M48 70v6M20 48h6M70 48h6M28.2 28.2l4.2 4.2M63.6 63.6l4.2 4.2M28.2 67.8l4.2-4.2M63.6 32.4l4.2-4.2"/>
    <circle class="b" cx="48" cy="48" r="15"/><path d="M48 48l6-8"/>`),
  'ruled-ledger': drawing(html`
    <path d="M58 74v13l5-4 5 4V74"/><path class="s" d="M22 21a5 5 0 0 1 5-5h42a5 5 0 0 1 5 5v57H27a5 5 0 0 1-5-5z"/>
    <path d="M33 16v62"/><rect class="b" x="42" y="29" width="23" height="16" rx="2"/><path d="M47 37h13"/>`),
  'night-lantern': drawing(html`
    <path d="M36 26a12 12 0 0 1 24 0"/><rect class="s" x="33" y="26" width="30" height="8" rx="2"/><path d="M36 34h24l5 36H31z"/>
    <path class="b" d="M48 43c6 6 8 10 8 14a8 8 0 0 1-16 0c0-4 2-8 8-14z"/><rect class="s" x="25" y="70" width="46" height="10" rx="2"/>`),
}

export const drawingOf = (sku: string): Html => DRAWINGS[sku] ?? drawing(html``)

/** A door with two keyholes: one for the visitor's key, one for the server's. */
export const logo = html`<svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
  <rect class="door" x="2" y="2" width="28" height="28" rx="7"/>
  <g class="yours"><circle cx="11" cy="13.5" r="3"/><path d="M11 14v7.5"/></g>
  <g class="ours"><circle cx="21" cy="13.5" r="3"/><path d="M21 14v7.5"/></g>
</svg>`

/** The two keyholes of a box in the wall. */
export const keyholes = html`<svg class="keyholes" viewBox="0 0 30 16" aria-hidden="true" focusable="false">
  <g class="yours"><circle cx="8" cy="5.5" r="2.6"/><path d="M8 6v6.5"/></g>
  <g class="ours"><circle cx="22" cy="5.5" r="2.6"/><path d="M22 6v6.5"/></g>
</svg>`

export const screen = html`<svg class="device" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
  <rect x="9" y="10" width="30" height="20" rx="3"/><path d="M5 36h38"/>
</svg>`

export const phone = html`<svg class="device" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
  <rect x="14" y="6" width="20" height="36" rx="4"/><path d="M22 37h4"/>
</svg>`
