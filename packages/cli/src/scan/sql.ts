import { copyRows } from './copy.ts'
import { type Feed, type Parsing, stopAt } from './feed.ts'
import type { Table } from './kind.ts'
import { Row } from './row.ts'
import { cutOff } from './source.ts'
import { columnsIn, nameIn, skipStatement, statementHead } from './statement.ts'
import type { Tally } from './tally.ts'
import { tupleRow } from './tuple.ts'

export interface Dialect {
  /** Does a backslash in a string stand for something, as in MySQL? */
  readonly escapes: boolean
}

/** A name with its schema; each in quotes or not. */
const NAME = '((?:(?:"[^"]*"|`[^`]*`|[^\\s(."`]+)\\.?)+)'
const INSERT = new RegExp(
  `^(?:INSERT|REPLACE)\\s+(?:IGNORE\\s+|OR\\s+\\w+\\s+)?INTO\\s+${NAME}\\s*(?:OVERRIDING\\s+\\w+\\s+VALUE\\s+)?(VALUES)?$`,
  'i',
)
const COPY = new RegExp(`^COPY\\s+${NAME}\\s*(FROM\\s+stdin\\b.*)?$`, 'is')
const CREATE = new RegExp(`^CREATE\\s+(?:\\w+\\s+)?TABLE\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?${NAME}$`, 'i')
const SQL =
  /^(?:ALTER|ANALYZE|BEGIN|COMMIT|COPY|CREATE|DELIMITER|DROP|GRANT|INSERT|LOCK|PRAGMA|REPLACE|SELECT|SET|START|USE)\b/i

const LINE_END = stopAt('\n')
/** What can stand behind the values of one row: those of another, or the end. */
const TUPLE_END = stopAt('(', ',', ';')

/** Reads statements and counts the sessions that they insert. Whether any was a statement at all is in `isSql`. */
export class SqlText {
  isSql = false
  readonly #feed: Feed
  readonly #dialect: Dialect
  readonly #tally: Tally
  readonly #row = new Row()
  /** Tables of sessions whose columns were told: an INSERT need not repeat them. */
  readonly #tables = new Map<string, Table>()

  constructor(feed: Feed, dialect: Dialect, tally: Tally) {
    this.#feed = feed
    this.#dialect = dialect
    this.#tally = tally
  }

  *statements(): Parsing {
    const feed = this.#feed
    for (;;) {
      const head = yield* statementHead(feed)
      if (head === null) return
      if (SQL.test(head)) this.isSql = true
      const stop = yield* feed.peek()
      const { escapes } = this.#dialect
      if (INSERT.test(head) && stop === 0x28) yield* this.#insert(INSERT.exec(head) as RegExpExecArray)
      else if (COPY.test(head)) yield* this.#copy(COPY.exec(head) as RegExpExecArray)
      else if (CREATE.test(head) && stop === 0x28) yield* this.#create(CREATE.exec(head) as RegExpExecArray)
      else yield* skipStatement(feed, escapes)
    }
  }

  *#create([, name = '']: RegExpExecArray): Parsing {
    const table = { name: nameIn(name), columns: yield* columnsIn(this.#feed, this.#dialect.escapes) }
    this.#tally.table(table)
    if (this.#tables.size < 100) this.#tables.set(table.name, table)
    yield* skipStatement(this.#feed, this.#dialect.escapes)
  }

  *#copy([, name = '', from]: RegExpExecArray): Parsing {
    const feed = this.#feed
    const columns = from === undefined ? yield* columnsIn(feed, this.#dialect.escapes) : null
    const rest = from ?? (yield* statementHead(feed)) ?? ''
    // COPY … TO, or from a file: no lines of data follow.
    if (!/^FROM\s+stdin\b/i.test(rest.trim())) return yield* skipStatement(feed, this.#dialect.escapes)
    yield* feed.skipTo(LINE_END)
    feed.at++
    const table = this.#tableOf(name, columns)
    yield* copyRows(feed, this.#row, () => this.#tally.row(this.#row, table))
  }

  *#insert([, name = '', values]: RegExpExecArray): Parsing {
    const feed = this.#feed
    const { escapes } = this.#dialect
    const columns = values === undefined ? yield* columnsIn(feed, this.#dialect.escapes) : null
    // INSERT … SELECT: it tells no values.
    if (values === undefined && !/\bVALUES\s*$/i.test((yield* statementHead(feed)) ?? ''))
      return yield* skipStatement(feed, escapes)
    const table = this.#tableOf(name, columns)
    while ((yield* feed.peek()) === 0x28) {
      feed.at++
      this.#row.clear()
      if (!(yield* tupleRow(feed, this.#row, escapes))) throw cutOff('a table')
      this.#tally.row(this.#row, table)
      if ((yield* feed.skipTo(TUPLE_END)) !== 0x2c) break
      feed.at++
      yield* feed.skipSpace()
    }
    yield* skipStatement(feed, escapes)
  }

  #tableOf(text: string, columns: readonly string[] | null): Table {
    const name = nameIn(text)
    return { name, columns: columns ?? this.#tables.get(name)?.columns ?? null }
  }
}
