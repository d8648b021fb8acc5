import type { StatementReader } from './binlog-events.ts'
import { Cursor, type Parser } from './cursor.ts'
import type { Dialect } from './dialect.ts'
import { SqlScanner } from './sql.ts'
import type { Tally } from './tally.ts'

/** The statement of an event has no end of its own. No name holds this one, and what is in a string does not count. */
const DELIMITER = '\xff\xff'

/** Reads the statements in a binary log, one after the other, as those of a dump. */
export class LoggedStatements implements StatementReader {
  readonly #dialect: Dialect = { escapes: true, hashComments: true }
  readonly #parser: Parser
  #hasBody = false

  constructor(tally: Tally) {
    const cursor = new Cursor((bytes) => tally.outside.push(bytes))
    this.#parser = new SqlScanner(cursor, this.#dialect, tally).statements()
    this.#parser.next(null)
  }

  begin({ escapes, start }: { readonly escapes: boolean; readonly start: Buffer }): void {
    this.#dialect.escapes = escapes
    // There may be semicolons in a procedure.
    this.#hasBody = /^\s*(?:\/\*!?\d*)?\s*CREATE\b/i.test(start.toString('latin1'))
    if (this.#hasBody) this.#text(`DELIMITER ${DELIMITER}\n`)
  }

  push(bytes: Buffer): void {
    if (bytes.length > 0) this.#parser.next(bytes)
  }

  end(): void {
    // The statement may end with a comment.
    this.#text(this.#hasBody ? `\n${DELIMITER}\nDELIMITER ;\n` : '\n;\n')
  }

  /** Throws when a statement has no end. */
  close(): void {
    this.#parser.next(null)
  }

  #text(text: string): void {
    this.push(Buffer.from(text, 'latin1'))
  }
}
