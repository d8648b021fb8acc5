import { ConfigError } from '../errors.ts'
import { checkOptions, clockOption, wholeNumber } from '../options.ts'
import type { Clock, OwnedStore, ScannableStore, Schema } from '../store.ts'
import type { PostgresClient, PostgresPool } from './postgres/client.ts'
import { OwnLink } from './postgres/own.ts'
import { ClientLink, type Link, PoolLink } from './postgres/pool.ts'
import { statementsFor } from './postgres/statements.ts'
import { Postgres } from './postgres/store.ts'
import { Table } from './postgres/table.ts'
import { takeQuery } from './query.ts'
import { tableName } from './sql.ts'

export type { PostgresClient, PostgresPool, PostgresQuery, PostgresResult } from './postgres/client.ts'

interface CommonOptions {
  /** Table, "table" or "schema.table" (default "strongroom_sessions"). Letters, digits and underscores. */
  readonly table?: string | undefined
  /** Make the table on first use when it is missing (default false: `strongroom migrate` makes it). */
  readonly createTable?: boolean | undefined
  /** Ms after which a server that does not answer is given up, and its connection closed (default 2000). */
  readonly timeout?: number | undefined
  /** Use named prepared statements (default true; goes without by itself when a pooler has lost one). */
  readonly prepare?: boolean | undefined
  readonly clock?: Clock | undefined
}

/** Connections of our own, made with the package pg when they are first needed. */
export interface PostgresUrlOptions extends CommonOptions {
  /** "postgres://user:password@host/database", with what else pg understands after a "?". */
  readonly url: string
  /** Connections at most (default 10). */
  readonly max?: number | undefined
}

/** A `Pool` or `Client` of pg that is there already. It stays open when the store is closed. */
export interface PostgresClientOptions extends CommonOptions {
  readonly client: PostgresPool | PostgresClient
}

/** What this engine offers beyond the contract. */
export type PostgresStore = OwnedStore & ScannableStore & { readonly schema: Schema }

/**
 * Sessions in a table of PostgreSQL: a URL, or a `Pool` or `Client` of pg.
 *
 * Every call is one round trip, and rejects with `StoreError` within `timeout`. The table is made by `strongroom migrate`,
 * or on first use with `createTable`.
 */
export function postgres(
  given: string | PostgresPool | PostgresClient | PostgresUrlOptions | PostgresClientOptions,
): PostgresStore {
  const options = toOptions(given)
  checkOptions('postgres()', options, ['url', 'client', 'max', 'table', 'createTable', 'timeout', 'prepare', 'clock'])
  const table = tableName('postgres()', options.table)
  const timeout = wholeNumber('postgres()', 'timeout', options.timeout, 2000)
  const clock = clockOption('postgres()', options.clock)
  const prepare = flag('prepare', options.prepare, true)
  const createTable = flag('createTable', options.createTable, false)
  const link = linkOf(options, timeout)
  return new Postgres(new Table(link, { table, timeout, prepare, createTable }), statementsFor(table, null), clock)
}

type AnyOptions = Partial<PostgresUrlOptions & PostgresClientOptions>

function toOptions(given: unknown): AnyOptions {
  if (typeof given === 'string') return fromUrl({ url: given })
  if (typeof given !== 'object' || given === null) throw new ConfigError('postgres() takes a URL, a client or options.')
  return 'query' in given || 'connect' in given ? { client: given as PostgresPool } : fromUrl(given)
}

/** A URL may hold options of ours among the driver's, which would pass over them in silence. */
function fromUrl(given: AnyOptions): AnyOptions {
  if (typeof given.url !== 'string') return given
  const { own, url } = takeQuery('postgres:', given.url, ['table', 'createTable', 'timeout', 'prepare', 'max'])
  return {
    ...given,
    url,
    table: given.table ?? own.text('table'),
    createTable: given.createTable ?? own.boolean('createTable'),
    timeout: given.timeout ?? own.number('timeout'),
    prepare: given.prepare ?? own.boolean('prepare'),
    max: given.max ?? own.number('max'),
  }
}

function linkOf({ url, client, max }: AnyOptions, timeout: number): Link {
  if (client) {
    if (url !== undefined || max !== undefined)
      throw new ConfigError('postgres() takes "url" and "max" for connections of its own, not beside a client.')
    return 'totalCount' in client ? new PoolLink(client) : new ClientLink(client)
  }
  if (typeof url !== 'string' || url === '')
    throw new ConfigError('postgres() takes a URL or a client; it got neither.')
  return new OwnLink({ url, timeout, max: wholeNumber('postgres()', 'max', max, 10) })
}

function flag(name: string, given: unknown, standard: boolean): boolean {
  if (given === undefined) return standard
  if (typeof given === 'boolean') return given
  throw new ConfigError(`Option "${name}" of postgres() must be true or false.`)
}
