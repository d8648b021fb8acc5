import { StoreError } from '../../errors.ts'
import type { Schema, Traits } from '../../store.ts'
import type { Row } from './batch.ts'
import { MISSING } from './errors.ts'
import type { Executor } from './executor.ts'
import { COMMENT, creation, FORMAT, statement } from './statements.ts'

/** The traits that depend on the settings of the server. */
export type Facts = Pick<Traits, 'durable' | 'sizeLimit'>

/** The most that a MEDIUMBLOB holds, less the rest of the statement in a packet of 16 MB, which is MariaDB's default. */
const LARGEST = 2 ** 24 - 2048

/** Before the first call: what most servers are set to. */
export const ASSUMED: Facts = { durable: 'machine', sizeLimit: LARGEST }

const SETTINGS = statement(`SHOW VARIABLES WHERE Variable_name IN
  ('autocommit', 'innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog', 'max_allowed_packet')`)

/** Time limit in ms for the statement that creates the table: it must not be given up half-way without need. */
const CREATION_LIMIT = 30_000

/** One table, and the settings of its server. */
export class Table implements Schema {
  readonly statements: readonly string[]
  readonly #executor: Executor
  readonly #name: string
  readonly #create: boolean

  constructor(executor: Executor, name: string, create: boolean) {
    this.#executor = executor
    this.#name = name
    this.#create = create
    this.statements = [creation(name)]
  }

  /** Before the first use: refuses settings that would lose writes, and a table that this release does not know. */
  async check(): Promise<Facts> {
    const settings = await settingsOf(this.#executor)
    const pending = await this.pending()
    if (pending.length > 0 && !this.#create) throw new StoreError(MISSING)
    if (pending.length > 0) await this.migrate()
    return factsOf(settings)
  }

  async pending(): Promise<readonly string[]> {
    const [name, database] = this.#name.split('.').reverse()
    // The names need no escaping: they are letters, digits and underscores.
    const [row] = (await this.#executor.query(
      statement(
        `SELECT table_comment AS comment FROM information_schema.tables
         WHERE table_schema = ${database ? `'${database}'` : 'DATABASE()'} AND table_name = '${name}'`,
      ),
    )) as Row[]
    if (!row) return this.statements
    const format = COMMENT.exec(String(row.comment))?.[1]
    if (format === undefined) {
      throw new StoreError(
        `The table ${this.#name} is not ours: its comment does not say that it holds sessions of strongroom. Choose another name.`,
      )
    }
    if (Number(format) === FORMAT) return []
    throw new StoreError(
      `The table ${this.#name} has format ${format}, and this release knows format ${FORMAT}. Use a newer release.`,
    )
  }

  /** Two runners may do this in parallel: with IF NOT EXISTS, one creates the table and the other finds it. */
  async migrate(): Promise<readonly string[]> {
    const pending = await this.pending()
    for (const sql of pending) await this.#executor.query(statement(sql), CREATION_LIMIT)
    return pending
  }
}

/** The settings of the server that matter here. Rejects with `StoreError` when the connections have autocommit off. */
export async function settingsOf(executor: Executor): Promise<Readonly<Record<string, string>>> {
  const rows = (await executor.query(SETTINGS)) as Row[]
  const settings = Object.fromEntries(rows.map((row) => [String(row.Variable_name), String(row.Value)]))
  if (settings.autocommit !== 'OFF') return settings
  throw new StoreError(
    'The connections to the session database have autocommit off, so that no write would last. Turn it on.',
  )
}

function factsOf(settings: Readonly<Record<string, string>>): Facts {
  const {
    innodb_flush_log_at_trx_commit: flush,
    log_bin: log,
    sync_binlog: sync,
    max_allowed_packet: packet,
  } = settings
  // A commit whose entry in the binary log is lost in a power failure is rolled back when the server recovers.
  const logged = log !== 'ON' || sync === '1'
  const durable = flush === '0' ? 'no' : (flush === '1' || flush === '3') && logged ? 'machine' : 'process'
  return { durable, sizeLimit: Math.min(LARGEST, (Number(packet) || 2 ** 24) - 2048) }
}
