import { randomInt } from 'node:crypto'
import type { Cookies, Row } from '../targets/target.ts'

/** At most so many places of a cookie or of a row, spread over its length. */
const PLACES = 48

/** Copies of these cookies, each with one bit of one value flipped; a value that is base64url is altered below that. */
export function* alteredCookies(cookies: Cookies): Generator<Cookies> {
  for (const [name, value] of cookies)
    for (const changed of alteredValues(value)) yield new Map(cookies).set(name, changed)
}

function* alteredValues(value: string): Generator<string> {
  if (/^[\w-]+$/.test(value)) {
    for (const bytes of altered(Buffer.from(value, 'base64url'))) yield Buffer.from(bytes).toString('base64url')
    return
  }
  // A character becomes another one that a cookie may contain.
  for (const at of places(value.length)) {
    const other = value[at] === 'A' ? 'B' : 'A'
    yield value.slice(0, at) + other + value.slice(at + 1)
  }
}

/**
 * Copies with one bit flipped, at places all over them. In plain JSON, the lowest bit of each byte of the visitor's note as well: a
 * flip that only breaks the syntax would not show whether anybody noticed.
 */
export function* alteredRows({ bytes, kind }: Row, note: string): Generator<Uint8Array> {
  yield* altered(bytes)
  const at = kind === 'plain' ? Buffer.from(bytes).indexOf(note) : -1
  for (const i of at < 0 ? [] : places(note.length)) yield flipped(bytes, at + i, 1)
}

function* altered(bytes: Uint8Array): Generator<Uint8Array> {
  for (const at of places(bytes.length)) yield flipped(bytes, at, 1 << randomInt(8))
}

function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  return Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ bit : byte))
}

function places(length: number): number[] {
  const count = Math.min(length, PLACES)
  return Array.from({ length: count }, (_, i) => Math.floor((i * length) / count))
}
