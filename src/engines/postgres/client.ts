/** One statement, as pg's `query` takes it. */
export interface PostgresQuery {
  readonly text: string
  readonly values?: unknown[]
  readonly name?: string
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

const INT8 = 20
const BYTEA = 17

const number = (text: string) => Number(text)
const bytes = (text: string) => Buffer.from(text.slice(2), 'hex')
const plain = (text: string) => text

/** Our own, for the application may have changed how its driver reads a type for everybody. */
const types: PostgresQuery['types'] = {
  getTypeParser: (oid) => (oid === BYTEA ? bytes : oid === INT8 ? number : plain),
}

export function queryOf(text: string, values: unknown[] = []): PostgresQuery {
  return { text, values, rowMode: 'array', types }
}
