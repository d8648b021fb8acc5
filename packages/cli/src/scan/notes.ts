import { holdsRows } from './binlog-events.ts'
import { pad } from './columns.ts'
import { byteSet, type Cursor, type Parser } from './cursor.ts'
import { Row, type Value } from './row.ts'
import type { Tally } from './tally.ts'

const [NEWLINE, SPACE, HASH, QUOTE, EQUALS, AT, LETTER_Q, BACKSLASH] = [0x0a, 0x20, 0x23, 0x27, 0x3d, 0x40, 0x51, 0x5c]
const LINE_END = byteSet('\n')
const IN_STRING = byteSet("'", '\\', '\n')

/** The names of a database and a table, in letters that may have three bytes each. */
const LONGEST_HEAD = 600
/** After a string, mysqlbinlog may write a comment with its type. */
const LONGEST_END = 200
const END_OF_STRING = /^'(?: \/\*.*\*\/)?\r?$/
const CHANGE = /^## (?:INSERT INTO|UPDATE|DELETE FROM) `((?:[^`]|``)*)`\.`((?:[^`]|``)*)`/
const IMAGE = /^## (?:SET|WHERE)\s*$/
const COLUMN = /^## {1,4}@(\d{1,5})=$/
/** The header of an event in hexadecimal digits (`--hexdump`): a position, a moment, and the type. */
const DUMPED = /^ +[0-9a-f]+ +\|?(?:[0-9a-f]{2} ){4} *\|?([0-9a-f]{2}) {3}\|?(?:[0-9a-f]{2} ){4}/
const LONGEST_HEADER = 64
const UNKNOWN_TABLE = /^## Row event/

/**
 * Reads lines that mysqlbinlog writes as comments: the rows of `--verbose`, a line for each column, and the statements that they come
 * from. Strings in it are not escaped but for control characters, so that one ends with the last quote of its line.
 */
export class Notes {
  readonly #cursor: Cursor
  readonly #tally: Tally
  readonly #row = new Row()
  /** The table of the rows; null outside of rows. */
  #table: string | null = null
  #hasGap = false
  /** What was read since the last quote of a string, which may end it. */
  #end = ''
  #isEnding = false
  /** Was the last event one of rows, and only printed in hexadecimal digits so far? */
  #isOnlyDumped = false

  constructor(cursor: Cursor, tally: Tally) {
    this.#cursor = cursor
    this.#tally = tally
  }

  /** Reads a comment, whose first `#` is already consumed, and the lines after it that belong to it. */
  *read(): Parser {
    const cursor = this.#cursor
    for (;;) {
      const next = yield* cursor.peek()
      if (next !== HASH) {
        this.#endRows()
        if (next === LETTER_Q) yield* this.#statement()
        else {
          this.#dumped(yield* this.#head(LONGEST_HEADER))
          yield* cursor.skipTo(LINE_END)
        }
        return
      }
      cursor.hide()
      yield* this.#line()
      cursor.show()
      // The line end, and the first sign of the next line.
      if (yield* cursor.hasMore()) cursor.at++
      if ((yield* cursor.peek()) !== HASH) return this.#endRows()
      cursor.at++
    }
  }

  /** The rows of the last events were printed in a way that is read. */
  printed(): void {
    this.#isOnlyDumped = false
  }

  /** To be called at the end of the text. */
  end(): void {
    if (this.#isOnlyDumped) this.#tally.notUnderstood('rows in hexadecimal digits')
  }

  #dumped(line: string): void {
    const type = DUMPED.exec(line)?.[1]
    if (type === undefined) return
    // The events of one statement are printed first, and then their rows.
    if (!holdsRows(Number.parseInt(type, 16))) this.end()
    this.#isOnlyDumped = holdsRows(Number.parseInt(type, 16))
  }

