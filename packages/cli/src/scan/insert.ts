import type { Cursor, Parser } from './cursor.ts'
import type { Dialect } from './dialect.ts'
import type { Table } from './kind.ts'
import { type Lexer, skipStatement, type Token } from './lexer.ts'
import { columnsIn, hasWidth, tableName } from './names.ts'
import { truncated } from './reader.ts'
import type { Row } from './row.ts'
import { ValueReader } from './values.ts'

/** What may stand between INSERT or REPLACE and the name of the table, in MySQL and in SQLite ("OR IGNORE"). */
const MODIFIERS = new Set([
  'LOW_PRIORITY',
  'DELAYED',
  'HIGH_PRIORITY',
  'IGNORE',
  'INTO',
  'OR',
  'REPLACE',
  'ROLLBACK',
  'ABORT',
  'FAIL',
])
/** What may follow the values of the last row. */
const AFTER_ROWS = new Set(['ON', 'AS', 'RETURNING'])

const SEVERAL = 'with values of several strings'

export interface InsertTarget {
  columnsOf(table: string): readonly string[] | null
  /** The row has the values of one session, or of anything else. */
  found(table: Table): void
  isSessionTable(name: string): boolean
}

/** Reads INSERT and REPLACE, one after another; the first word is already read. */
export class Insert {
  /** Of the last one. */
  table = ''
  readonly #cursor: Cursor
  readonly #lexer: Lexer
  readonly #row: Row
  readonly #values: ValueReader

  constructor(cursor: Cursor, lexer: Lexer, dialect: Dialect, row: Row) {
    this.#cursor = cursor
    this.#lexer = lexer
    this.#row = row
    this.#values = new ValueReader(cursor, dialect)
  }

  /** Returns what is not understood about it, or null. */
  *read(target: InsertTarget): Parser<string | null> {
    const lexer = this.#lexer
    let token = yield* lexer.next()
    while (this.#isWord(token) && MODIFIERS.has(lexer.text.toUpperCase())) token = yield* lexer.next()
    const { name, next } = yield* tableName(lexer, token)
    this.table = name
    if (name === '') return yield* this.#skip(next, 'without the name of a table')
    const head = yield* this.#head(next)
    const table = { name, columns: head.columns ?? target.columnsOf(name) }
    if (head.form === 'VALUES') return yield* this.#rows(table, target)
    if (head.form === 'SET') return yield* this.#assignments(table, target)
    const isPlain = head.form === 'DEFAULT' || (head.form === 'SELECT' && !target.isSessionTable(name))
    return yield* this.#skip(head.token, isPlain ? null : 'without values that can be read')
  }

  /** Reads what stands between the name and the values. */
  *#head(first: Token): Parser<{ columns: string[] | null; form: string; token: Token }> {
    const lexer = this.#lexer
    let columns: string[] | null = null
    let token = first
    for (;;) {
      if (token === 'open') columns = yield* columnsIn(lexer)
      // What is in parentheses may be a statement.
      else if (token !== 'word')
        return { columns, form: columns?.[0]?.toUpperCase() === 'SELECT' ? 'SELECT' : '', token }
      else {
        const word = lexer.text.toUpperCase()
        if (word === 'VALUES' || word === 'VALUE') return { columns, form: 'VALUES', token }
        if (word === 'SET' || word === 'DEFAULT') return { columns, form: word, token }
        if (word === 'SELECT' || word === 'WITH' || word === 'TABLE') return { columns, form: 'SELECT', token }
        token = yield* lexer.next()
        // OVERRIDING SYSTEM VALUE, and the alias after AS.
        if (word === 'OVERRIDING') yield* lexer.next()
        else if (word === 'PARTITION' && token === 'open') yield* columnsIn(lexer)
        else if (word !== 'AS') return { columns, form: '', token }
      }
      token = yield* lexer.next()
    }
  }

  *#rows(table: Table, target: InsertTarget): Parser<string | null> {
    const lexer = this.#lexer
    let problem: string | null = null
    for (;;) {
      let token = yield* lexer.next()
      if (this.#isWord(token) && lexer.text.toUpperCase() === 'ROW') token = yield* lexer.next()
      if (token !== 'open') return yield* this.#skip(token, 'without values that can be read')
      this.#row.clear()
      this.#cursor.hide()
      const end = yield* this.#values.tuple(this.#row)
      this.#cursor.show()
      if (end === 'truncated') throw truncated('a table')
      if (end === 'unknown') return yield* this.#skip('symbol', 'with values that cannot be read')
      target.found(table)
      if (this.#values.hasLost) problem = SEVERAL
      const isWrong = !hasWidth(table, this.#row.count)
      token = yield* lexer.next()
      if (isWrong) return yield* this.#skip(token, 'with another number of columns')
      if (token === 'end') return problem
      if (this.#isWord(token) && AFTER_ROWS.has(lexer.text.toUpperCase())) return yield* this.#skip(token, problem)
      if (token !== 'comma') return yield* this.#skip(token, 'with something after its values')
    }
  }

  *#assignments(table: Table, target: InsertTarget): Parser<string | null> {
    const columns: string[] = []
    let problem: string | null = null
    this.#row.clear()
    for (;;) {
      const { name, next } = yield* tableName(this.#lexer, yield* this.#lexer.next())
      if (name === '' || next !== 'symbol' || this.#lexer.text !== '=')
        return yield* this.#skip(next, 'with values that cannot be read')
      if (columns.length < 64) columns.push(name)
      this.#cursor.hide()
      const end = yield* this.#values.assigned(this.#row)
      this.#cursor.show()
      if (end === 'truncated') throw truncated('a table')
      if (end === 'unknown') return yield* this.#skip('symbol', 'with values that cannot be read')
      if (this.#values.hasLost) problem = SEVERAL
      if (end === 'last') break
    }
    target.found({ name: table.name, columns })
    return yield* this.#skip('symbol', problem)
  }

  *#skip(token: Token, problem: string | null): Parser<string | null> {
    if (token === 'eof') throw truncated('a statement')
    if (token !== 'end') yield* skipStatement(this.#lexer)
    return problem
  }

  #isWord(token: Token): boolean {
    return token === 'word'
  }
}
