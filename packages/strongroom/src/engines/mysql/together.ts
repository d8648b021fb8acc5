import { StoreError } from '../../errors.ts'
import { type Carrier, Together } from '../shared/batcher.ts'
import type { MysqlConnection, MysqlStatement, MysqlValue, Source } from './client.ts'
import { isOfOne, isSpoilt } from './errors.ts'
import { type RowStatement, statement } from './table.ts'

export type Row = Readonly<Record<string, unknown>>

/** Of a SELECT its rows, of all else how many rows it changed. */
export type Answer = readonly Row[] | number

/** A statement about one row, which may go together with others of its kind. */
export interface RowRequest {
  readonly statement: RowStatement
  readonly values: MysqlValue[]
}

interface Surroundings {
  /** Only reads: then it is asked again whatever went wrong, so that not many visitors pay for one connection that is lost. */
  readonly reads: boolean
  readonly source: Source
  readonly alone: (request: RowRequest, limit: number) => Promise<Answer>
  readonly tooLate: () => Error
  readonly mostBytes: () => number
}

/** For the requests of one statement. */
export function togetherOn({ reads, source, alone, tooLate, mostBytes }: Surroundings): Together<RowRequest, Answer> {
  return new Together({
    carrier(done) {
      source.acquire().then(
        (connection) => done(null, carrierOn(source, connection)),
        (error) => done(error, null),
      )
    },
    alone,
    isOfOne: (error) => reads || isOfOne(error),
    tooLate,
    keyOf: ({ statement, values }) => values[statement.key] as Uint8Array,
    sizeOf: ({ values }) => values.reduce<number>((sum, each) => sum + 2 * lengthOf(each), 512),
    get mostBytes() {
      return mostBytes()
    },
  })
}

function carrierOn(source: Source, connection: MysqlConnection): Carrier<RowRequest, Answer> {
  let isSound = false
  return {
    send(requests, done) {
      sendOn(connection, requests).then(
        (answers) => done(null, answers),
        (error) => {
          // Where one alone was refused nothing is left behind, but of several a transaction that was begun.
          isSound = requests.length === 1 && !isSpoilt(error)
          done(error)
        },
      )
    },
    release(destroy) {
      if (destroy && !isSound) source.drop(connection)
      else source.release(connection)
    },
  }
}

async function sendOn(connection: MysqlConnection, requests: readonly RowRequest[]): Promise<readonly Answer[]> {
  const [first] = requests as [RowRequest]
  if (requests.length === 1) return [await execute(connection, first.statement, first.values)]
  return first.statement.many ? select(connection, requests) : change(connection, requests)
}

export async function execute(connection: MysqlConnection, asked: MysqlStatement, values: MysqlValue[]) {
  const [answer] = await connection.execute(asked, values)
  return Array.isArray(answer) ? (answer as readonly Row[]) : affected(answer)
}

/** The rows of all ids, and for each request that of its id, when it is live at the moment that the request says. */
async function select(connection: MysqlConnection, requests: readonly RowRequest[]): Promise<readonly Answer[]> {
  const { many, key } = (requests[0] as RowRequest).statement
  const keys = requests.map(({ values }) => hexOf(values[key]))
  const [rows] = await connection.query(statement(`${many} (${keys.map((each) => `0x${each}`).join()})`), [])
  const found = new Map((rows as Row[]).map((row) => [hexOf(row.id), row]))
  return requests.map(({ values: [, now] }, at) => {
    const row = found.get(keys[at] as string)
    return row && Number(row.expires_at) > Number(now) ? [row] : []
  })
}

/** In one transaction of one message. In a message of several statements the first that fails is the last. */
async function change(connection: MysqlConnection, requests: readonly RowRequest[]): Promise<readonly Answer[]> {
  const text = ['START TRANSACTION', ...requests.map(inlined), 'COMMIT'].join(';')
  const [results] = await connection.query(statement(text), [])
  return (results as unknown[]).slice(1, -1).map(affected)
}

function affected(result: unknown): number {
  return Number((result as { affectedRows: number | string }).affectedRows)
}

/** The statement with its values in it, which are nothing but numbers and bytes as hexadecimal digits. */
function inlined({ statement, values }: RowRequest): string {
  const [start, ...parts] = statement.sql.split('?')
  return parts.reduce((text, part, at) => `${text}${literal(values[at] ?? null)}${part}`, start as string)
}

function literal(value: MysqlValue): string {
  if (value === null) return 'NULL'
  // The driver looks through what stands between quotes, character by character; an empty one has to have them.
  if (typeof value === 'object') return value.length === 0 ? "''" : `0x${hexOf(value)}`
  if (Number.isFinite(value)) return String(value)
  throw new StoreError('A value for the session database is neither a number nor bytes.')
}

function hexOf(value: unknown): string {
  const { buffer, byteOffset, byteLength } = value as Uint8Array
  return Buffer.from(buffer, byteOffset, byteLength).toString('hex')
}

const lengthOf = (value: MysqlValue) => (typeof value === 'object' && value !== null ? value.length : 0)
