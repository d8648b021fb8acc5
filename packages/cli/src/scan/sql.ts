import { NO_BACKSLASH_ESCAPES } from './binlog-events.ts'
import { copyRows } from './copy.ts'
import { byteSet, type Cursor, type Parser } from './cursor.ts'
import type { Dialect } from './dialect.ts'
import { EncodedEvents } from './encoded-events.ts'
import { Insert } from './insert.ts'
import { isSessionTable, type Table } from './kind.ts'
import { isPsqlCommand, Lexer, skipStatement, type Token } from './lexer.ts'
import { columnsIn, hasWidth, tableName } from './names.ts'
import { Notes } from './notes.ts'
import { Row } from './row.ts'
import type { Tally } from './tally.ts'

const LINE_END = byteSet('\n')
const QUOTE = 0x27

const verbs = (words: string) => new Set(words.split(' '))
/** Statements that may name any table, and hold no rows. */
const HARMLESS = verbs(
  'ALTER ANALYZE ATTACH BEGIN CHANGE CHECK CHECKPOINT CLOSE CLUSTER COMMENT COMMIT CREATE DEALLOCATE DECLARE DELETE DESCRIBE DETACH DISCARD DROP END EXPLAIN FETCH FLUSH GRANT INSTALL KILL LISTEN LOCK NOTIFY OPTIMIZE PRAGMA PURGE REASSIGN REFRESH REINDEX RELEASE RENAME REPAIR RESET REVOKE ROLLBACK SAVEPOINT SECURITY SELECT SET SHOW START STOP TRUNCATE UNINSTALL UNLISTEN UNLOCK USE VACUUM XA',
)
/** Statements that may bring rows into the tables that they name, in a way that is not read here. */
const OTHER = verbs('CALL DO EXECUTE HANDLER IMPORT LOAD MERGE PREPARE TABLE UPDATE VALUES WITH')
const READ = verbs('COPY DELIMITER INSERT REPLACE')
/** Words between CREATE and TABLE. */
const TABLE_KINDS = verbs('OR REPLACE GLOBAL LOCAL TEMP TEMPORARY UNLOGGED FOREIGN VIRTUAL')

