/** One statement, as pg's `query` takes it. */
export interface PostgresQuery {
  readonly text: string
  readonly values?: unknown[]
  readonly name?: string | undefined
  readonly rowMode: 'array'
  readonly types: { getTypeParser(oid: number, format?: string): (text: string) => unknown }
}

/** What is used of a result. */
export interface PostgresResult {
  readonly rowCount: number | null
  readonly rows: unknown[][]
}

/** What is used of a connection: pg's `Client` has it. */
export interface PostgresClient {
  query(query: PostgresQuery, callback: (error: Error, result: PostgresResult) => void): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notification', listener: (news: { channel: string; payload?: string | undefined }) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  /** Lets the process end although the connection is open. */
  unref?(): void
  /** Of the server's process, unless a pooler stands between. */
  readonly processID?: number | null
}

/** What is used of a pool: pg's `Pool` has it. */
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

/** A row as the server wrote it. */
export type Row = (string | null)[]

export interface Answer {
  readonly rowCount: number | null
  readonly rows: Row[]
}

/** What is sent: a statement, its parameters, and the name under which connections keep it prepared. */
export interface Request {
  readonly text: string
  readonly values: (string | number | Buffer | null)[]
  readonly name?: string | undefined
  /** Which parameter is the id of the one row that it is about. Such requests may go to the server together. */
  readonly key?: number | undefined
}

export function queryOf(text: string, values: Request['values'] = []): Request {
  return { text, values }
}

/** No conversions by the driver: the application may have changed for everybody how it reads a type. */
const types: PostgresQuery['types'] = { getTypeParser: () => (text) => text }

export function send(client: PostgresClient, request: Request, done: (error: unknown, answer?: Answer) => void): void {
  const { text, values, name } = request
  client.query({ text, values, name, rowMode: 'array', types }, (error, result) =>
    done(error ?? null, result as Answer),
  )
}

/** The text of a `bytea`, which `bytea_output` may have turned into its older form. */
export function bytesOf(text: string): Buffer {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex')
  const byte = (_: string, octal?: string) => (octal ? String.fromCharCode(Number.parseInt(octal, 8)) : '\\')
  return Buffer.from(text.replace(/\\(?:\\|([0-7]{3}))/g, byte), 'latin1')
}

export function hexOf(text: string): string {
  return text.startsWith('\\x') ? text.slice(2) : bytesOf(text).toString('hex')
}
