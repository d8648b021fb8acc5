import { type Feed, type Parsing, type Stops, stopAt } from './feed.ts'
import { cutOff } from './source.ts'

const [QUOTE, DOUBLE, TICK, BACKSLASH, DOLLAR] = [0x27, 0x22, 0x60, 0x5c, 0x24]
const [OPEN, CLOSE, END, DASH, SLASH, STAR, HASH] = [0x28, 0x29, 0x3b, 0x2d, 0x2f, 0x2a, 0x23]
const LINE_END = stopAt('\n')
const COMMENT_END = stopAt('*')
const TAG = stopAt('$')
const STATEMENT = stopAt(';', "'", '"', '`', '-', '/', '$')
const COLUMN = stopAt('(', ')', ',', "'", '"', '`', '-', '/')
/** The end of a string by its quote: with a backslash where that stands for something. */
const PLAIN = new Map<number, Stops>()
const ESCAPED = new Map<number, Stops>()
for (const quote of ["'", '"', '`']) {
  PLAIN.set(quote.charCodeAt(0), stopAt(quote))
  ESCAPED.set(quote.charCodeAt(0), stopAt(quote, '\\'))
}
/** The first words of a statement, and the names in it. */
const HEAD = 4096

/**
 * The words that a statement begins with, up to its first bracket, string or end; comments and the commands of psql are
 * passed over. Null at the end of the input.
 */
export function* statementHead(feed: Feed): Parsing<string | null> {
  let head = ''
  for (;;) {
    const byte = yield* feed.peek()
    if (byte < 0) return head.trim() === '' ? null : head.trim()
    if (byte === OPEN || byte === QUOTE || byte === DOLLAR || head.length > HEAD) return head.trim()
    if (byte === END) {
      if (head.trim() !== '') return head.trim()
      feed.at++
    } else if (byte === DOUBLE || byte === TICK) head += yield* quotedName(feed)
    else if (byte === DASH || byte === SLASH) head += (yield* comment(feed)) ? ' ' : String.fromCharCode(byte)
    else if ((byte === BACKSLASH || byte === HASH) && head.trim() === '') yield* feed.skipTo(LINE_END)
    else {
      head += String.fromCharCode(byte)
      feed.at++
    }
  }
}

/** Takes a comment and says so; takes one byte when it is none. */
function* comment(feed: Feed): Parsing<boolean> {
  const first = yield* feed.peek()
  feed.at++
  const second = yield* feed.peek()
  if (first === DASH && second === DASH) yield* feed.skipTo(LINE_END)
  else if (first !== SLASH || second !== STAR) return false
  else {
    feed.at++
    do {
      if ((yield* feed.skipTo(COMMENT_END)) < 0) throw cutOff('a comment')
      feed.at++
    } while ((yield* feed.peek()) !== SLASH)
    feed.at++
  }
  return true
}

/** A name in its quotes, as it stands there. */
function* quotedName(feed: Feed): Parsing<string> {
  const quote = yield* feed.peek()
  let text = String.fromCharCode(quote)
  for (feed.at++; ; feed.at++) {
    const byte = yield* feed.peek()
    if (byte < 0) throw cutOff('a name')
    if (text.length < HEAD) text += String.fromCharCode(byte)
    if (byte === quote) {
      feed.at++
      return text
    }
  }
}

/** Takes the rest of a statement and its semicolon, which may stand in strings, names, comments and bodies of functions too. */
export function* skipStatement(feed: Feed, escapes: boolean): Parsing {
  for (;;) {
    const byte = yield* feed.skipTo(STATEMENT)
    if (byte < 0) return
    if (byte === END) {
      feed.at++
      return
    }
    if (byte === QUOTE || byte === DOUBLE || byte === TICK) yield* skipString(feed, escapes && byte !== TICK)
    else if (byte === DOLLAR) yield* skipBody(feed)
    else yield* comment(feed)
  }
}

function* skipString(feed: Feed, escapes: boolean): Parsing {
  const quote = yield* feed.peek()
  feed.at++
  const stops = (escapes ? ESCAPED : PLAIN).get(quote) as Stops
  // A doubled quote ends one string and begins the next.
  for (;;) {
    const byte = yield* feed.skipTo(stops)
    if (byte < 0) throw cutOff('a string')
    feed.at++
    if (byte === quote) return
    if (yield* feed.more()) feed.at++
  }
}

/** PostgreSQL's `$tag$ … $tag$`. A dollar that begins none is passed over. */
function* skipBody(feed: Feed): Parsing {
  const tag = yield* dollarTag(feed)
  if (tag === null) return
  for (;;) {
    if ((yield* feed.skipTo(TAG)) < 0) throw cutOff('a function')
    // A tag that is not ours may end with the dollar that begins ours.
    while ((yield* feed.peek()) === DOLLAR) if ((yield* dollarTag(feed)) === tag) return
  }
}

/** Takes `$tag$` and answers its name; takes less, and answers null, when it is none. Its last dollar may begin another. */
function* dollarTag(feed: Feed): Parsing<string | null> {
  feed.at++
  let tag = ''
  for (;;) {
    const byte = yield* feed.peek()
    if (byte === DOLLAR) {
      feed.at++
      return tag
    }
    const letter = byte < 0 ? '' : String.fromCharCode(byte)
    if (!/^[A-Za-z0-9_\u0080-\u00ff]$/.test(letter) || tag.length === 63) return null
    tag += letter
    feed.at++
  }
}

/** The names of columns in brackets: a list of them, or the definition of a table, of which the rest is passed over. */
export function* columnsIn(feed: Feed, escapes: boolean): Parsing<string[]> {
  feed.at++
  const names: string[] = []
  for (;;) {
    yield* feed.skipSpace()
    const name = yield* columnName(feed)
    if (names.length < 64 && !KEYWORDS.test(name)) names.push(nameIn(name))
    if (!(yield* toNextColumn(feed, escapes))) return names
  }
}

const KEYWORDS = /^(?:PRIMARY|UNIQUE|KEY|INDEX|CONSTRAINT|CHECK|FOREIGN|FULLTEXT|SPATIAL|EXCLUDE|LIKE|PERIOD)$/i

function* columnName(feed: Feed): Parsing<string> {
  const first = yield* feed.peek()
  if (first === DOUBLE || first === TICK) return yield* quotedName(feed)
  let name = ''
  for (;;) {
    const letter = String.fromCharCode(Math.max(0, yield* feed.peek()))
    if (!/^[\w$]$/.test(letter)) return name
    if (name.length < HEAD) name += letter
    feed.at++
  }
}

/** Past the comma before the next column; false at the bracket that closes them all. */
function* toNextColumn(feed: Feed, escapes: boolean): Parsing<boolean> {
  for (let depth = 0; ; ) {
    const byte = yield* feed.skipTo(COLUMN)
    if (byte < 0) throw cutOff('a statement')
    if (byte === QUOTE || byte === DOUBLE || byte === TICK) yield* skipString(feed, escapes && byte !== TICK)
    else if (byte === DASH || byte === SLASH) yield* comment(feed)
    else {
      feed.at++
      if (byte === OPEN) depth++
      if (byte === CLOSE && depth-- === 0) return false
      if (byte === 0x2c && depth === 0) return true
    }
  }
}

/** "public.\"my table\"" → public.my table, as bytes of UTF-8 spell it. */
export const nameIn = (text: string) => Buffer.from(text.replace(/["`[\]]/g, ''), 'latin1').toString('utf8')