/** Is it SQL that begins like this? Only comments is enough: a dump may begin with many. */
export function beginsAsSql(start: Buffer, cursor: Cursor, dialect: Dialect): boolean {
  const lexer = new Lexer(cursor, dialect)
  const first = firstToken(lexer)
  first.next(null)
  const { done, value } = first.next(start)
  if (done && value !== null) return value
  return /^\s*(?:--|#|\/\*)/.test(start.toString('latin1', 0, 512))
}

function* firstToken(lexer: Lexer): Parser<boolean | null> {
  for (;;) {
    const token = yield* lexer.next()
    if (token === 'eof') return null
    if (isPsqlCommand(token, lexer)) yield* lexer.restOfLine()
    else if (token !== 'end') return token === 'word' && isVerb(lexer.text.toUpperCase())
  }
}

const isVerb = (word: string) => HARMLESS.has(word) || OTHER.has(word) || READ.has(word) || word === 'BINLOG'

/** Reads SQL statements, and counts the sessions that they insert and the statements that it does not understand. */
export class SqlScanner {
  readonly #cursor: Cursor
  readonly #dialect: Dialect
  readonly #tally: Tally
  readonly #lexer: Lexer
  readonly #row = new Row()
  readonly #inserts: Insert
  readonly #events: EncodedEvents
  readonly #notes: Notes
  /** Session tables whose columns are known. An INSERT need not repeat them. */
  readonly #tables = new Map<string, Table>()

  constructor(cursor: Cursor, dialect: Dialect, tally: Tally) {
    this.#cursor = cursor
    this.#dialect = dialect
    this.#tally = tally
    this.#events = new EncodedEvents(tally)
    this.#notes = new Notes(cursor, tally)
    this.#lexer = new Lexer(cursor, dialect, () => this.#notes.read())
    this.#inserts = new Insert(cursor, this.#lexer, dialect, this.#row)
  }

  *statements(): Parser {
    for (;;) {
      const token = yield* this.#lexer.next()
      if (token === 'eof') return this.#notes.end()
      if (isPsqlCommand(token, this.#lexer)) yield* this.#lexer.restOfLine()
      else if (token !== 'end') yield* this.#statement(token)
    }
  }

  *#statement(token: Token): Parser {
    const verb = token === 'word' ? this.#lexer.text.toUpperCase() : ''
    if (verb === 'INSERT' || verb === 'REPLACE') return yield* this.#insert(verb)
    if (verb === 'COPY') return yield* this.#copy()
    if (verb === 'CREATE') return yield* this.#create()
    if (verb === 'DELIMITER') {
      if (!(yield* this.#lexer.readDelimiter())) this.#tally.notUnderstood('a delimiter')
      return
    }
    if (verb === 'BINLOG') yield* this.#binlog()
    else if (!isVerb(verb)) this.#tally.notUnderstood('what is not SQL')
    yield* this.#skip(verb)
  }

  *#binlog(): Parser {
    const cursor = this.#cursor
    yield* cursor.skipSpace()
    let isUnderstood = false
    // Events that are too long for a statement are in variables.
    if ((yield* cursor.peek()) === QUOTE) {
      cursor.at++
      this.#tally.binlogStatements++
      this.#notes.printed()
      cursor.hide()
      isUnderstood = yield* this.#events.read(cursor)
      cursor.show()
    }
    if (!isUnderstood) this.#tally.notUnderstood('row events of a binary log')
  }

  /** Skips a statement, except for what it says about strings and about session tables. */
  *#skip(verb: string): Parser {
    let named = ''
    let previous = ''
    yield* skipStatement(this.#lexer, (token) => {
      if (token !== 'word' && token !== 'name') return
      const word = this.#lexer.text
      if (verb === 'SET' && word === 'TO') return
      if (OTHER.has(verb) && isSessionTable(word, this.#tables)) named = word
      // Dumps of PostgreSQL say so where backslashes in strings are escapes, as they were once.
      if (verb === 'SET' && previous === 'standard_conforming_strings')
        this.#dialect.escapes = word.toLowerCase() === 'off'
      // In a binary log the modes are a number.
      if (verb === 'SET' && previous === 'sql_mode' && /^\d{1,15}$/.test(word))
        this.#dialect.escapes = Math.floor(Number(word) / NO_BACKSLASH_ESCAPES) % 2 === 0
      previous = word.toLowerCase()
    })
    if (named !== '') this.#tally.notUnderstood(`${verb} with the table ${named}`)
  }

  *#insert(verb: string): Parser {
    const insert = this.#inserts
    const problem = yield* insert.read({
      columnsOf: (name) => this.#tables.get(name)?.columns ?? null,
      found: (table) => this.#tally.row(this.#row, table),
      isSessionTable: (name) => isSessionTable(name, this.#tables),
    })
    if (problem === null) return
    this.#tally.notUnderstood(`${verb}${insert.table === '' ? '' : ` into ${insert.table}`} ${problem}`)
  }

  *#create(): Parser {
    const lexer = this.#lexer
    let token = yield* lexer.next()
    while (token === 'word' && TABLE_KINDS.has(lexer.text.toUpperCase())) token = yield* lexer.next()
    if (token === 'end') return
    if (token !== 'word' || lexer.text.toUpperCase() !== 'TABLE') return yield* this.#rest(token)
    token = yield* lexer.next()
    for (const word of ['IF', 'NOT', 'EXISTS'])
      if (token === 'word' && lexer.text.toUpperCase() === word) token = yield* lexer.next()
    const { name, next } = yield* tableName(lexer, token)
    const columns = next === 'open' ? yield* columnsIn(lexer) : null
    const table = { name, columns }
    this.#tally.table(table)
    if (isSessionTable(name, new Map([[name, table]])) && this.#tables.size < 100) this.#tables.set(name, table)
    yield* this.#rest(columns === null ? next : 'close')
  }

  *#copy(): Parser {
    const lexer = this.#lexer
    const { name, next } = yield* tableName(lexer, yield* lexer.next())
    let token = next
    let columns: string[] | null = null
    // In parentheses are the columns, or the statement in COPY (SELECT …) TO, which has no name.
    if (token === 'open') {
      columns = yield* columnsIn(lexer)
      token = yield* lexer.next()
    }
    const words: string[] = []
    for (; token !== 'end'; token = yield* lexer.next()) {
      if (token === 'eof') return yield* this.#rest(token)
      if (words.length < 3) words.push(token === 'word' ? lexer.text.toUpperCase() : token)
    }
    if (words[0] !== 'FROM' && words[0] !== 'TO') this.#tally.notUnderstood('COPY')
    // After COPY … TO, or COPY from a file, no lines of data follow.
    if (words[0] !== 'FROM' || words[1] !== 'STDIN') return
    yield* this.#copyRows({ name, columns: columns ?? this.#tables.get(name)?.columns ?? null }, words.length > 2)
  }

  *#copyRows(table: Table, isOtherFormat: boolean): Parser {
    const cursor = this.#cursor
    yield* cursor.skipTo(LINE_END)
    cursor.at++
    if (!isOtherFormat) cursor.hide()
    const width = yield* copyRows(cursor, this.#row, () => this.#tally.row(this.#row, table))
    cursor.show()
    const isWrong = width === null || (width > 0 && !hasWidth(table, width))
    if (isOtherFormat || isWrong) this.#tally.notUnderstood(`rows of the table ${table.name}`)
  }

  *#rest(token: Token): Parser {
    if (token !== 'end') yield* skipStatement(this.#lexer)
  }
}
