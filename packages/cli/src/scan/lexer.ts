import { type ByteSet, byteSet, type Cursor, type Parser } from './cursor.ts'
import type { Dialect } from './dialect.ts'
import { truncated } from './reader.ts'

/** `end` is what ends a statement, and `eof` the end of the input. */
export type Token = 'word' | 'name' | 'string' | 'symbol' | 'open' | 'close' | 'comma' | 'dot' | 'end' | 'eof'

const [NEWLINE, SPACE, BANG, DOUBLE, HASH, DOLLAR, QUOTE, STAR, DASH, SLASH, BACKSLASH, TICK] = [
  0x0a, 0x20, 0x21, 0x22, 0x23, 0x24, 0x27, 0x2a, 0x2d, 0x2f, 0x5c, 0x60,
]
const LINE_END = byteSet('\n')
const STARS = byteSet('*')
const DOLLARS = byteSet('$')
const PUNCTUATION: ReadonlyMap<number, Token> = new Map([
  [0x28, 'open'],
  [0x29, 'close'],
  [0x2c, 'comma'],
  [0x2e, 'dot'],
])

/** No name is longer. What is beyond is read and discarded. */
const LONGEST_WORD = 128

/** Letters, digits, `_`, `$`, `@` and everything beyond ASCII. */
const WORD = new Uint8Array(256).fill(1, 0x80)
for (const letter of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$@') WORD[letter.charCodeAt(0)] = 1

/** Where a string may end, by its quote; and the same where a backslash is an escape. */
const PLAIN = new Map<number, ByteSet>()
const ESCAPED = new Map<number, ByteSet>()
for (const quote of ["'", '"', '`']) {
  PLAIN.set(quote.charCodeAt(0), byteSet(quote))
  ESCAPED.set(quote.charCodeAt(0), byteSet(quote, '\\'))
}

/**
 * Cuts SQL into tokens. Every byte is looked at one time and nothing is ever read again, so the time is proportional to the input,
 * whatever a hostile dump contains.
 */
export class Lexer {
  /** The letters of the last word, or of the last name without its quotes. */
  text = ''
  readonly #cursor: Cursor
  readonly #dialect: Dialect
  /** Reads a comment whose `#` is already consumed. */
  readonly #note: () => Parser
  /** What ends a statement: the client of MySQL lets a dump change it, because procedures contain semicolons. */
  #delimiter = ';'
  #isInVersionComment = false
  /** Did what was last taken for the beginning of a function's body end with a dollar sign? */
  #hasTag = false

  constructor(cursor: Cursor, dialect: Dialect, note: () => Parser = () => this.restOfLine()) {
    this.#cursor = cursor
    this.#dialect = dialect
    this.#note = note
  }

  *next(): Parser<Token> {
    const cursor = this.#cursor
    for (;;) {
      const byte = yield* cursor.peek()
      if (byte < 0) return 'eof'
      if (byte <= SPACE && byte > 0) yield* cursor.skipSpace()
      else if (WORD[byte] === 1 && byte !== DOLLAR && byte !== this.#delimiter.charCodeAt(0)) return yield* this.#word()
      else {
        const token = yield* this.#other(byte)
        if (token !== null) return token
      }
    }
  }

  /** The first byte of a token that is no word. Null for a comment. */
  *#other(byte: number): Parser<Token | null> {
    const cursor = this.#cursor
    cursor.at++
    if (byte === this.#delimiter.charCodeAt(0)) {
      const length = yield* this.#delimiterLength()
      if (length === this.#delimiter.length) return 'end'
      if (length > 1) return 'symbol'
    }
    if (byte === QUOTE) return yield* this.#string(byte, this.#dialect.escapes === true)
    if (byte === DOUBLE || byte === TICK) return yield* this.#name(byte)
    if (byte === DOLLAR) return yield* this.#body()
    if (yield* this.#comment(byte)) return null
    this.text = String.fromCharCode(byte)
    return PUNCTUATION.get(byte) ?? 'symbol'
  }

  /** How much of the delimiter is here; its first byte is already consumed. */
  *#delimiterLength(): Parser<number> {
    let length = 1
    while (length < this.#delimiter.length) {
      if ((yield* this.#cursor.peek()) !== this.#delimiter.charCodeAt(length)) return length
      this.#cursor.at++
      length++
    }
    return length
  }

  *#word(): Parser<Token> {
    const cursor = this.#cursor
    // In `END$$` the delimiter follows without a space.
    const stop = this.#delimiter.charCodeAt(0)
    this.text = ''
    while (yield* cursor.hasMore()) {
      const { chunk, at: start } = cursor
      let at = start
      while (at < chunk.length && WORD[chunk[at] as number] === 1 && chunk[at] !== stop) at++
      if (this.text.length < LONGEST_WORD)
        this.text += chunk.toString('latin1', start, Math.min(at, start + LONGEST_WORD - this.text.length))
      cursor.at = at
      if (at < chunk.length) break
    }
    // PostgreSQL's E'…' has escapes, whatever its other strings have.
    if ((this.text === 'E' || this.text === 'e') && (yield* cursor.peek()) === QUOTE) {
      cursor.at++
      return yield* this.#string(QUOTE, true)
    }
    return 'word'
  }

  *#name(quote: number): Parser<Token> {
    const cursor = this.#cursor
    this.text = ''
    for (;;) {
      const byte = yield* cursor.peek()
      if (byte < 0) throw truncated('a name')
      cursor.at++
      // Two quotes in a name stand for one.
      if (byte === quote && (yield* cursor.peek()) !== quote) return 'name'
      if (byte === quote) cursor.at++
      if (this.text.length < LONGEST_WORD) this.text += String.fromCharCode(byte)
    }
  }

  *#string(quote: number, escapes: boolean): Parser<Token> {
    const cursor = this.#cursor
    const stops = (escapes ? ESCAPED : PLAIN).get(quote) as ByteSet
    // A doubled quote reads as the end of one string and the beginning of the next.
    for (;;) {
      const byte = yield* cursor.skipTo(stops)
      if (byte < 0) throw truncated('a string')
      cursor.at++
      if (byte === quote) return 'string'
      if (yield* cursor.hasMore()) cursor.at++
    }
  }

  /** PostgreSQL's `$tag$ … $tag$`, or a dollar sign that does not begin one. */
  *#body(): Parser<Token> {
    const cursor = this.#cursor
    const tag = yield* this.#tag()
    if (tag === null) return 'symbol'
    for (;;) {
      if ((yield* cursor.skipTo(DOLLARS)) < 0) throw truncated('a function')
      // Another tag may come directly before ours.
      while ((yield* cursor.peek()) === DOLLAR) {
        cursor.at++
        if ((yield* this.#tag()) === tag) return 'string'
        // The dollar sign that ended the wrong tag may begin the right one.
        if (this.#hasTag) cursor.at--
      }
    }
  }

  /** Consumes `tag$` and returns the tag. Returns null when there is none, and consumes only the letters. */
  *#tag(): Parser<string | null> {
    const cursor = this.#cursor
    let tag = ''
    this.#hasTag = false
    for (;;) {
      const byte = yield* cursor.peek()
      if (byte === DOLLAR) {
        cursor.at++
        this.#hasTag = true
        return tag
      }
      if (byte < 0 || WORD[byte] === 0 || byte === 0x40 || tag.length === 63) return null
      tag += String.fromCharCode(byte)
      cursor.at++
    }
  }

  /** Consumes a comment whose first byte is already consumed. False when it does not begin one. */
  *#comment(byte: number): Parser<boolean> {
    const cursor = this.#cursor
    if (byte === HASH && this.#dialect.hashComments) {
      yield* this.#note()
      return true
    }
    if (byte !== DASH && byte !== SLASH && byte !== STAR) return false
    const next = yield* cursor.peek()
    if (byte === DASH && next === DASH) return yield* this.#line()
    if (byte === STAR && next === SLASH && this.#isInVersionComment) {
      cursor.at++
      this.#isInVersionComment = false
      return true
    }
    if (byte !== SLASH || next !== STAR) return false
    cursor.at++
    if (yield* this.#versionComment()) return true
    do {
      if ((yield* cursor.skipTo(STARS)) < 0) throw truncated('a comment')
      cursor.at++
    } while ((yield* cursor.peek()) !== SLASH)
    cursor.at++
    return true
  }

  /** MySQL executes what is in a comment that begins with an exclamation mark and a version, so it is none. */
  *#versionComment(): Parser<boolean> {
    const cursor = this.#cursor
    if ((yield* cursor.peek()) === 0x4d) cursor.at++
    if ((yield* cursor.peek()) !== BANG) return false
    cursor.at++
    for (let byte = yield* cursor.peek(); byte >= 0x30 && byte <= 0x39; byte = yield* cursor.peek()) cursor.at++
    this.#isInVersionComment = true
    return true
  }

  *#line(): Parser<boolean> {
    yield* this.#cursor.skipTo(LINE_END)
    return true
  }

  /** Skips what is left of a line: a command of psql, or a comment. */
  *restOfLine(): Parser {
    yield* this.#line()
  }

  /** Reads what follows the word DELIMITER. False when that is no delimiter. */
  *readDelimiter(): Parser<boolean> {
    const cursor = this.#cursor
    let delimiter = ''
    for (;;) {
      const byte = yield* cursor.peek()
      if (byte < 0 || byte === NEWLINE) break
      cursor.at++
      if (byte > SPACE && delimiter.length <= 16) delimiter += String.fromCharCode(byte)
    }
    // The one that mysqlbinlog takes is an empty comment and a semicolon.
    this.#delimiter = delimiter === '/*!*/;' ? ';' : delimiter
    const isDelimiter = delimiter !== '' && delimiter.length <= 16 && !delimiter.includes('\\')
    if (!isDelimiter) this.#delimiter = ';'
    return isDelimiter
  }
}

/** What psql takes for a command of its own. */
export const isPsqlCommand = (token: Token, { text }: Lexer) => token === 'symbol' && text.charCodeAt(0) === BACKSLASH

/** Consumes tokens to the end of the statement. Semicolons in parentheses, which rules of PostgreSQL have, do not end it. */
export function* skipStatement(lexer: Lexer, see: (token: Token) => void = () => {}): Parser {
  let depth = 0
  for (;;) {
    const token = yield* lexer.next()
    if (token === 'eof') throw truncated('a statement')
    if (token === 'end' && depth <= 0) return
    if (token === 'open') depth++
    if (token === 'close') depth--
    see(token)
  }
}
