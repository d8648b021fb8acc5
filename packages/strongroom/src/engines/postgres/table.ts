import { createHash } from 'node:crypto'
import { OpenState } from '../../base/open-state.ts'
import { momentIn } from '../../base/retry.ts'
import { StoreError } from '../../errors.ts'
import type { Schema, Traits } from '../../store.ts'
import { FirstUse } from '../shared/first-use.ts'
import { type Query, queryOf, type Result, type Row } from './client.ts'
import { failure, isRolledBack, isUnprepared, READ_ONLY, tooLate } from './errors.ts'
import { ClientExecutor, type Executor, ignore, type PooledExecutor } from './executor.ts'
import { FORMAT, formatOf, probeOf, type Statement, tableStatements } from './statements.ts'

export interface TableOptions {
  readonly table: string
  readonly timeout: number
  readonly prepare: boolean
  readonly createTable: boolean
}

interface Facts {
  readonly exists: boolean
  readonly comment: unknown
  /** What an acknowledged commit survives, with the settings that the server has for our role. */
  readonly durable: Traits['durable']
}

/** How often a statement that was rolled back is tried: of fifty that conflict, one succeeds in each round. */
const TRIES = 50

/** Sweeps, scans and migrations may take this many times the time limit of other calls. */
const LONG_CALL = 5

/** One table: checked before its first use, made where that is wanted, and used by statements. */
export class Table implements Schema {
  readonly statements: readonly string[]
  readonly #executor: Executor
  readonly #options: TableOptions
  readonly #state = new OpenState()
  readonly #first: FirstUse
  #prepare: boolean
  #facts: Facts | null = null
  #closing: Promise<void> | null = null

  constructor(executor: Executor, options: TableOptions) {
    this.#executor = executor
    this.#options = options
    this.#prepare = options.prepare
    this.#first = new FirstUse(
      () => this.#check(),
      options.timeout,
      (limit) => tooLate(limit, executor.isConnected),
    )
    this.statements = tableStatements(options.table)
  }

  /** Before the first call, what most servers are set to. */
  get durable(): Traits['durable'] {
    return this.#facts?.durable ?? 'machine'
  }

  /** For what a request waits for. */
  execute(statement: Statement, values: Query['values']): Promise<Result> {
    return this.#first.before(() => this.#run(statement, values))
  }

  /** For what takes longer. */
  async executeLong(text: string, values: Query['values'] = []): Promise<Row[]> {
    await this.#first.passed()
    return this.#runLong(text, values)
  }

  async pending(): Promise<readonly string[]> {
    const { exists, comment } = await this.#probe()
    if (!exists) return this.statements
    const format = formatOf(comment)
    if (format === FORMAT) return []
    if (format !== null) throw newer(this.#options.table, format)
    throw new StoreError(
      `There is already a table ${this.#options.table}, and its comment does not say that it holds sessions of strongroom. ` +
        `Choose another name; or, if it does, set its comment: ${this.statements.at(-1)}`,
    )
  }

  async migrate(): Promise<readonly string[]> {
    const pending = await this.pending()
    if (pending.length === 0) return []
    // One message is one transaction, and the lock lasts as long: the second of two runners finds everything made.
    const lock = `SELECT pg_advisory_xact_lock(${lockIdOf(`migrate ${this.#options.table}`)})`
    await this.#runLong([lock, ...pending].join(';\n'))
    return pending
  }

  assertOpen(): void {
    this.#state.assertOpen()
  }

  close(): Promise<void> {
    this.#state.close()
    this.#closing ??= this.#executor.close()
    return this.#closing
  }

  async #check(): Promise<void> {
    const facts = await this.#probe()
    const { table, createTable } = this.#options
    const format = formatOf(facts.comment)
    if (format !== null && format > FORMAT) throw newer(table, format)
    if (!facts.exists) {
      if (!createTable) {
        throw new StoreError(
          `The table ${table} is missing. Run "npx @strongroom/cli migrate", or set createTable: true.`,
        )
      }
      await this.migrate()
    }
    this.#facts = facts
  }

  async #probe(): Promise<Facts> {
    const found = await this.#probeOnce()
    // While another process makes the table, its name is visible immediately, and its comment only to later snapshots: one query
    // may find the name without the comment. The next one finds both.
    return found.exists && formatOf(found.comment) === null ? this.#probeOnce() : found
  }

  async #probeOnce(): Promise<Facts> {
    const rows = await this.#runLong(probeOf(this.#options.table))
    const [exists, comment, commit, fsync, isReplica] = rows[0] ?? []
    // A replica still returns sessions that have been ended, for as long as it lags behind.
    if (isReplica === 't') throw new StoreError(READ_ONLY)
    return { exists: exists === 't', comment, durable: durableWith(commit, fsync) }
  }

  async #runLong(text: string, values: Query['values'] = []): Promise<Row[]> {
    return (await this.#retrying(queryOf(text, values), this.#options.timeout * LONG_CALL)).rows
  }

  #run({ name, text, key }: Statement, values: Query['values']): Promise<Result> {
    return this.#retrying({ name: this.#prepare ? name : undefined, text, values, key }, this.#options.timeout)
  }

  async #retrying(given: Query, limit: number): Promise<Result> {
    const until = momentIn(limit)
    for (let [tries, query, left] = [1, given, limit]; ; tries += 1) {
      this.assertOpen()
      try {
        return await this.#executor.execute(query, left)
      } catch (error) {
        left = until - performance.now()
        if (tries === TRIES || left <= 0 || !(isRolledBack(error) || isUnprepared(error))) throw failure(error)
        // The connection goes through a pooler that does not track prepared statements. Nothing was executed: this query, and all
        // that follow, go unprepared.
        if (isUnprepared(error)) {
          this.#prepare = false
          query = queryOf(given.text, given.values)
        }
      }
    }
  }
}

