import { byteSet, type Cursor, type Parser } from './cursor.ts'
import { type Dialect, escapeTable } from './dialect.ts'
import { type Row, Value } from './row.ts'

const [QUOTE, DOUBLE, BACKSLASH, OPEN, CLOSE] = [0x27, 0x22, 0x5c, 0x28, 0x29]
const [COMMA, SEMICOLON, UNDERSCORE] = [0x2c, 0x3b, 0x5f]

/** What a letter after a backslash means in strings of MySQL. */
const ESCAPES = escapeTable({ 0: 0, b: 8, n: 10, r: 13, t: 9, Z: 26 })

/** Why no value could be read: the input has ended, or what is there is not SQL. */
const [CUT, UNKNOWN] = [-1, -2]
/** Words that may follow a string or a number in an expression. */
const AFTER_VALUE = /^(?:AND|AS|AT|COLLATE|CHARACTER|ESCAPE|FOR|FROM|IN|IS|LIKE|NOT|OR|USING)$/i
/** Literals around a value may have fewer bytes than a session, even in pieces: formats, flags, separators. */
const LEAST_LOST = 20
/** No name of a parameter or a collation is longer. */
const LONGEST_NAME = 64
const OPERATORS = byteSet(...'+-*/|:=<>!~^&%[]{}?.')

/** Reads values: a literal with an optional prefix (`_binary`, `X`, `E`), a word, a number, or an expression around one of these. */
export class ValueReader {
  /** Did the values of the last row have other literals beside them that a session may be made of, as in `CONCAT('…', '…')`? */
  hasLost = false
  readonly #cursor: Cursor
  readonly #dialect: Dialect
  /** A string or word that is not the value, such as the encoding in `decode('…', 'base64')`. */
  readonly #other = new Value()
  #value = this.#other
  #isRead = false
  #last: 'nothing' | 'word' | 'string' | 'operator' = 'nothing'
  /** What the last word was read into. */
  #word = this.#other
  /** The first function that is called: UNHEX, decode. */
  #call = ''
  /** Is the next literal the name of a parameter, whose value follows it? A binary log has `NAME_CONST('name', value)`. */
  #isName = false
  /** How many bytes the literals have that are not in the value. */
  #lost = 0

  constructor(cursor: Cursor, dialect: Dialect) {
    this.#cursor = cursor
    this.#dialect = dialect
  }

  /**
   * Reads the values in parentheses after VALUES; the opening parenthesis is already consumed. Strict, because a string that has lost
   * its end would otherwise hide the rows after it: `unknown` when the values do not read as SQL.
   */
  *tuple(row: Row): Parser<'row' | 'truncated' | 'unknown'> {
    this.hasLost = false
    for (;;) {
      const end = yield* this.#read(row.next(), false)
      if (end === CLOSE) return 'row'
      if (end !== COMMA) return end === CUT ? 'truncated' : 'unknown'
    }
  }

  /** Reads the value after `column =`, as in INSERT … SET. `last` when the statement ends after it; its semicolon is not consumed. */
  *assigned(row: Row): Parser<'more' | 'last' | 'truncated' | 'unknown'> {
    this.hasLost = false
    const end = yield* this.#read(row.next(), true)
    if (end === COMMA) return 'more'
    return end === SEMICOLON ? 'last' : end === CUT ? 'truncated' : 'unknown'
  }

