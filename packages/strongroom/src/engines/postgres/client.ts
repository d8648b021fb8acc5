import { ConfigError } from '../../errors.ts'
import { hasMethods, insteadOfClient } from '../shared/foreign-client.ts'

/** One statement, as pg's `query` takes it. */
export interface PostgresQuery {
  readonly text: string
  readonly values?: unknown[]
  readonly name?: string | undefined
  readonly rowMode: 'array'
  readonly types: { getTypeParser(oid: number, format?: string): (text: string) => unknown }
}

/** The part of a result that is used. */
export interface PostgresResult {
  readonly rowCount: number | null
  readonly rows: unknown[][]
}

/** The part of a connection that is used. pg's `Client` has it. */
export interface PostgresClient {
  query(query: PostgresQuery, callback: (error: Error, result: PostgresResult) => void): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notification', listener: (message: { channel: string; payload?: string | undefined }) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  /** Lets the process exit while the connection is open. */
  unref?(): void
  /** The server process behind this connection, or a number of the pooler's. */
  readonly processID?: number | null
}

/** The part of a pool that is used. pg's `Pool` has it. */
export interface PostgresPool {
  readonly totalCount: number
  connect(
    callback: (
      error: Error | undefined,
      client: PostgresClient | undefined,
      release: (destroy?: Error | boolean) => void,
    ) => void,
  ): void
}

/**
 * Refuses what is no client, and one that asks for results in binary: it cannot be asked for text in one query, and no value would be
 * readable. Throws `ConfigError`, naming `where`.
 */
export function checkClient(where: string, client: PostgresPool | PostgresClient): void {
  const isPool = hasMethods(client, 'connect') && typeof (client as PostgresPool).totalCount === 'number'
  // A pool of mysql2 has these methods, too.
  const isClient = hasMethods(client, 'query', 'on', 'removeListener') && !hasMethods(client, 'getConnection')
  if ((!isPool && !isClient) || insteadOfClient(client) !== '')
    throw new ConfigError(`Option "client" of ${where} must be a Pool or a Client of pg.${insteadOfClient(client)}`)
  const { options } = client as { readonly options?: { readonly binary?: unknown } }
  if (isBinary(client) || options?.binary) throw binaryRefused(where)
}

/** Of a connection. That of a pool is asked, too: `pg.defaults` are no options of the pool. */
export function isBinary(client: object): boolean {
  return Boolean((client as { readonly binary?: unknown }).binary)
}

export function binaryRefused(where: string): ConfigError {
  return new ConfigError(
    `${where} needs a client without the option "binary", which pg.defaults may set, too: it reads results as text.`,
  )
}

/** A row as the server sent it: each value as text. */
export type Row = (string | null)[]

export interface Result {
  readonly rowCount: number | null
  readonly rows: Row[]
}

/** A statement with its parameters, and the name under which connections keep it prepared. */
export interface Query {
  readonly text: string
  readonly values: (string | number | Buffer | null)[]
  readonly name?: string | undefined
  /** Set where the statement is about one row, so that it may be batched: the index of the parameter that is the row's id. */
  readonly key?: number | undefined
}

export function queryOf(text: string, values: Query['values'] = []): Query {
  return { text, values }
}

/** Values stay text: the application may have changed, for the whole process, how the driver parses a type. */
const types: PostgresQuery['types'] = { getTypeParser: () => (text) => text }

export function send(client: PostgresClient, query: Query, done: (error: unknown, result?: Result) => void): void {
  const { text, values, name } = query
  client.query({ text, values, name, rowMode: 'array', types }, (error, result) =>
    done(error ?? null, result as Result),
  )
}

/** The part of pg's `Connection` that is used; pg-cursor uses the same. */
interface Wire {
  readonly stream: { cork?(): void; uncork?(): void }
  readonly parsedStatements: Record<string, string>
  parse(message: { name: string; text: string }): void
  bind(message: { statement: string; values: Query['values']; valueMapper: (value: unknown) => unknown }): void
  execute(message: object): void
  sync(): void
}

/** One statement, and the parameters for each time that it runs. */
interface Batch {
  readonly text: string
  readonly name?: string | undefined
  readonly parameters: readonly Query['values'][]
}

type BatchDone = (error: unknown, results?: readonly Result[]) => void

/** Does `sendBatch` work on this connection? Not on one of the native driver. */
export function canPipeline(client: PostgresClient): boolean {
  return typeof (client as { connection?: Partial<Wire> }).connection?.bind === 'function'
}

/**
 * Runs a statement once for each set of parameters, in one round trip and one transaction: an error rolls back all of it, and
 * no result is reported before all of it is committed (PostgreSQL, Frontend/Backend Protocol, 55.2.4 Pipelining).
 *
 * It does not ask the server to describe the columns, which are always the same. That saves a quarter of the driver's time for
 * a read. Only for connections that were opened here: a connection of the application's may be wrapped, or may pipeline itself.
 */
export function sendBatch(client: PostgresClient, batch: Batch, done: BatchDone): void {
  const submit = client.query as unknown as (query: PipelinedQuery) => void
  submit.call(client, new PipelinedQuery(batch, done))
}

/** What pg calls a submittable: its `Client` calls the methods, and reads `name` and `text` to know what is prepared. */
class PipelinedQuery {
  readonly name: string | undefined
  readonly text: string
  readonly callback: BatchDone
  readonly #parameters: Batch['parameters']
  readonly #results: Result[] = []
  #rows: Row[] = []

  constructor({ name, text, parameters }: Batch, done: BatchDone) {
    this.name = name
    this.text = text
    this.callback = done
    this.#parameters = parameters
  }

  submit(wire: Wire): null {
    const statement = this.name ?? ''
    wire.stream.cork?.()
    try {
      if (statement === '' || wire.parsedStatements[statement] === undefined)
        wire.parse({ name: statement, text: this.text })
      for (const values of this.#parameters) {
        wire.bind({ statement, values, valueMapper: toText })
        wire.execute({})
      }
      wire.sync()
    } finally {
      wire.stream.uncork?.()
    }
    return null
  }

  handleDataRow({ fields }: { fields: Row }): void {
    this.#rows.push(fields)
  }

  /** The tag is "SELECT 1", "UPDATE 1" or "INSERT 0 1". */
  handleCommandComplete({ text }: { text: string }): void {
    this.#results.push({ rows: this.#rows, rowCount: Number(text.slice(text.lastIndexOf(' ') + 1)) })
    this.#rows = []
  }

  handleReadyForQuery(): void {
    this.callback(null, this.#results)
  }

  handleError(error: unknown): void {
    this.callback(error)
  }
}

const toText = (value: unknown) => (typeof value === 'number' ? String(value) : value)

/** The bytes of a `bytea`, which the server may send in either format of `bytea_output`: hex or escape. */
export function bytesOf(text: string): Buffer {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex')
  const byte = (_: string, octal?: string) => (octal ? String.fromCharCode(Number.parseInt(octal, 8)) : '\\')
  return Buffer.from(text.replace(/\\(?:\\|([0-7]{3}))/g, byte), 'latin1')
}

export function hexOf(text: string): string {
  return text.startsWith('\\x') ? text.slice(2) : bytesOf(text).toString('hex')
}