  /** A statement that rows follow from: a session in it is in them, too. */
  *#statement(): Parser {
    this.#cursor.hide()
    yield* this.#cursor.readTo(LINE_END, (bytes) => this.#tally.copies.push(bytes))
    this.#cursor.show()
  }

  *#line(): Parser {
    const head = yield* this.#head()
    const column = COLUMN.exec(head)?.[1]
    const change = CHANGE.exec(head)
    if (column !== undefined) return yield* this.#column(Number(column))
    if (change) {
      this.printed()
      this.#endRow()
      this.#table = `${nameIn(change[1])}.${nameIn(change[2])}`
    } else if (IMAGE.test(head) && this.#table !== null) this.#endRow()
    else if (UNKNOWN_TABLE.test(head) || this.#table !== null) this.#tally.notUnderstood('rows in comments')
    else {
      // A comment like any other.
      this.#tally.outside.push(Buffer.from(`#${head}`, 'latin1'))
      yield* this.#cursor.readTo(LINE_END, (bytes) => this.#tally.outside.push(bytes))
      return
    }
    yield* this.#cursor.skipTo(LINE_END)
  }

  /** The line, or its beginning up to the value of a column. */
  *#head(longest = LONGEST_HEAD): Parser<string> {
    const cursor = this.#cursor
    let head = ''
    let isColumn = false
    while (head.length < longest) {
      const byte = yield* cursor.peek()
      if (byte < 0 || byte === NEWLINE) break
      cursor.at++
      head += String.fromCharCode(byte)
      isColumn ||= byte === AT && /^## +@$/.test(head)
      if (isColumn && byte === EQUALS) break
    }
    return head
  }

  *#column(number: number): Parser {
    this.#hasGap ||= number !== this.#row.count + 1
    this.#table ??= ''
    const value = this.#row.next()
    if ((yield* this.#cursor.peek()) === QUOTE) {
      this.#cursor.at++
      const isWhole = yield* this.#string(value)
      if (!isWhole) this.#tally.notUnderstood('rows in comments')
      // Zeros at the end of an id are left out.
      if (value.length >= 28 && value.head.some((byte) => byte < SPACE || byte > 0x7e)) pad(value)
      return
    }
    yield* this.#cursor.readTo(LINE_END, (bytes) => value.append(bytes, 0, bytes.length))
    const bare = /^[^\s]*/.exec(value.head.toString('latin1', 0, 64))?.[0] ?? ''
    value.clear()
    if (bare === 'NULL') value.isNull = true
    else value.append(Buffer.from(bare), 0, bare.length)
  }

  /** Reads a string to the end of its line, which is not consumed. False when there is no quote that ends it. */
  *#string(value: Value): Parser<boolean> {
    const cursor = this.#cursor
    this.#isEnding = false
    this.#end = ''
    for (;;) {
      const stop = yield* cursor.readTo(IN_STRING, (bytes) => this.#data(bytes, value))
      if (stop < 0 || stop === NEWLINE) return this.#isEnding && END_OF_STRING.test(this.#end)
      cursor.at++
      if (stop === BACKSLASH) yield* this.#escape(value)
      else {
        this.#endIsData(value)
        this.#isEnding = true
        this.#end = "'"
      }
    }
  }

  /** What follows a quote is kept apart, as long as it may be the end of the line. */
  #data(bytes: Buffer, value: Value): void {
    if (this.#isEnding && this.#end.length + bytes.length <= LONGEST_END) this.#end += bytes.toString('latin1')
    else {
      this.#endIsData(value)
      value.append(bytes, 0, bytes.length)
    }
  }

  #endIsData(value: Value): void {
    if (this.#isEnding) value.append(Buffer.from(this.#end, 'latin1'), 0, this.#end.length)
    this.#isEnding = false
  }

  /** `\x0a` is a control character, or a quote or a backslash. Every other backslash is itself. */
  *#escape(value: Value): Parser {
    const cursor = this.#cursor
    this.#endIsData(value)
    let seen = ''
    for (const digits of ['x', '0123456789abcdef', '0123456789abcdef']) {
      const letter = String.fromCharCode(Math.max(0, yield* cursor.peek()))
      if (!digits.includes(letter)) break
      seen += letter
      cursor.at++
    }
    const code = seen.length === 3 ? Number.parseInt(seen.slice(1), 16) : -1
    if (code === QUOTE || code === BACKSLASH || (code >= 0 && code < SPACE)) value.byte(code)
    else for (const letter of `\\${seen}`) value.byte(letter.charCodeAt(0))
  }

  #endRow(): void {
    const table = this.#table ? { name: this.#table, columns: null } : null
    if (this.#row.count > 0 && this.#hasGap) this.#tally.partialRow(this.#row, table)
    else if (this.#row.count > 0) this.#tally.row(this.#row, table)
    this.#row.clear()
    this.#hasGap = false
  }

  #endRows(): void {
    this.#endRow()
    this.#table = null
  }
}

const nameIn = (quoted = '') => Buffer.from(quoted.replaceAll('``', '`'), 'latin1').toString('utf8')
