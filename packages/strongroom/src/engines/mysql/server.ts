import { StoreError } from '../../errors.ts'
import type { Schema, Traits } from '../../store.ts'
import { MISSING } from './errors.ts'
import type { Line } from './line.ts'
import { COMMENT, creation, FORMAT, statement } from './table.ts'
import type { Row } from './together.ts'

/** What the server's settings make of the table. */
export type Facts = Pick<Traits, 'durable' | 'sizeLimit'>

/** What MEDIUMBLOB keeps, with room beside it in a packet of 16 MB, MariaDB's default. */
const LARGEST = 2 ** 24 - 2048

export const ASSUMED: Facts = { durable: 'machine', sizeLimit: LARGEST }

const SETTINGS = statement(`SHOW VARIABLES WHERE Variable_name IN
  ('autocommit', 'innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog', 'max_allowed_packet')`)

/** Ms for a statement that makes the table: longer than for others, since it must not be given up half-way for no reason. */
const PATIENCE = 30_000

/** The table and the server that it is on. */
export class Server implements Schema {
  readonly statements: readonly string[]
  readonly #line: Line
  readonly #name: string
  readonly #create: boolean

  constructor(line: Line, table: string, create: boolean) {
    this.#line = line
    this.#name = table
    this.#create = create
    this.statements = [creation(table)]
  }

  /** Before the first use: refuses what would lose writes, and a table that this release does not know. */
  async meet(): Promise<Facts> {
    const rows = (await this.#line.plain(SETTINGS)) as Row[]
    const settings = Object.fromEntries(rows.map((row) => [String(row.Variable_name), String(row.Value)]))
    if (settings.autocommit === 'OFF') {
      throw new StoreError('The session database is reached with autocommit off: no write would last. Turn it on.')
    }
    const pending = await this.pending()
    if (pending.length > 0 && !this.#create) throw new StoreError(MISSING)
    if (pending.length > 0) await this.migrate()
    return factsOf(settings)
  }

  async pending(): Promise<readonly string[]> {
    const [name, database] = this.#name.split('.').reverse()
    // The names stand in it as they are: they are letters, digits and underscores.
    const [row] = (await this.#line.plain(
      statement(
        `SELECT table_comment AS comment FROM information_schema.tables
         WHERE table_schema = ${database ? `'${database}'` : 'DATABASE()'} AND table_name = '${name}'`,
      ),
    )) as Row[]
    if (!row) return this.statements
    const format = COMMENT.exec(String(row.comment))?.[1]
    if (format === undefined) {
      throw new StoreError(`There is a table ${this.#name} that is not ours: its comment says no format. Name another.`)
    }
    if (Number(format) === FORMAT) return []
    throw new StoreError(
      `The table ${this.#name} has format ${format}, and this release knows ${FORMAT}: use a newer release.`,
    )
  }

  /** IF NOT EXISTS: of two runners at once, one makes it, and the other finds it made. */
  async migrate(): Promise<readonly string[]> {
    const pending = await this.pending()
    for (const sql of pending) await this.#line.plain(statement(sql), [], PATIENCE)
    return pending
  }
}

function factsOf(settings: Readonly<Record<string, string>>): Facts {
  const {
    innodb_flush_log_at_trx_commit: flush,
    log_bin: log,
    sync_binlog: sync,
    max_allowed_packet: packet,
  } = settings
  // A commit whose entry in the binary log was lost with the power is rolled back when the server recovers.
  const logged = log !== 'ON' || sync === '1'
  const durable = flush === '0' ? 'no' : (flush === '1' || flush === '3') && logged ? 'machine' : 'process'
  return { durable, sizeLimit: Math.min(LARGEST, (Number(packet) || 2 ** 24) - 2048) }
}
