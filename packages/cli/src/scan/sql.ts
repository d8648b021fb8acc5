import { byteSet, type Cursor, type Parser } from './cursor.ts'
import type { Table } from './kind.ts'
import { truncated } from './reader.ts'
import { Row } from './row.ts'
import { columnsIn, nameIn, skipStatement, statementHead } from './statement.ts'
import type { Tally } from './tally.ts'
import { copyRows, tupleRow } from './values.ts'

export interface Dialect {
  /** Is a backslash in a string an escape, as in MySQL? */
  readonly escapes: boolean
}

/** A name and its schema, each with or without quotes. */
const NAME = '((?:(?:"[^"]*"|`[^`]*`|[^\\s(."`]+)\\.?)+)'
const INSERT = new RegExp(
  `^(?:INSERT|REPLACE)\\s+(?:IGNORE\\s+|OR\\s+\\w+\\s+)?INTO\\s+${NAME}\\s*(?:OVERRIDING\\s+\\w+\\s+VALUE\\s+)?(VALUES)?$`,
  'i',
)
const COPY = new RegExp(`^COPY\\s+${NAME}\\s*(FROM\\s+stdin\\b.*)?$`, 'is')
const CREATE = new RegExp(`^CREATE\\s+(?:\\w+\\s+)?TABLE\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?${NAME}$`, 'i')
const SQL =
  /^(?:ALTER|ANALYZE|BEGIN|COMMIT|COPY|CREATE|DELIMITER|DROP|GRANT|INSERT|LOCK|PRAGMA|REPLACE|SELECT|SET|START|USE)\b/i

const LINE_END = byteSet('\n')
/** What can follow the values of one row: another row, or the end of the statement. */
const TUPLE_END = byteSet('(', ',', ';')

/** Reads SQL statements and counts the sessions that they insert. `isSql` says whether any of it was SQL. */
export class SqlScanner {
  isSql = false
  readonly #cursor: Cursor
  readonly #dialect: Dialect
  readonly #tally: Tally
  readonly #row = new Row()
  /** Session tables whose columns are known. An INSERT need not repeat them. */
  readonly #tables = new Map<string, Table>()

  constructor(cursor: Cursor, dialect: Dialect, tally: Tally) {
    this.#cursor = cursor
    this.#dialect = dialect
    this.#tally = tally
  }

  *statements(): Parser {
    const cursor = this.#cursor
    for (;;) {
      const head = yield* statementHead(cursor)
      if (head === null) return
      if (SQL.test(head)) this.isSql = true
      const stop = yield* cursor.peek()
      const { escapes } = this.#dialect
      if (INSERT.test(head) && stop === 0x28) yield* this.#insert(INSERT.exec(head) as RegExpExecArray)
      else if (COPY.test(head)) yield* this.#copy(COPY.exec(head) as RegExpExecArray)
      else if (CREATE.test(head) && stop === 0x28) yield* this.#create(CREATE.exec(head) as RegExpExecArray)
      else yield* skipStatement(cursor, escapes)
    }
  }

  *#create([, name = '']: RegExpExecArray): Parser {
    const table = { name: nameIn(name), columns: yield* columnsIn(this.#cursor, this.#dialect.escapes) }
    this.#tally.table(table)
    if (this.#tables.size < 100) this.#tables.set(table.name, table)
    yield* skipStatement(this.#cursor, this.#dialect.escapes)
  }

  *#copy([, name = '', from]: RegExpExecArray): Parser {
    const cursor = this.#cursor
    const columns = from === undefined ? yield* columnsIn(cursor, this.#dialect.escapes) : null
    const rest = from ?? (yield* statementHead(cursor)) ?? ''
    // After COPY … TO, or COPY from a file, no lines of data follow.
    if (!/^FROM\s+stdin\b/i.test(rest.trim())) return yield* skipStatement(cursor, this.#dialect.escapes)
    yield* cursor.skipTo(LINE_END)
    cursor.at++
    const table = this.#tableOf(name, columns)
    yield* copyRows(cursor, this.#row, () => this.#tally.row(this.#row, table))
  }

  *#insert([, name = '', values]: RegExpExecArray): Parser {
    const cursor = this.#cursor
    const { escapes } = this.#dialect
    const columns = values === undefined ? yield* columnsIn(cursor, this.#dialect.escapes) : null
    // INSERT … SELECT has no values.
    if (values === undefined && !/\bVALUES\s*$/i.test((yield* statementHead(cursor)) ?? ''))
      return yield* skipStatement(cursor, escapes)
    const table = this.#tableOf(name, columns)
    while ((yield* cursor.peek()) === 0x28) {
      cursor.at++
      this.#row.clear()
      if (!(yield* tupleRow(cursor, this.#row, escapes))) throw truncated('a table')
      this.#tally.row(this.#row, table)
      if ((yield* cursor.skipTo(TUPLE_END)) !== 0x2c) break
      cursor.at++
      yield* cursor.skipSpace()
    }
    yield* skipStatement(cursor, escapes)
  }

  #tableOf(text: string, columns: readonly string[] | null): Table {
    const name = nameIn(text)
    return { name, columns: columns ?? this.#tables.get(name)?.columns ?? null }
  }
}
