import { checkOptions, clockOption, timeoutOption } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Clock, IndexedStore, ScannableStore, Schema, Store } from '../../store.ts'
import { withBackend } from '../shared/backend.ts'
import { driverAdvice } from '../shared/driver-options.ts'
import { insteadOfClient } from '../shared/foreign-client.ts'
import { trimServerUrl } from '../shared/server-url.ts'
import { tableName } from '../shared/sql.ts'
import { takeQuery, withoutConflict } from '../shared/url-query.ts'
import type { Row } from './batch.ts'
import { type MysqlClient, type Source, sourceOf, URL_OPTIONS, UrlSource } from './client.ts'
import { driverUrl } from './driver-url.ts'
import { Executor } from './executor.ts'
import { statement } from './statements.ts'
import { Mysql } from './store.ts'
import { Table } from './table.ts'

export type { MysqlClient, MysqlConnection, MysqlPool, MysqlStatement, MysqlValue } from './client.ts'

/** The store that `mysql` returns. */
export type MysqlStore = IndexedStore &
  AsyncDisposable &
  ScannableStore &
  Required<Pick<Store, 'tryWithLock'>> & { readonly schema: Schema }

interface CommonOptions {
  /** "table" or "database.table" (default "strongroom_sessions"). Letters, digits and underscores. */
  readonly table?: string | undefined
  /** Create the table when it is missing (default false). The user of the connection must be allowed to. */
  readonly createTable?: boolean | undefined
  /** Time limit of a call in ms, including the wait for a connection (default 2000). */
  readonly timeout?: number | undefined
  readonly clock?: Clock | undefined
}

/** A pool that is opened here, with the package mysql2, on first use. */
export interface MysqlUrlOptions extends CommonOptions {
  /**
   * `mysql://user:password@host:3306/database?connectionLimit=20&table=people`, or `mariadb:`. In its query, `table`,
   * `createTable`, `timeout` and `batchWrites` are options of the store; the rest is for mysql2.
   */
  readonly url: string
  /**
   * Send writes that are made at the same time in one message, as one transaction (default false). For that, the connections
   * are opened with `multipleStatements`. Reads are batched in either case: that takes one SELECT.
   */
  readonly batchWrites?: boolean | undefined
}

/** A client that exists already, and stays open when the store is closed. */
export interface MysqlClientOptions extends CommonOptions {
  readonly client: MysqlClient
}

/**
 * Sessions in MariaDB 10.6 or later, or MySQL 8, in an InnoDB table: a URL, or a pool (or a connection) of mysql2.
 *
 * The table is created by `npx @strongroom/cli migrate`, by `schema.migrate()`, or on first use with `createTable`. An
 * acknowledged write is as durable as the settings of the server make it; `traits` says so after the first call.
 */
export function mysql(given: string | MysqlClient | MysqlUrlOptions | MysqlClientOptions): MysqlStore {
  const unchecked = toOptions(given)
  checkOptions('mysql()', unchecked, ['url', 'client', ...URL_OPTIONS, 'clock'], driverAdvice('createPool({ … })'))
  const options = fromUrl(unchecked)
  const name = tableName('mysql()', options.table)
  const timeout = timeoutOption('mysql()', options.timeout, 2000)
  const clock = clockOption('mysql()', options.clock)
  const createTable = flag('createTable', options.createTable)
  const executor = new Executor(sourceFor(options, timeout), timeout)
  const store = new Mysql(executor, new Table(executor, name, createTable), { table: name, timeout, clock })
  const query = async (sql: string) => (await executor.query(statement(sql))) as readonly Row[]
  return withBackend(store, { engine: 'mysql', table: name, query })
}

type AnyOptions = Partial<MysqlUrlOptions & MysqlClientOptions>

function toOptions(given: unknown): AnyOptions {
  if (typeof given === 'string') return { url: given }
  if (typeof given !== 'object' || given === null || insteadOfClient(given) !== '')
    throw new ConfigError(`mysql() takes a URL, a pool or a connection of mysql2, or options.${insteadOfClient(given)}`)
  const isClient = 'execute' in given || 'getConnection' in given || 'promise' in given
  return isClient ? { client: given as MysqlClient } : given
}

/** Takes our options out of the URL: the driver would ignore them silently. */
function fromUrl(options: AnyOptions): AnyOptions {
  if (options.url === undefined) return options
  if (typeof options.url !== 'string') throw new ConfigError('Option "url" of mysql() must be a string.')
  const given = trimServerUrl('mysql()', options.url)
  const scheme = /^(?:mysql|mariadb):/.exec(given)?.[0]
  // The message does not quote the URL, because it contains a password.
  if (!scheme) throw new ConfigError('The URL of mysql() must be like mysql://user:password@host:3306/database.')
  const { own, url } = takeQuery(scheme, given, URL_OPTIONS)
  const inUrl = {
    table: own.string('table'),
    createTable: own.boolean('createTable'),
    timeout: own.number('timeout'),
    batchWrites: own.boolean('batchWrites'),
  }
  return { ...withoutConflict<AnyOptions>('mysql()', inUrl, options), url }
}

function sourceFor({ url, client, batchWrites }: AnyOptions, timeout: number): Source {
  if ((url === undefined) === (client === undefined))
    throw new ConfigError('mysql() takes either a "url" or a "client".')
  if (url !== undefined) {
    const settings = { timeout, batchWrites: flag('batchWrites', batchWrites) }
    return new UrlSource(driverUrl(url, { ...settings, where: 'mysql()', own: URL_OPTIONS }), settings)
  }
  if (batchWrites !== undefined)
    throw new ConfigError('mysql() takes "batchWrites" with a URL only: it depends on how connections are opened.')
  return sourceOf(client)
}

function flag(name: string, given: unknown): boolean {
  if (given === undefined) return false
  if (typeof given === 'boolean') return given
  throw new ConfigError(`Option "${name}" of mysql() must be true or false.`)
}
