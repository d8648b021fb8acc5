import { type ByteSet, byteSet, type Cursor, type Parser } from './cursor.ts'
import { truncated } from './reader.ts'

const [QUOTE, DOUBLE, TICK, BACKSLASH, DOLLAR] = [0x27, 0x22, 0x60, 0x5c, 0x24]
const [OPEN, CLOSE, END, DASH, SLASH, STAR, HASH] = [0x28, 0x29, 0x3b, 0x2d, 0x2f, 0x2a, 0x23]
const LINE_END = byteSet('\n')
const COMMENT_END = byteSet('*')
const TAG = byteSet('$')
const STATEMENT = byteSet(';', "'", '"', '`', '-', '/', '$')
const COLUMN = byteSet('(', ')', ',', "'", '"', '`', '-', '/')
/** Where a string may end, by its quote; and the same where a backslash is an escape. */
const PLAIN = new Map<number, ByteSet>()
const ESCAPED = new Map<number, ByteSet>()
for (const quote of ["'", '"', '`']) {
  PLAIN.set(quote.charCodeAt(0), byteSet(quote))
  ESCAPED.set(quote.charCodeAt(0), byteSet(quote, '\\'))
}
/** The limit for the first words of a statement, and for each name in it. */
const HEAD = 4096

/**
 * Reads the words that a statement begins with, up to its first parenthesis, string or end. Skips comments and the commands
 * of psql. Null at the end of the input.
 */
export function* statementHead(cursor: Cursor): Parser<string | null> {
  let head = ''
  for (;;) {
    const byte = yield* cursor.peek()
    if (byte < 0) return head.trim() === '' ? null : head.trim()
    if (byte === OPEN || byte === QUOTE || byte === DOLLAR || head.length > HEAD) return head.trim()
    if (byte === END) {
      if (head.trim() !== '') return head.trim()
      cursor.at++
    } else if (byte === DOUBLE || byte === TICK) head += yield* quotedName(cursor)
    else if (byte === DASH || byte === SLASH) head += (yield* comment(cursor)) ? ' ' : String.fromCharCode(byte)
    else if ((byte === BACKSLASH || byte === HASH) && head.trim() === '') yield* cursor.skipTo(LINE_END)
    else {
      head += String.fromCharCode(byte)
      cursor.at++
    }
  }
}

/** Consumes a comment and returns true; consumes one byte when there is no comment, and returns false. */
function* comment(cursor: Cursor): Parser<boolean> {
  const first = yield* cursor.peek()
  cursor.at++
  const second = yield* cursor.peek()
  if (first === DASH && second === DASH) yield* cursor.skipTo(LINE_END)
  else if (first !== SLASH || second !== STAR) return false
  else {
    cursor.at++
    do {
      if ((yield* cursor.skipTo(COMMENT_END)) < 0) throw truncated('a comment')
      cursor.at++
    } while ((yield* cursor.peek()) !== SLASH)
    cursor.at++
  }
  return true
}

/** Reads a quoted name, including its quotes. */
function* quotedName(cursor: Cursor): Parser<string> {
  const quote = yield* cursor.peek()
  let text = String.fromCharCode(quote)
  for (cursor.at++; ; cursor.at++) {
    const byte = yield* cursor.peek()
    if (byte < 0) throw truncated('a name')
    if (text.length < HEAD) text += String.fromCharCode(byte)
    if (byte === quote) {
      cursor.at++
      return text
    }
  }
}

/** Consumes the rest of a statement and its semicolon. Ignores semicolons in strings, names, comments and function bodies. */
export function* skipStatement(cursor: Cursor, escapes: boolean): Parser {
  for (;;) {
    const byte = yield* cursor.skipTo(STATEMENT)
    if (byte < 0) return
    if (byte === END) {
      cursor.at++
      return
    }
    if (byte === QUOTE || byte === DOUBLE || byte === TICK) yield* skipString(cursor, escapes && byte !== TICK)
    else if (byte === DOLLAR) yield* skipBody(cursor)
    else yield* comment(cursor)
  }
}

