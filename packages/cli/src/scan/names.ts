import type { Parser } from './cursor.ts'
import type { Table } from './kind.ts'
import type { Lexer, Token } from './lexer.ts'
import { truncated } from './reader.ts'

/** Names in a table definition are bytes of UTF-8, one letter for each byte. */
const decoded = (text: string) => Buffer.from(text, 'latin1').toString('utf8')

/**
 * Reads `public."my table"`, whose first token is already read. The name is without quotes, and empty where there is none. `next`
 * is the token after it.
 */
export function* tableName(lexer: Lexer, first: Token): Parser<{ name: string; next: Token }> {
  let name = ''
  let token = first
  // A schema or database, and no more than one before it.
  for (let part = 0; part < 3 && (token === 'word' || token === 'name'); part++) {
    name += decoded(lexer.text)
    token = yield* lexer.next()
    if (token !== 'dot') break
    name += '.'
    token = yield* lexer.next()
  }
  return { name, next: token }
}

const CONSTRAINTS = /^(?:PRIMARY|UNIQUE|KEY|INDEX|CONSTRAINT|CHECK|FOREIGN|FULLTEXT|SPATIAL|EXCLUDE|LIKE|PERIOD)$/i
/** No session table has more columns. */
const MOST = 64

/**
 * Reads the column names in parentheses, the first of which is already read: a list of names, or a table definition, whose types
 * and constraints are skipped.
 */
export function* columnsIn(lexer: Lexer): Parser<string[]> {
  const names: string[] = []
  let isFirst = true
  for (let depth = 0; ; ) {
    const token = yield* lexer.next()
    if (token === 'eof') throw truncated('a statement')
    if (isFirst && names.length < MOST && (token === 'name' || (token === 'word' && !CONSTRAINTS.test(lexer.text))))
      names.push(decoded(lexer.text))
    isFirst = token === 'comma' && depth === 0
    if (token === 'open') depth++
    if (token === 'close' && depth-- === 0) return names
  }
}

/** Has a row as many values as its table has columns? True where that is not known; no columns is `INSERT INTO t () VALUES ()`. */
export const hasWidth = ({ columns }: Table, width: number) =>
  columns === null || columns.length === 0 || columns.length === MOST || columns.length === width
