import { asBuffer } from '../../base/bytes.ts'
import { StoreError } from '../../errors.ts'
import { Batcher, type Pipeline } from '../shared/batcher.ts'
import type { MysqlConnection, MysqlStatement, MysqlValue, Source } from './client.ts'
import { isConnectionUseless, isDueToOne } from './errors.ts'
import { type RowStatement, statement } from './statements.ts'

export type Row = Readonly<Record<string, unknown>>

/** The rows of a SELECT; of any other statement, how many rows it changed. */
export type Result = readonly Row[] | number

/** A statement about one row, with its values. */
export interface RowQuery {
  readonly statement: RowStatement
  readonly values: MysqlValue[]
}

interface BatchOptions {
  /** Reads are sent again after any error: otherwise one lost connection would fail the requests of many visitors. */
  readonly isRead: boolean
  readonly source: Source
  readonly sendOne: (query: RowQuery, limit: number) => Promise<Result>
  readonly tooLate: () => Error
  readonly maxBytes: () => number
}

/** For the queries of one statement. */
export function batcherFor({ isRead, source, sendOne, tooLate, maxBytes }: BatchOptions): Batcher<RowQuery, Result> {
  return new Batcher({
    connect(done) {
      source.acquire().then(
        (connection) => done(null, pipelineOn(source, connection)),
        (error) => done(error, null),
      )
    },
    sendOne,
    isDueToOne: (error) => isRead || isDueToOne(error),
    tooLate,
    keyOf: ({ statement, values }) => values[statement.key] as Uint8Array,
    // In a batch of writes, a byte is two hexadecimal digits.
    sizeOf: ({ values }) => values.reduce<number>((sum, each) => sum + 2 * lengthOf(each), 512),
    get maxBytes() {
      return maxBytes()
    },
  })
}

function pipelineOn(source: Source, connection: MysqlConnection): Pipeline<RowQuery, Result> {
  let isUsable = false
  return {
    send(queries, done) {
      sendOn(connection, queries).then(
        (results) => done(null, results),
        (error) => {
          // A single statement that was refused leaves nothing behind; a batch leaves a transaction that was begun.
          isUsable = queries.length === 1 && !isConnectionUseless(error)
          done(error)
        },
      )
    },
    release(destroy) {
      if (destroy && !isUsable) source.drop(connection)
      else source.release(connection)
    },
  }
}

async function sendOn(connection: MysqlConnection, queries: readonly RowQuery[]): Promise<readonly Result[]> {
  const [first] = queries as [RowQuery]
  if (queries.length === 1) return [await execute(connection, first.statement, first.values)]
  return first.statement.many ? select(connection, queries) : change(connection, queries)
}

export async function execute(
  connection: MysqlConnection,
  statement: MysqlStatement,
  values: MysqlValue[],
): Promise<Result> {
  const [result] = await connection.execute(statement, values)
  return Array.isArray(result) ? (result as readonly Row[]) : affected(result)
}

/** One SELECT for the rows of all ids. Each query gets the row of its id, if that is live at the moment that the query names. */
async function select(connection: MysqlConnection, queries: readonly RowQuery[]): Promise<readonly Result[]> {
  const { many, key } = (queries[0] as RowQuery).statement
  const keys = queries.map(({ values }) => hexOf(values[key]))
  const [rows] = await connection.query(statement(`${many} (${keys.map((each) => `0x${each}`).join()})`), null)
  const found = new Map((rows as Row[]).map((row) => [hexOf(row.id), row]))
  return queries.map(({ values: [, now] }, index) => {
    const row = found.get(keys[index] as string)
    return row && Number(row.expires_at) > Number(now) ? [row] : []
  })
}

/** One transaction in one message. The server stops at the first of its statements that fails. */
async function change(connection: MysqlConnection, queries: readonly RowQuery[]): Promise<readonly Result[]> {
  const text = ['START TRANSACTION', ...queries.map(inlined), 'COMMIT'].join(';')
  const [results] = await connection.query(statement(text), null)
  return (results as unknown[]).slice(1, -1).map(affected)
}

function affected(result: unknown): number {
  return Number((result as { affectedRows: number | string }).affectedRows)
}

/** The statement with its values in it, which are nothing but numbers, and bytes as hexadecimal digits. */
function inlined({ statement, values }: RowQuery): string {
  return statement.parts.reduce((text, part, index) => `${text}${literal(values[index - 1] ?? null)}${part}`)
}

function literal(value: MysqlValue): string {
  if (value === null) return 'NULL'
  // Not in quotes, where the driver would look at each character; but an empty value needs them.
  if (typeof value === 'object') return value.length === 0 ? "''" : `0x${hexOf(value)}`
  if (Number.isFinite(value)) return String(value)
  throw new StoreError('A value for the session database is neither a number nor bytes.')
}

function hexOf(value: unknown): string {
  return asBuffer(value as Uint8Array).toString('hex')
}

const lengthOf = (value: MysqlValue) => (typeof value === 'object' && value !== null ? value.length : 0)
