import { html } from 'hono/html'
import type { Hit, Look } from '../search/look.ts'
import type { Row } from '../targets/target.ts'
import {
  type Part,
  plainRecordParts,
  recordParts,
  sealedCookieParts,
  signedCookieParts,
  tokenParts,
} from './anatomy.ts'
import { dumpView, legendView } from './dump.ts'
import type { Html } from './html.ts'

/** Bytes before and after what was found. */
const BEFORE = 32
const AFTER = 32
/** Of a row, so many are shown. */
const MOST = 320

/** What is in the browser: the cookie as it is, and the bytes that its characters stand for. */
export function bytesOfCookie({ target, cookies, inCookie, row }: Look): Html {
  const values = [...cookies].map(([name, value]) => {
    const hit = inCookie?.file.name === name ? inCookie : null
    return html`<p class="raw"><code>${name}=${marked(value, hit)}</code></p>`
  })
  const [value = ''] = cookies.values()
  if (target.family === 'peer') return html`${values}${decodedView(value)}`
  const bytes = Buffer.from(value, 'base64url')
  const parts = cookieParts(bytes, { hasRow: row !== null, isSigned: target.seal.startsWith('signed') })
  const dump = dumpView(bytes, parts, { title: `The cookie of ${target.title}` })
  return html`${values}<div class="anatomy">${dump}${legendView(parts)}</div>`
}

/** So many characters fit beside a verdict. */
const TEASER = 44

/** The beginning of the cookie, or where the note stands in it. */
export function teaserOfCookie({ cookies, inCookie }: Look): Html {
  if (!inCookie) return html`${[...cookies.values()][0]?.slice(0, TEASER)}…`
  const text = Buffer.from(inCookie.file.bytes).toString('latin1')
  return around(text, inCookie)
}

/** The beginning of the row in hexadecimal, or the note and what stands around it. */
export function teaserOfStore({ inStore, row }: Look): Html {
  if (inStore) return around(Buffer.from(inStore.file.bytes).toString('latin1'), inStore)
  return html`${Buffer.from(row?.bytes.subarray(0, TEASER / 3) ?? [])
    .toString('hex')
    .replace(/..(?=.)/g, '$& ')} …`
}

function around(text: string, { offset, length }: Hit): Html {
  const clean = (some: string) => some.replace(/[^ -~]/g, '·')
  const before = clean(text.slice(Math.max(0, offset - 9), offset))
  const found = clean(text.slice(offset, Math.min(offset + length, offset + TEASER - 12)))
  return html`…${before}<mark>${found}</mark>…`
}

function cookieParts({ length }: Buffer, { hasRow, isSigned }: { hasRow: boolean; isSigned: boolean }) {
  return hasRow ? tokenParts : isSigned ? signedCookieParts(length) : sealedCookieParts(length)
}

/** A cookie of another library that is JSON in base64. */
function decodedView(value: string): Html {
  const text = Buffer.from(decodeURIComponent(value), 'base64').toString()
  return text.startsWith('{')
    ? html`<p class="soft">Decoded from base64:</p><pre class="plain" tabindex="0">${text}</pre>`
    : html``
}

function marked(value: string, hit: Hit | null): Html {
  if (!hit) return html`${value}`
  const end = hit.offset + hit.length
  return html`${value.slice(0, hit.offset)}<mark>${value.slice(hit.offset, end)}</mark>${value.slice(end)}`
}

/** What is at rest: the note where it was found, or else the visitor's row. */
export function bytesOfStore({ target, inStore, row, rowAt, files }: Look): Html {
  const place = files > 1 ? `${files} files` : 'one place'
  const at = inStore ?? rowAt
  const where =
    at && html`<p class="soft">${at.file.name}, at byte ${at.offset}${files > 1 && html` (of ${place})`}:</p>`
  if (row && !inStore) {
    const parts = row.kind === 'plain' ? [plainPart(row.bytes.length)] : recordParts(row.bytes.length)
    const dump = dumpView(row.bytes.subarray(0, MOST), parts, { title: `The row in ${target.title}` })
    return html`${where ?? html`<p class="soft">Your row, as the store returns it:</p>`}
      <div class="anatomy">${dump}${legendView(parts)}</div>`
  }
  if (!inStore) return html``
  const from = Math.max(0, inStore.offset - BEFORE)
  const bytes = inStore.file.bytes.subarray(from, inStore.offset + inStore.length + AFTER)
  const mark = { from: inStore.offset - from, to: inStore.offset - from + inStore.length }
  const parts = row && target.family === 'strongroom' ? partsAround(row, from, bytes.length) : [plainPart(bytes.length)]
  return html`${where}${dumpView(bytes, parts, { title: `Where the note stands in ${target.title}`, first: from, mark })}`
}

const plainPart = (length: number): Part => ({ kind: 'plain', length, name: 'session', meaning: 'readable' })

/** The parts of a plain record, cut to what is shown of it. */
function partsAround({ bytes }: Row, from: number, length: number): readonly Part[] {
  let at = 0
  return plainRecordParts(bytes).flatMap((part) => {
    const [start, end] = [Math.max(at, from), Math.min(at + part.length, from + length)]
    at += part.length
    return end > start ? [{ ...part, length: end - start }] : []
  })
}
