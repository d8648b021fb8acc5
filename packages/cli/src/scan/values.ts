import { byteSet, type Cursor, type Parser } from './cursor.ts'
import { truncated } from './reader.ts'
import type { Row, Value } from './row.ts'

const [TAB, NEWLINE] = [9, 10]
const [QUOTE, DOUBLE, BACKSLASH, OPEN, CLOSE, COMMA, DOT] = [0x27, 0x22, 0x5c, 0x28, 0x29, 0x2c, 0x2e]
const LINE_END = byteSet('\n')

/** What a letter after a backslash means: in strings of MySQL, and in PostgreSQL's COPY. */
const IN_STRINGS = escapeTable({ 0: 0, b: 8, n: 10, r: 13, t: 9, Z: 26 })
const IN_COPY = escapeTable({ b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 })

function escapeTable(letters: Readonly<Record<string, number>>): ReadonlyMap<number, number> {
  return new Map(Object.entries(letters).map(([letter, byte]) => [letter.charCodeAt(0), byte]))
}

/**
 * Reads the values in parentheses after VALUES; the opening parenthesis is already consumed. False when the input ends
 * before the closing one.
 */
export function* tupleRow(cursor: Cursor, row: Row, escapes: boolean): Parser<boolean> {
  for (;;) {
    const end = yield* literal(cursor, row.next(), escapes)
    if (end === CLOSE) return true
    if (end !== COMMA) return false
  }
}

/**
 * Reads one value: a string with an optional prefix (`_binary`, `X`, `E`), a word or a number, or an expression, of which the
 * first string is the value. Consumes the comma or parenthesis after it, and returns it.
 */
function* literal(cursor: Cursor, value: Value, escapes: boolean): Parser<number> {
  let isRead = false
  for (let depth = 0; ; ) {
    const byte = yield* cursor.peek()
    if (byte < 0) return byte
    if (byte === QUOTE || byte === DOUBLE) {
      const prefix = isRead ? '' : value.head.toString('latin1').toLowerCase()
      // Strings after the first one are read and discarded.
      yield* quoted(cursor, isRead ? null : value, escapes || prefix === 'e')
      if (!isRead && prefix === 'x') value.unhex(0)
      isRead = true
      continue
    }
    if (byte === OPEN) depth++
    else if (depth === 0 && (byte === COMMA || byte === CLOSE)) {
      cursor.at++
      if (!isRead) finishBare(value)
      return byte
    } else if (byte === CLOSE) depth--
    if (isRead) cursor.at++
    else if (byte > 0x20 && byte !== OPEN) yield* word(cursor, value)
    else {
      cursor.at++
    }
  }
}

/** Reads a run of letters and digits, which may be megabytes of hexadecimal digits. It replaces a run before it. */
function* word(cursor: Cursor, value: Value): Parser {
  value.clear()
  let isFirst = true
  while (yield* cursor.hasMore()) {
    const { chunk } = cursor
    let at = cursor.at
    if (isFirst) at++
    isFirst = false
    while (at < chunk.length && isWord(chunk[at] as number)) at++
    value.append(chunk, cursor.at, at)
    cursor.at = at
    if (at < chunk.length) return
  }
}

const isWord = (byte: number) =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f

function finishBare(value: Value): void {
  const start = value.head.toString('latin1', 0, 8)
  if (/^null$/i.test(start)) {
    value.clear()
    value.isNull = true
  } else if (/^0x[0-9a-f]/i.test(start)) value.unhex(2)
}

function* quoted(cursor: Cursor, into: Value | null, escapes: boolean): Parser {
  into?.clear()
  const quote = yield* cursor.peek()
  cursor.at++
  while (yield* cursor.hasMore()) {
    const { chunk } = cursor
    let at = cursor.at
    let byte = 0
    for (; at < chunk.length; at++) {
      byte = chunk[at] as number
      if (byte === quote || (byte === BACKSLASH && escapes)) break
    }
    into?.append(chunk, cursor.at, at)
    cursor.at = at
    if (at === chunk.length) continue
    cursor.at++
    const next = yield* cursor.peek()
    // Two quotes in a string stand for one.
    if (byte === quote && next !== quote) return
    cursor.at++
    if (next >= 0) into?.byte(byte === quote ? quote : (IN_STRINGS.get(next) ?? next))
  }
}

/** Reads the lines of PostgreSQL's COPY, up to and including the line `\.` */
export function* copyRows(cursor: Cursor, row: Row, found: () => void): Parser {
  for (;;) {
    row.clear()
    const end = yield* copyLine(cursor, row)
    if (end === 'end') return
    if (end === 'truncated') throw truncated('a table')
    found()
  }
}

type End = 'end' | 'truncated'

/** Reads one line. 'end' is the line that ends the data. */
function* copyLine(cursor: Cursor, row: Row): Parser<'line' | End> {
  for (;;) {
    const end = yield* copyValue(cursor, row.next())
    if (end === 'end' || end === 'truncated') return end
    if (end === NEWLINE) return 'line'
  }
}

function* copyValue(cursor: Cursor, value: Value): Parser<number | End> {
  while (yield* cursor.hasMore()) {
    const { chunk } = cursor
    const start = cursor.at
    let at = start
    let byte = 0
    for (; at < chunk.length; at++) {
      byte = chunk[at] as number
      if (byte === TAB || byte === NEWLINE || byte === BACKSLASH) break
    }
    if (at > start) value.append(chunk, start, at)
    cursor.at = at
    if (at === chunk.length) continue
    cursor.at++
    if (byte !== BACKSLASH) return byte
    const isEnd = yield* copyEscape(cursor, value)
    if (isEnd) return 'end'
  }
  return 'truncated'
}

/** Reads what follows a backslash; true for the dot that ends the data. */
function* copyEscape(cursor: Cursor, value: Value): Parser<boolean> {
  const byte = yield* cursor.peek()
  if (byte < 0) return false
  cursor.at++
  if (byte === 0x4e) value.isNull = true
  else if (byte === DOT && value.length === 0) {
    yield* cursor.skipTo(LINE_END)
    return true
  } else if (byte >= 0x30 && byte <= 0x37) yield* octal(cursor, value, byte)
  else value.byte(IN_COPY.get(byte) ?? byte)
  return false
}

function* octal(cursor: Cursor, value: Value, first: number): Parser {
  let code = first & 7
  for (let i = 0; i < 2; i++) {
    const digit = yield* cursor.peek()
    if (digit < 0x30 || digit > 0x37) break
    code = code * 8 + (digit & 7)
    cursor.at++
  }
  value.byte(code & 255)
}
