import { ConfigError } from 'strongroom'
import {
  checkOptions,
  checkPostgresClient,
  OpenState,
  type PostgresClient,
  PostgresClientExecutor,
  type PostgresExecutor,
  type PostgresPool,
  PostgresPoolExecutor,
  PostgresUrlExecutor,
  postgresDriverUrl,
  postgresErrorCode,
  postgresFailure,
  postgresQuery,
  timeoutOption,
  wholeNumber,
} from 'strongroom/internal'
import type { DjangoEngine } from '../engine.ts'
import { columnMissing, EXTRA, type ExtraColumnsOptions, extraColumns } from './extra-columns.ts'
import { type Database, type Moment, NoSuchTableError, quoted, quotedTable, SessionTable } from './session-table.ts'

export interface DjangoPostgresOptions extends ExtraColumnsOptions {
  /** `postgres://user:password@host/database`: opens connections of its own with the package pg. */
  readonly url?: string | undefined
  /** Or an existing `Pool` or `Client` of pg. It stays open when the sessions are closed. */
  readonly client?: PostgresPool | PostgresClient | undefined
  /** Default `django_session`; or "schema.table". */
  readonly table?: string | undefined
  /** The most connections of its own (default 10). */
  readonly max?: number | undefined
  /** How long a call may take, in ms (default 2000). */
  readonly timeout?: number | undefined
}

/** Django's `db` backend on PostgreSQL. */
export function djangoPostgres(given: string | PostgresPool | PostgresClient | DjangoPostgresOptions): DjangoEngine {
  const options: DjangoPostgresOptions =
    typeof given === 'string'
      ? { url: given }
      : typeof given === 'object' && given !== null && 'connect' in given
        ? { client: given as PostgresPool }
        : (given as DjangoPostgresOptions)
  checkOptions('djangoPostgres()', options, ['url', 'client', 'table', 'max', 'timeout', ...EXTRA])
  const { url, client, max } = options
  if ((typeof url === 'string' && url !== '') === (client !== undefined))
    throw new ConfigError('djangoPostgres() takes either a URL or a client.')
  if (client !== undefined) checkPostgresClient('djangoPostgres()', client)
  if (client && max !== undefined)
    throw new ConfigError('djangoPostgres(): "max" is for a URL. A client has its own limit.')
  const table = quotedTable('djangoPostgres()', options.table, '"')
  const extra = extraColumns('djangoPostgres()', options)
  const timeout = timeoutOption('djangoPostgres()', options.timeout, 2000)
  const open = client
    ? () => ('totalCount' in client ? new PostgresPoolExecutor(client) : new PostgresClientExecutor(client))
    : opener({ url: url as string, max: wholeNumber('djangoPostgres()', 'max', max, 10), timeout })
  return { name: 'db', open: ({ clock }) => new SessionTable(new Postgres(open(), table, timeout), clock, extra) }
}

/** Checks the URL now, and opens connections later. */
function opener(options: { readonly url: string; readonly max: number; readonly timeout: number }) {
  const url = postgresDriverUrl(options.url, 'djangoPostgres()')
  return () => new PostgresUrlExecutor({ ...options, url })
}

class Postgres implements Database {
  readonly traits = {
    engine: 'django (postgres)',
    durable: 'machine',
    shared: 'network',
    expiresByItself: false,
    granularity: 1,
    sizeLimit: 1_000_000_000,
    evicts: false,
    revocable: true,
  } as const
  readonly table: string
  readonly expiry = 'extract(epoch FROM expire_date) * 1000'
  readonly #executor: PostgresExecutor
  readonly #timeout: number
  readonly #state = new OpenState()

  constructor(executor: PostgresExecutor, table: string, timeout: number) {
    this.#executor = executor
    this.table = table
    this.#timeout = timeout
  }

  hasUuids = true
  quote = (name: string) => quoted(name, '"')
  placeholder = (index: number) => `$${index}`
  moment = (ms: number) => new Date(ms).toISOString()
  now = this.moment
  ms = Number
  boolean = String
  purge = (limit: number) =>
    `DELETE FROM ${this.table} WHERE session_key IN (SELECT session_key FROM ${this.table} WHERE expire_date <= $1 LIMIT ${limit} FOR UPDATE SKIP LOCKED)`
  same = (column: string, placeholder: string) => `${column} = ${placeholder}`

  async rows(sql: string, values: readonly Moment[]): Promise<readonly Record<string, unknown>[]> {
    const { rows } = await this.#ask(sql, values)
    // By position, so that the application's settings for its driver do not matter: the first column, and the moment of expiry.
    return rows.map((row) => ({ n: row[0], session_data: row[0], expires: row[1] }))
  }

  async change(sql: string, values: readonly Moment[]): Promise<number> {
    return (await this.#ask(sql, values)).rowCount ?? 0
  }

  insert(sql: string, values: readonly Moment[]): Promise<number> {
    return this.change(`${sql} ON CONFLICT DO NOTHING`, values)
  }

  async close(): Promise<void> {
    this.#state.close()
    await this.#executor.close()
  }

  async #ask(sql: string, values: readonly Moment[]) {
    this.#state.assertOpen()
    try {
      return await this.#executor.execute(postgresQuery(sql, [...values]), this.#timeout)
    } catch (error) {
      const failed = postgresFailure(error)
      const code = postgresErrorCode(error)
      if (code === '23502') throw columnMissing(failed.cause)
      if (code === '42P01') throw new NoSuchTableError('table', failed.cause)
      throw code === '42703' ? new NoSuchTableError('column', failed.cause) : failed
    }
  }
}
