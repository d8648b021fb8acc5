import { checkOptions, clockOption, wholeNumber } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Clock, IndexedStore, ScannableStore, Schema, Store } from '../../store.ts'
import { tableName } from '../shared/sql.ts'
import { takeQuery } from '../shared/url-query.ts'
import { type MysqlClient, sourceOf } from './client.ts'
import { Line } from './line.ts'
import { OwnPool } from './pool.ts'
import { Server } from './server.ts'
import { Mysql } from './store.ts'

export type { MysqlClient, MysqlConnection, MysqlPool, MysqlStatement, MysqlValue } from './client.ts'

export type MysqlStore = IndexedStore &
  ScannableStore &
  Required<Pick<Store, 'tryWithLock'>> & { readonly schema: Schema }

interface CommonOptions {
  /** "table" or "database.table" (default "strongroom_sessions"). Letters, digits and underscores. */
  readonly table?: string | undefined
  /** Makes the table when it is not there (default false): the user of the connection must be allowed to. */
  readonly createTable?: boolean | undefined
  /** Ms in which a call answers or rejects, the wait for a connection included (default 2000). */
  readonly timeout?: number | undefined
  readonly clock?: Clock | undefined
}

/** A pool of our own, opened on first use with the package mysql2. */
export interface MysqlUrlOptions extends CommonOptions {
  /**
   * `mysql://user:password@host:3306/database?connectionLimit=20&table=people`, or `mariadb:`. Of the query, `table`,
   * `createTable` and `timeout` are ours; the rest is for mysql2.
   */
  readonly url: string
}

/** A client that is there already, and stays open when the store is closed. */
export interface MysqlClientOptions extends CommonOptions {
  readonly client: MysqlClient
}

/**
 * Sessions in MariaDB 10.6 or later, or MySQL 8, in an InnoDB table: a URL, or a pool (or a connection) of mysql2.
 *
 * The table is made by `strongroom migrate`, or by `schema.migrate()`. An acknowledged write is as durable as the server's
 * settings make it: `traits` tells, as soon as the first call was made.
 */
export function mysql(given: string | MysqlClient | MysqlUrlOptions | MysqlClientOptions): MysqlStore {
  const asked = toOptions(given)
  checkOptions('mysql()', asked, ['url', 'client', 'table', 'createTable', 'timeout', 'clock'])
  const options = unfold(asked)
  const { url, client, createTable = false } = options
  const table = tableName('mysql()', options.table)
  // At most what a timer can count; more than that it would take for nothing at all.
  const timeout = Math.min(wholeNumber('mysql()', 'timeout', options.timeout, 2000), 2 ** 31 - 1)
  const clock = clockOption('mysql()', options.clock)
  if (typeof createTable !== 'boolean') throw new ConfigError('Option "createTable" of mysql() must be true or false.')
  if ((url === undefined) === (client === undefined))
    throw new ConfigError('mysql() takes either a "url" or a "client".')
  const line = new Line(url === undefined ? sourceOf(client) : new OwnPool(url, timeout), timeout)
  return new Mysql(line, new Server(line, table, createTable), { table, clock })
}

type AnyOptions = Partial<MysqlUrlOptions & MysqlClientOptions>

function toOptions(given: unknown): AnyOptions {
  if (typeof given === 'string') return { url: given }
  if (typeof given !== 'object' || given === null) throw new ConfigError('mysql() takes a URL, a client or options.')
  const isClient = 'execute' in given || 'getConnection' in given || 'promise' in given
  return isClient ? { client: given as MysqlClient } : given
}

/** What the query of the URL says for us, and the URL without it; an option that stands beside the URL comes first. */
function unfold(options: AnyOptions): AnyOptions {
  if (options.url === undefined) return options
  if (typeof options.url !== 'string') throw new ConfigError('Option "url" of mysql() must be a string.')
  const scheme = /^(?:mysql|mariadb):/.exec(options.url)?.[0]
  // No word of it: a URL holds a password.
  if (!scheme) throw new ConfigError('The URL of mysql() must be like mysql://user:password@host:3306/database.')
  const { own, url } = takeQuery(scheme, options.url, ['table', 'createTable', 'timeout'])
  return {
    ...options,
    url,
    table: options.table ?? own.text('table'),
    createTable: options.createTable ?? own.boolean('createTable'),
    timeout: options.timeout ?? own.number('timeout'),
  }
}
