import { ConfigError, StoreError } from 'strongroom'
import {
  ClientLink,
  checkOptions,
  codeOf,
  failure,
  OwnLink,
  PoolLink,
  type PostgresClient,
  type PostgresLink,
  type PostgresPool,
  queryOf,
  wholeNumber,
} from 'strongroom/internal'
import type { DjangoEngine } from '../engine.ts'
import { type Database, type Moment, Rows } from './rows.ts'
import { djangoTable, noTable, quoted } from './table.ts'

export interface DjangoPostgresOptions {
  /** `postgres://user:password@host/database`, for connections of our own, made with the package pg. */
  readonly url?: string | undefined
  /** Or a `Pool` or `Client` of pg that is there already. It stays open when the sessions are closed. */
  readonly client?: PostgresPool | PostgresClient | undefined
  /** Default `django_session`; or "schema.table". */
  readonly table?: string | undefined
  /** Connections of our own at most (default 10). */
  readonly max?: number | undefined
  /** Ms after which a server that does not answer is given up (default 2000). */
  readonly timeout?: number | undefined
}

/** Django's `db` backend on PostgreSQL. */
export function djangoPostgres(given: string | PostgresPool | PostgresClient | DjangoPostgresOptions): DjangoEngine {
  const options: DjangoPostgresOptions =
    typeof given === 'string'
      ? { url: given }
      : given && 'connect' in given
        ? { client: given as PostgresPool }
        : (given as DjangoPostgresOptions)
  checkOptions('djangoPostgres()', options, ['url', 'client', 'table', 'max', 'timeout'])
  const { url, client, max } = options
  if ((typeof url === 'string' && url !== '') === (client !== undefined))
    throw new ConfigError('djangoPostgres() takes either a URL or a client.')
  if (client && max !== undefined) throw new ConfigError('djangoPostgres() takes "max" for connections of its own.')
  const table = djangoTable('djangoPostgres()', options.table, '"')
  const timeout = wholeNumber('djangoPostgres()', 'timeout', options.timeout, 2000)
  const own = { url: url ?? '', max: wholeNumber('djangoPostgres()', 'max', max, 10), timeout }
  const link = () =>
    client ? ('totalCount' in client ? new PoolLink(client) : new ClientLink(client)) : new OwnLink(own)
  return { name: 'db', open: ({ clock }) => new Rows(new Postgres(link(), table, timeout), clock) }
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
  readonly #link: PostgresLink
  readonly #timeout: number
  #closed = false

  constructor(link: PostgresLink, table: string, timeout: number) {
    this.#link = link
    this.table = table
    this.#timeout = timeout
  }

  keepsUuids = true
  named = (name: string) => quoted(name, '"')
  mark = (index: number) => `$${index}`
  moment = (ms: number) => new Date(ms).toISOString()
  ms = Number
  purge = (most: number) =>
    `DELETE FROM ${this.table} WHERE session_key IN (SELECT session_key FROM ${this.table} WHERE expire_date <= $1 LIMIT ${most} FOR UPDATE SKIP LOCKED)`
  same = (column: string, mark: string) => `${column} = ${mark}`

  async rows(sql: string, values: readonly Moment[]): Promise<readonly Record<string, unknown>[]> {
    const { rows } = await this.#ask(sql, values)
    // Columns by their place, whatever the application has told its driver: `n`, or the two that a read asks for.
    return rows.map((row) => (row.length === 1 ? { n: row[0] } : { session_data: row[0], expires: row[1] }))
  }

  async change(sql: string, values: readonly Moment[]): Promise<number> {
    return (await this.#ask(sql, values)).rowCount ?? 0
  }

  insert(sql: string, values: readonly Moment[]): Promise<number> {
    return this.change(`${sql} ON CONFLICT DO NOTHING`, values)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#link.close()
  }

  async #ask(sql: string, values: readonly Moment[]) {
    if (this.#closed) throw new StoreError('This store was closed.')
    try {
      return await this.#link.ask(queryOf(sql, [...values]), this.#timeout)
    } catch (error) {
      const failed = failure(error)
      throw codeOf(error) === '42P01' ? noTable(failed.cause) : failed
    }
  }
}
