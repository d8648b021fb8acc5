import { OpenState } from '../../base/open-state.ts'
import { momentIn, retryUntil } from '../../base/retry.ts'
import { within } from '../../base/time-limit.ts'
import { StoreError } from '../../errors.ts'
import type { Batcher } from '../shared/batcher.ts'
import { batcherFor, execute, type Result, type Row, type RowQuery } from './batch.ts'
import type { MysqlConnection, MysqlStatement, MysqlValue, Reserved, Source } from './client.ts'
import { failure, isConnectionUseless, isTransient, tooLate } from './errors.ts'
import type { RowStatement } from './statements.ts'

/** The most calls that may be under way or wait for a connection. Further calls are refused, so that the queue stays bounded. */
const MAX_CALLS = 5000

interface Call {
  connection: MysqlConnection | null
  /** Its time was up, and its caller's promise has been rejected. */
  isLate: boolean
  isOver: boolean
}

/** Runs statements, each within a time limit. */
export class Executor {
  readonly #source: Source
  readonly #timeout: number
  readonly #batchers = new Map<MysqlStatement, Batcher<RowQuery, Result>>()
  readonly #state = new OpenState()
  /** The most bytes in one batch. */
  maxBatchBytes = 2 ** 18
  #calls = 0

  constructor(source: Source, timeout: number) {
    this.#source = source
    this.#timeout = timeout
  }

  /** The rows of a prepared SELECT. */
  rows(statement: MysqlStatement | RowStatement, values: MysqlValue[]): Promise<readonly Row[]> {
    return this.#execute(statement, values) as Promise<readonly Row[]>
  }

  /** How many rows a prepared statement changed. */
  change(statement: MysqlStatement | RowStatement, values: MysqlValue[]): Promise<number> {
    return this.#execute(statement, values) as Promise<number>
  }

  /** A statement that is not prepared, because it runs once, or differs each time. */
  async query(statement: MysqlStatement, limit = this.#timeout): Promise<unknown> {
    const run = (connection: MysqlConnection) => connection.query(statement, null)
    return (await this.#retrying((left) => this.#once(run, left, limit), limit))[0]
  }

  /** Runs `work` with a connection that nobody else uses. Each of its queries has a time limit; the work itself has none. */
  async withConnection<T>(
    work: (query: (statement: MysqlStatement) => Promise<readonly Row[]>) => Promise<T>,
  ): Promise<T> {
    this.#assertReady()
    const { connection, end } = await this.#reserve()
    let isUsable = true
    const query = async (statement: MysqlStatement) => {
      try {
        const [rows] = await this.#within(() => connection.query(statement, null))
        return rows as Row[]
      } catch (error) {
        isUsable = false
        throw failure(error)
      }
    }
    try {
      return await work(query)
    } finally {
      if (isUsable) end()
      else this.#source.drop(connection)
    }
  }

  async close(): Promise<void> {
    this.#state.close()
    await this.#source.close(this.#timeout)
  }

  #execute(statement: MysqlStatement | RowStatement, values: MysqlValue[]): Promise<Result> {
    const isBatched = 'key' in statement && this.#batches(statement)
    return this.#retrying((left) =>
      isBatched ? this.#batched({ statement, values }, left) : this.#single(statement, values, left),
    )
  }

  #batches({ many }: RowStatement): boolean {
    const { batches } = this.#source
    return batches === 'reads and writes' || (batches === 'reads' && many !== undefined)
  }

  async #reserve(): Promise<Reserved> {
    let isLate = false
    const reserve = async () => {
      const reserved = await this.#source.reserve()
      if (isLate) reserved.end()
      return reserved
    }
    const giveUp = () => {
      isLate = true
    }
    try {
      return await this.#within(reserve, giveUp)
    } catch (error) {
      throw failure(error)
    }
  }

  #within<T>(call: () => Promise<T>, late?: () => void): Promise<T> {
    return within(this.#timeout, call, () => tooLate(this.#timeout), late)
  }

  /** Tries again after transient errors, until the time is up. */
  #retrying<T>(run: (left: number) => Promise<T>, limit = this.#timeout): Promise<T> {
    const until = momentIn(limit)
    const attempt = () => {
      this.#assertReady()
      return run(until - performance.now())
    }
    return retryUntil(until, attempt, (error, isLate) => (isTransient(error) && !isLate ? null : failure(error)))
  }

  async #batched(query: RowQuery, limit: number): Promise<Result> {
    const { statement } = query
    let batcher = this.#batchers.get(statement)
    if (!batcher) {
      batcher = batcherFor({
        isRead: statement.many !== undefined,
        source: this.#source,
        sendOne: ({ statement, values }, left) => this.#single(statement, values, left),
        tooLate: () => tooLate(this.#timeout),
        maxBytes: () => this.maxBatchBytes,
      })
      this.#batchers.set(statement, batcher)
    }
    this.#calls += 1
    try {
      return await batcher.run(query, limit)
    } finally {
      this.#calls -= 1
    }
  }

  #single(statement: MysqlStatement, values: MysqlValue[], left: number): Promise<Result> {
    return this.#once((connection) => execute(connection, statement, values), left)
  }

  #once<T>(run: (connection: MysqlConnection) => Promise<T>, left: number, limit = this.#timeout): Promise<T> {
    const call: Call = { connection: null, isLate: false, isOver: false }
    this.#calls += 1
    const giveUp = () => {
      call.isLate = true
      // On a closed connection the result never arrives. Otherwise the call still counts, so that the queue stays bounded.
      if (call.connection && this.#source.drop(call.connection)) this.#end(call)
    }
    return within(
      left,
      () => this.#runOn(run, call).finally(() => this.#end(call)),
      () => tooLate(limit),
      giveUp,
    )
  }

  async #runOn<T>(run: (connection: MysqlConnection) => Promise<T>, call: Call): Promise<T> {
    const connection = await this.#source.acquire()
    if (call.isLate) {
      // The caller has given up: the connection is free for the next call.
      this.#source.release(connection)
      throw tooLate(this.#timeout)
    }
    call.connection = connection
    try {
      const result = await run(connection)
      if (!call.isLate) this.#source.release(connection)
      return result
    } catch (error) {
      if (!call.isLate && isConnectionUseless(error)) this.#source.drop(connection)
      else if (!call.isLate) this.#source.release(connection)
      throw error
    }
  }

  #end(call: Call): void {
    if (!call.isOver) this.#calls -= 1
    call.isOver = true
  }

  #assertReady(): void {
    this.#state.assertOpen()
    if (this.#calls >= MAX_CALLS) throw new StoreError('Too many calls are waiting for the session database.')
  }
}
