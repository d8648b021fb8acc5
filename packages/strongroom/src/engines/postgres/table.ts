import { createHash } from 'node:crypto'
import { StoreError } from '../../errors.ts'
import type { Schema, Traits } from '../../store.ts'
import { type Answer, queryOf, type Request, type Row } from './client.ts'
import { failure, isUndone, isUnprepared, READ_ONLY } from './failure.ts'
import type { Link } from './pool.ts'
import { FORMAT, formatOf, probeOf, tableStatements } from './schema.ts'
import type { Statement } from './statements.ts'

export interface TableOptions {
  readonly table: string
  readonly timeout: number
  readonly prepare: boolean
  readonly createTable: boolean
}

/** What a look at the server told. */
interface Facts {
  readonly exists: boolean
  readonly comment: unknown
  /** What an acknowledged commit survives, as the server is set for our role. */
  readonly durable: Traits['durable']
}

/** How often a statement that the server has taken back is tried: fifty who collide each lose to one of the others. */
const TRIES = 50

/** Sweeps, lists and migrations may take so many times longer than what a request asks for. */
const PATIENCE = 5

/** One table behind a link: looked at before its first use, asked by statements, and made when that is wanted. */
export class Table implements Schema {
  readonly statements: readonly string[]
  readonly #link: Link
  readonly #options: TableOptions
  #prepare: boolean
  #looking: Promise<Facts> | null = null
  #facts: Facts | null = null
  #closing: Promise<void> | null = null

  constructor(link: Link, options: TableOptions) {
    this.#link = link
    this.#options = options
    this.#prepare = options.prepare
    this.statements = tableStatements(options.table)
  }

  /** True until a server has been seen that says otherwise. */
  get durable(): Traits['durable'] {
    return this.#facts?.durable ?? 'machine'
  }

  /** What a request asks for. */
  ask(statement: Statement, values: Request['values']): Promise<Answer> {
    return this.#facts ? this.#quickly(statement, values) : this.#look().then(() => this.#quickly(statement, values))
  }

  /** What takes its time. */
  async work(text: string, values: Request['values'] = []): Promise<Row[]> {
    if (!this.#facts) await this.#look()
    return this.#slowly(text, values)
  }

  async pending(): Promise<readonly string[]> {
    const { exists, comment } = await this.#probe()
    if (!exists) return this.statements
    const format = formatOf(comment)
    if (format === FORMAT) return []
    if (format !== null) throw newer(this.#options.table, format)
    throw new StoreError(
      `There is a table ${this.#options.table} already, and its comment does not say that it is one of ours. Choose ` +
        `another name; or, if it is, say so: ${this.statements.at(-1)}`,
    )
  }

  async migrate(): Promise<readonly string[]> {
    const pending = await this.pending()
    if (pending.length === 0) return []
    // One message is one transaction, and the lock ends with it: of two runners the second finds everything made.
    const lock = `SELECT pg_advisory_xact_lock(${lockOf(`migrate ${this.#options.table}`)})`
    await this.#slowly([lock, ...pending].join(';\n'))
    return pending
  }

  assertOpen(): void {
    if (this.#closing) throw new StoreError('This store was closed.')
  }

  close(): Promise<void> {
    this.#closing ??= this.#link.close()
    return this.#closing
  }

  #look(): Promise<Facts> {
    this.#looking ??= this.#begin().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  async #begin(): Promise<Facts> {
    const facts = await this.#probe()
    const { table, createTable } = this.#options
    const format = formatOf(facts.comment)
    if (format !== null && format > FORMAT) throw newer(table, format)
    if (!facts.exists) {
      if (!createTable) {
        throw new StoreError(`The table ${table} is missing. Run "strongroom migrate", or set createTable: true.`)
      }
      await this.migrate()
    }
    this.#facts = facts
    return facts
  }

  async #probe(): Promise<Facts> {
    const found = await this.#probeOnce()
    // A name shows as soon as it is made, a comment only to snapshots taken later: of a table that somebody was just making,
    // a look may find the one without the other, and the next one both.
    return found.exists && formatOf(found.comment) === null ? this.#probeOnce() : found
  }

  async #probeOnce(): Promise<Facts> {
    const rows = await this.#slowly(probeOf(this.#options.table))
    const [exists, comment, commit, fsync, isReplica] = rows[0] ?? []
    // It would go on showing sessions that were ended, for as long as it lags behind.
    if (isReplica === 't') throw new StoreError(READ_ONLY)
    return { exists: exists === 't', comment, durable: durableWith(commit, fsync) }
  }

  async #slowly(text: string, values: Request['values'] = []): Promise<Row[]> {
    return (await this.#send(queryOf(text, values), this.#options.timeout * PATIENCE)).rows
  }

  #quickly({ name, text, key }: Statement, values: Request['values']): Promise<Answer> {
    return this.#send({ name: this.#prepare ? name : undefined, text, values, key }, this.#options.timeout)
  }

  async #send(given: Request, limit: number): Promise<Answer> {
    const until = performance.now() + limit
    for (let [tries, request, left] = [1, given, limit]; ; tries += 1) {
      this.assertOpen()
      try {
        return await this.#link.ask(request, left)
      } catch (error) {
        left = until - performance.now()
        if (tries === TRIES || left <= 0 || !(isUndone(error) || isUnprepared(error))) throw failure(error)
        // Behind a pooler that knows nothing of prepared statements. Nothing was done; this and all that follow go without.
        if (isUnprepared(error)) {
          this.#prepare = false
          request = queryOf(given.text, given.values)
        }
      }
    }
  }
}

/** A commit that is not waited for is in the server's memory alone; one without fsync in that of its machine. */
function durableWith(commit: unknown, fsync: unknown): Traits['durable'] {
  if (commit === 'off') return 'no'
  return fsync === 'off' ? 'process' : 'machine'
}

/** A number for an advisory lock: ours, and one for each name. */
export function lockOf(name: string): bigint {
  return createHash('sha256').update(`strongroom ${name}`).digest().readBigInt64BE()
}

function newer(table: string, format: number): StoreError {
  return new StoreError(
    `The table ${table} has format ${format}, and this release knows ${FORMAT}: use a newer release.`,
  )
}
