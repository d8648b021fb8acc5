import { type Feed, type Parsing, stopAt } from './feed.ts'
import type { Row, Value } from './row.ts'
import { cutOff } from './source.ts'

const [TAB, LINE, BACKSLASH, DOT] = [9, 10, 0x5c, 0x2e]
const LINE_END = stopAt('\n')
const ESCAPES = new Map([...'bfnrtv'].map((letter, i) => [letter.charCodeAt(0), [8, 12, 10, 13, 9, 11][i] as number]))

/** The lines of PostgreSQL's COPY, up to the line `\.` */
export function* copyRows(feed: Feed, row: Row, found: () => void): Parsing {
  for (;;) {
    row.clear()
    const isLine = yield* copyLine(feed, row)
    if (isLine === null) return
    if (!isLine) throw cutOff('a table')
    found()
  }
}

/** Reads one line: true; null at the line that ends the data; false when the input ends. */
function* copyLine(feed: Feed, row: Row): Parsing<boolean | null> {
  for (;;) {
    const value = row.next()
    const end = yield* copyValue(feed, value)
    if (end === 'end') return null
    if (end === 'cut') return false
    if (end === LINE) return true
  }
}

function* copyValue(feed: Feed, value: Value): Parsing<number | 'end' | 'cut'> {
  while (yield* feed.more()) {
    const { chunk } = feed
    const start = feed.at
    let at = start
    let byte = 0
    for (; at < chunk.length; at++) {
      byte = chunk[at] as number
      if (byte === TAB || byte === LINE || byte === BACKSLASH) break
    }
    if (at > start) value.append(chunk, start, at)
    feed.at = at
    if (at === chunk.length) continue
    feed.at++
    if (byte !== BACKSLASH) return byte
    const ended = yield* escaped(feed, value)
    if (ended) return 'end'
  }
  return 'cut'
}

/** What stands behind a backslash; true for the dot that ends the data. */
function* escaped(feed: Feed, value: Value): Parsing<boolean> {
  const byte = yield* feed.peek()
  if (byte < 0) return false
  feed.at++
  if (byte === 0x4e) value.isNull = true
  else if (byte === DOT && value.length === 0) {
    yield* feed.skipTo(LINE_END)
    return true
  } else if (byte >= 0x30 && byte <= 0x37) yield* octal(feed, value, byte)
  else value.byte(ESCAPES.get(byte) ?? byte)
  return false
}

function* octal(feed: Feed, value: Value, first: number): Parsing {
  let code = first & 7
  for (let i = 0; i < 2; i++) {
    const digit = yield* feed.peek()
    if (digit < 0x30 || digit > 0x37) break
    code = code * 8 + (digit & 7)
    feed.at++
  }
  value.byte(code & 255)
}