/** Without synchronous_commit, a commit is in the memory of the server alone; without fsync, in the memory of its machine. */
function durableWith(commit: unknown, fsync: unknown): Traits['durable'] {
  if (commit === 'off') return 'no'
  return fsync === 'off' ? 'process' : 'machine'
}

function newer(table: string, format: number): StoreError {
  return new StoreError(
    `The table ${table} has format ${format}, and this release knows format ${FORMAT}. Use a newer release.`,
  )
}

/** The number of an advisory lock: one for each name, which other software is unlikely to use. */
function lockIdOf(name: string): bigint {
  return createHash('sha256').update(`strongroom ${name}`).digest().readBigInt64BE()
}

interface LockOptions {
  readonly limit: number
  /** Ms after which the server releases the lock of a runner that it has not heard from. */
  readonly lease?: number
}

/**
 * Runs `work` under an advisory lock; null when another runner has it. The lock belongs to a transaction that stays open and
 * does nothing, because only such a lock works through a pooler that gives each transaction another connection. It ends with the
 * process. When the machine is gone, or the process is frozen, it ends after `lease`: the server hears from us four times as
 * often. The transaction has no snapshot and no transaction id, so it does not hold back vacuum.
 */
export async function withAdvisoryLock<T>(
  executor: PooledExecutor,
  name: string,
  work: () => Promise<T>,
  { limit, lease = 60_000 }: LockOptions,
): Promise<T | null> {
  const reserved = await executor.reserve(limit).catch((error) => {
    throw failure(error)
  })
  const connection = new ClientExecutor(reserved.client)
  const run = async (text: string) => (await connection.execute(queryOf(text), limit)).rows[0]?.[0]
  const heartbeat = setInterval(() => run('SELECT 1').catch(ignore), lease / 4).unref()
  try {
    return (await takeLock(run, name, lease)) ? await work() : null
  } finally {
    clearInterval(heartbeat)
    // COMMIT releases the lock before we return. Closing the connection alone would leave it for a moment longer.
    const isLost = await run('COMMIT').then(
      () => false,
      () => true,
    )
    reserved.release(isLost)
  }
}

async function takeLock(run: (text: string) => Promise<unknown>, name: string, lease: number): Promise<boolean> {
  try {
    await run('BEGIN')
    await run(`SET LOCAL idle_in_transaction_session_timeout = ${lease}`)
    return (await run(`SELECT pg_try_advisory_xact_lock(${lockIdOf(name)})`)) === 't'
  } catch (error) {
    throw failure(error)
  }
}
