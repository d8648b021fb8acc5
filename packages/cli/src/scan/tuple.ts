import type { Feed, Parsing } from './feed.ts'
import type { Row, Value } from './row.ts'

const [QUOTE, DOUBLE, BACKSLASH, OPEN, CLOSE, COMMA] = [0x27, 0x22, 0x5c, 0x28, 0x29, 0x2c]
const ESCAPES = new Map(
  (
    [
      ['0', 0],
      ['b', 8],
      ['n', 10],
      ['r', 13],
      ['t', 9],
      ['Z', 26],
    ] as const
  ).map(([letter, byte]) => [letter.charCodeAt(0), byte]),
)

/** The values in brackets behind VALUES; the opening one is taken already. False when the input ends before the closing one. */
export function* tupleRow(feed: Feed, row: Row, escapes: boolean): Parsing<boolean> {
  for (;;) {
    const end = yield* literal(feed, row.next(), escapes)
    if (end === CLOSE) return true
    if (end !== COMMA) return false
  }
}

/**
 * One value: a string with whatever stands before it (`_binary`, `X`, `E`), a word or a number, or an expression, of which
 * the first string counts. Answers the comma or bracket behind it, which is taken.
 */
function* literal(feed: Feed, value: Value, escapes: boolean): Parsing<number> {
  let isRead = false
  for (let depth = 0; ; ) {
    const byte = yield* feed.peek()
    if (byte < 0) return byte
    if (byte === QUOTE || byte === DOUBLE) {
      const prefix = isRead ? '' : value.head.toString('latin1').toLowerCase()
      // What comes behind the first string is read into nowhere.
      yield* quoted(feed, isRead ? null : value, escapes || prefix === 'e')
      if (!isRead && prefix === 'x') value.unhex(0)
      isRead = true
      continue
    }
    if (byte === OPEN) depth++
    else if (depth === 0 && (byte === COMMA || byte === CLOSE)) {
      feed.at++
      if (!isRead) bare(value)
      return byte
    } else if (byte === CLOSE) depth--
    if (isRead) feed.at++
    else if (byte > 0x20 && byte !== OPEN) yield* word(feed, value)
    else {
      feed.at++
    }
  }
}

/** A run of letters and digits, which may be megabytes of hexadecimal ones. It takes the place of a run before it. */
function* word(feed: Feed, value: Value): Parsing {
  value.clear()
  let isFirst = true
  while (yield* feed.more()) {
    const { chunk } = feed
    let at = feed.at
    if (isFirst) at++
    isFirst = false
    while (at < chunk.length && isWord(chunk[at] as number)) at++
    value.append(chunk, feed.at, at)
    feed.at = at
    if (at < chunk.length) return
  }
}

const isWord = (byte: number) =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f

function bare(value: Value): void {
  const start = value.head.toString('latin1', 0, 8)
  if (/^null$/i.test(start)) {
    value.clear()
    value.isNull = true
  } else if (/^0x[0-9a-f]/i.test(start)) value.unhex(2)
}

function* quoted(feed: Feed, into: Value | null, escapes: boolean): Parsing {
  into?.clear()
  const quote = yield* feed.peek()
  feed.at++
  while (yield* feed.more()) {
    const { chunk } = feed
    let at = feed.at
    let byte = 0
    for (; at < chunk.length; at++) {
      byte = chunk[at] as number
      if (byte === quote || (byte === BACKSLASH && escapes)) break
    }
    into?.append(chunk, feed.at, at)
    feed.at = at
    if (at === chunk.length) continue
    feed.at++
    const next = yield* feed.peek()
    // A doubled quote is one.
    if (byte === quote && next !== quote) return
    feed.at++
    if (next >= 0) into?.byte(byte === quote ? quote : (ESCAPES.get(next) ?? next))
  }
}