  /** Consumes the comma or parenthesis after the value, and returns it; or the semicolon after an assignment. */
  *#read(value: Value, isAssigned: boolean): Parser<number> {
    const cursor = this.#cursor
    this.#value = value
    this.#isRead = false
    this.#last = 'nothing'
    this.#isName = false
    this.#lost = 0
    this.#call = ''
    this.#other.clear()
    for (let depth = 0; ; ) {
      const byte = yield* cursor.peek()
      if (byte < 0) return CUT
      const isOpen = byte === OPEN
      if (depth === 0 && (byte === COMMA || (isAssigned ? byte === SEMICOLON : byte === CLOSE))) {
        if (byte !== SEMICOLON) cursor.at++
        this.#finish()
        return byte
      }
      if (byte === QUOTE || byte === DOUBLE) {
        if (!(yield* this.#string())) return UNKNOWN
      } else if (isOpen || byte === CLOSE) {
        cursor.at++
        depth += isOpen ? 1 : -1
        if (depth < 0) return UNKNOWN
        if (isOpen) this.#enter()
        this.#last = isOpen ? 'operator' : 'word'
      } else if (isWord(byte)) {
        if (!(yield* this.#run())) return UNKNOWN
      } else if (byte === COMMA || OPERATORS[byte] === 1) {
        cursor.at++
        if (byte === COMMA && this.#isName) this.#endName()
        this.#last = 'operator'
      } else if (byte <= 0x20 && byte > 0) cursor.at++
      else return UNKNOWN
    }
  }

  /** A word before a parenthesis is the name of a function. */
  #enter(): void {
    if (this.#isRead || this.#last !== 'word') return
    const name = this.#word.head.toString('latin1', 0, 32).toLowerCase()
    if (name === 'name_const') this.#isName = true
    else if (this.#call === '') this.#call = name
    this.#dropBare(this.#value)
    this.#value.clear()
  }

  #endName(): void {
    if (this.#value.length > LONGEST_NAME) this.#lost += this.#value.length
    this.#value.clear()
    this.#isRead = this.#isName = false
  }

  /** Counts hexadecimal digits that are about to be overwritten. Other numbers are no part of a session. */
  #dropBare({ head, length }: Value): void {
    if (/^0x/i.test(head.toString('latin1', 0, 2))) this.#lost += length
  }

  *#string(): Parser<boolean> {
    if (this.#last === 'string') return false
    const isFirst = !this.#isRead
    const prefix = isFirst && this.#last === 'word' ? this.#value.head.toString('latin1').toLowerCase() : ''
    const isCollation = this.#last === 'word' && /^collate$/i.test(this.#word.head.toString('latin1', 0, 8))
    const into = isFirst ? this.#value : this.#other
    if (isFirst) this.#dropBare(into)
    const isWhole = yield* quoted(this.#cursor, into, prefix === 'e' ? { escapes: true } : this.#dialect)
    if (prefix === 'x') into.unhex(0)
    if (!isFirst && !(isCollation && into.length <= LONGEST_NAME)) this.#lost += into.length
    this.#isRead = true
    this.#last = 'string'
    return isWhole
  }

  /** Reads a run of letters and digits, which may be megabytes of hexadecimal digits. */
  *#run(): Parser<boolean> {
    const { head } = this.#value
    // After a number or a constant, a word belongs to the expression. An introducer such as _binary is replaced.
    const isKept = !this.#isRead && (this.#value.length === 0 || head[0] === UNDERSCORE)
    const into = isKept ? this.#value : this.#other
    const isAfterString = this.#last === 'string'
    into.clear()
    yield* run(this.#cursor, into)
    if (!isKept) this.#dropBare(into)
    this.#last = 'word'
    this.#word = into
    return !isAfterString || AFTER_VALUE.test(into.head.toString('latin1', 0, 12))
  }

  #finish(): void {
    const value = this.#value
    this.hasLost ||= this.#lost >= LEAST_LOST
    if (!this.#isRead) finishBare(value)
    if (this.#call === '') return
    const encoding = this.#other.head.toString('latin1', 0, 8).toLowerCase()
    if (this.#call === 'unhex' || (this.#call === 'decode' && encoding === 'hex')) value.unhex(0)
    if (this.#call === 'from_base64' || (this.#call === 'decode' && encoding === 'base64')) value.unbase64()
  }
}

function* run(cursor: Cursor, into: Value): Parser {
  while (yield* cursor.hasMore()) {
    const { chunk } = cursor
    let at = cursor.at
    while (at < chunk.length && isWord(chunk[at] as number)) at++
    into.append(chunk, cursor.at, at)
    cursor.at = at
    if (at < chunk.length) return
  }
}

const isWord = (byte: number) =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === UNDERSCORE ||
  byte === 0x40 ||
  byte >= 0x80

function finishBare(value: Value): void {
  const [first = 0] = value.head
  // Only NULL and hexadecimal digits are changed.
  if (first !== 0x30 && first !== 0x4e && first !== 0x6e) return
  const start = value.head.toString('latin1', 0, 8)
  if (/^null$/i.test(start)) {
    value.clear()
    value.isNull = true
  } else if (/^0x[0-9a-f]/i.test(start)) value.unhex(2)
}

/** Reads a string. False when it cannot be known where it ends. */
function* quoted(cursor: Cursor, into: Value, dialect: Pick<Dialect, 'escapes'>): Parser<boolean> {
  into.clear()
  const quote = yield* cursor.peek()
  cursor.at++
  while (yield* cursor.hasMore()) {
    const { chunk } = cursor
    let at = cursor.at
    let byte = 0
    for (; at < chunk.length; at++) {
      byte = chunk[at] as number
      if (byte === quote || (byte === BACKSLASH && dialect.escapes !== false)) break
    }
    into.append(chunk, cursor.at, at)
    cursor.at = at
    if (at === chunk.length) continue
    cursor.at++
    const next = yield* cursor.peek()
    // Two quotes in a string stand for one.
    if (byte === quote && next !== quote) return true
    if (next < 0) return true
    cursor.at++
    if (byte === quote) into.byte(quote)
    else if (dialect.escapes || ESCAPES.has(next) || next === BACKSLASH) into.byte(ESCAPES.get(next) ?? next)
    else if (next !== quote) {
      // An unknown dialect. PostgreSQL's bytes begin with \x.
      into.byte(BACKSLASH)
      into.byte(next)
    } else if (!(yield* escapesQuote(cursor, into, dialect))) return false
  }
  return true
}

/**
 * A backslash before a quote, in a dump that has not shown its dialect: the string goes on in MySQL, and ends elsewhere. What follows
 * tells, unless both readings are SQL.
 */
function* escapesQuote(cursor: Cursor, into: Value, dialect: { escapes: boolean | null }): Parser<boolean> {
  const after = yield* cursor.peek()
  if (after <= 0x20 || after === COMMA || after === CLOSE || after === SEMICOLON || after === QUOTE) return false
  dialect.escapes = true
  into.byte(QUOTE)
  return true
}