function* skipString(cursor: Cursor, escapes: boolean): Parser {
  const quote = yield* cursor.peek()
  cursor.at++
  const stops = (escapes ? ESCAPED : PLAIN).get(quote) as ByteSet
  // A doubled quote reads as the end of one string and the beginning of the next.
  for (;;) {
    const byte = yield* cursor.skipTo(stops)
    if (byte < 0) throw truncated('a string')
    cursor.at++
    if (byte === quote) return
    if (yield* cursor.hasMore()) cursor.at++
  }
}

/** Skips PostgreSQL's `$tag$ … $tag$`, or a dollar sign that does not begin one. */
function* skipBody(cursor: Cursor): Parser {
  const tag = yield* dollarTag(cursor)
  if (tag === null) return
  for (;;) {
    if ((yield* cursor.skipTo(TAG)) < 0) throw truncated('a function')
    // Another tag may come directly before ours.
    while ((yield* cursor.peek()) === DOLLAR) if ((yield* dollarTag(cursor)) === tag) return
  }
}

/** Consumes `$tag$` and returns its name. Returns null when there is no tag, and consumes only the dollar sign and the letters after it. */
function* dollarTag(cursor: Cursor): Parser<string | null> {
  cursor.at++
  let tag = ''
  for (;;) {
    const byte = yield* cursor.peek()
    if (byte === DOLLAR) {
      cursor.at++
      return tag
    }
    const letter = byte < 0 ? '' : String.fromCharCode(byte)
    if (!/^[A-Za-z0-9_\u0080-\u00ff]$/.test(letter) || tag.length === 63) return null
    tag += letter
    cursor.at++
  }
}

/** Reads the column names in parentheses: a list of names, or a table definition, whose types and constraints are skipped. */
export function* columnsIn(cursor: Cursor, escapes: boolean): Parser<string[]> {
  cursor.at++
  const names: string[] = []
  for (;;) {
    yield* cursor.skipSpace()
    const name = yield* columnName(cursor)
    if (names.length < 64 && !KEYWORDS.test(name)) names.push(nameIn(name))
    if (!(yield* toNextColumn(cursor, escapes))) return names
  }
}

const KEYWORDS = /^(?:PRIMARY|UNIQUE|KEY|INDEX|CONSTRAINT|CHECK|FOREIGN|FULLTEXT|SPATIAL|EXCLUDE|LIKE|PERIOD)$/i

function* columnName(cursor: Cursor): Parser<string> {
  const first = yield* cursor.peek()
  if (first === DOUBLE || first === TICK) return yield* quotedName(cursor)
  let name = ''
  for (;;) {
    const letter = String.fromCharCode(Math.max(0, yield* cursor.peek()))
    if (!/^[\w$]$/.test(letter)) return name
    if (name.length < HEAD) name += letter
    cursor.at++
  }
}

/** Moves past the comma before the next column; false at the parenthesis that closes the list. */
function* toNextColumn(cursor: Cursor, escapes: boolean): Parser<boolean> {
  for (let depth = 0; ; ) {
    const byte = yield* cursor.skipTo(COLUMN)
    if (byte < 0) throw truncated('a statement')
    if (byte === QUOTE || byte === DOUBLE || byte === TICK) yield* skipString(cursor, escapes && byte !== TICK)
    else if (byte === DASH || byte === SLASH) yield* comment(cursor)
    else {
      cursor.at++
      if (byte === OPEN) depth++
      if (byte === CLOSE && depth-- === 0) return false
      if (byte === 0x2c && depth === 0) return true
    }
  }
}

/** "public.\"my table\"" → public.my table, decoded from the UTF-8 bytes that the parser collected. */
export const nameIn = (text: string) => Buffer.from(text.replace(/["`[\]]/g, ''), 'latin1').toString('utf8')
