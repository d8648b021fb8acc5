import { html } from 'hono/html'
import type { Part } from './anatomy.ts'
import type { Html } from './html.ts'

const HALF = 8

export interface DumpOptions {
  readonly title: string
  /** The offset of the first byte in its file. */
  readonly first?: number
  /** Bytes to highlight. */
  readonly mark?: { readonly from: number; readonly to: number }
}

type Paint = (at: number) => string

/** Bytes as in a hex editor, each with the colour of its part. A narrow page folds each line in two. */
export function dumpView(bytes: Uint8Array, parts: readonly Part[], options: DumpOptions): Html {
  const { title, first = 0, mark = { from: 0, to: 0 } } = options
  const kinds = parts.flatMap(({ kind, length }) => Array<Part['kind']>(length).fill(kind))
  const paint: Paint = (at) => (at >= mark.from && at < mark.to ? 'marked' : (kinds[at] ?? 'open'))
  const lines: Html[] = []
  for (let at = 0; at < bytes.length; at += 2 * HALF) {
    const halves = [at, at + HALF].map((from) => halfOf(bytes, paint, from))
    lines.push(
      html`<div class="line"><span class="at">${(first + at).toString(16).padStart(4, '0')}</span>${halves.map(
        ({ hex }, i) => html`<span class="hex${i}">${hex}</span>`,
      )}${halves.map(({ text }, i) => html`<span class="text${i}">${text}</span>`)}</div>`,
    )
  }
  return html`<div class="dump" role="img" tabindex="0" aria-label="${title}: ${bytes.length} bytes, in hexadecimal and as text"><div>${lines}</div></div>`
}

/** What the colours of a dump mean. */
export function legendView(parts: readonly Part[]): Html {
  return html`<ul class="legend">${parts.map(partView)}</ul>`
}

function partView({ kind, length, name, meaning }: Part): Html {
  return html`<li><span class="swatch ${kind}"></span><span><strong>${name}</strong> <span class="soft">${length} ${
    length === 1 ? 'byte' : 'bytes'
  }: ${meaning}</span></span></li>`
}

/** Eight bytes in runs of one kind, in hexadecimal and as text. */
function halfOf(bytes: Uint8Array, paint: Paint, from: number): { hex: Html[]; text: Html[] } {
  const hex: Html[] = []
  const text: Html[] = []
  const end = Math.min(from + HALF, bytes.length)
  for (let at = from; at < end; ) {
    const kind = paint(at)
    let next = at + 1
    while (next < end && paint(next) === kind) next++
    const run = [...bytes.subarray(at, next)]
    hex.push(html`<b class="${kind}">${run.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')} </b>`)
    text.push(html`<b class="${kind}">${run.map(printable).join('')}</b>`)
    at = next
  }
  return { hex, text }
}

const printable = (byte: number) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')
