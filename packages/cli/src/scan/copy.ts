import { byteSet, type Cursor, type Parser } from './cursor.ts'
import { escapeTable } from './dialect.ts'
import { truncated } from './reader.ts'
import type { Row, Value } from './row.ts'

const [TAB, NEWLINE, DOT, BACKSLASH] = [0x09, 0x0a, 0x2e, 0x5c]
const LINE_END = byteSet('\n')
const ESCAPES = escapeTable({ b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 })

/**
 * Reads the lines of PostgreSQL's COPY, up to and including the line `\.`. Returns how many values each of them has: 0 when there are
 * none, and null when they differ.
 */
export function* copyRows(cursor: Cursor, row: Row, found: () => void): Parser<number | null> {
  let width: number | null = 0
  for (;;) {
    row.clear()
    const end = yield* copyLine(cursor, row)
    if (end === 'end') return width
    if (end === 'truncated') throw truncated('a table')
    if (width === 0) width = row.count
    if (row.count !== width) width = null
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
  else value.byte(ESCAPES.get(byte) ?? byte)
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
