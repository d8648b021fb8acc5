import { checkOptions, clockOption, timeoutOption, wholeNumber } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Clock, IndexedStore, ScannableStore, Schema } from '../../store.ts'
import { withBackend } from '../shared/backend.ts'
import { driverAdvice } from '../shared/driver-options.ts'
import { insteadOfClient } from '../shared/foreign-client.ts'
import { trimServerUrl } from '../shared/server-url.ts'
import { tableName } from '../shared/sql.ts'
import { takeQuery, withoutConflict } from '../shared/url-query.ts'
import { PostgresChangeFeed } from './changes.ts'
import { checkClient, type PostgresClient, type PostgresPool, queryOf } from './client.ts'
import { driverUrl } from './driver-url.ts'
import { failure } from './errors.ts'
import { ClientExecutor, canReserve, type Executor, PoolExecutor, URL_OPTIONS, UrlExecutor } from './executor.ts'
import { isPostgresJs, type PostgresJs, PostgresJsExecutor } from './postgres-js.ts'
import { statementsFor } from './statements.ts'
import { Postgres } from './store.ts'
import { Table, withAdvisoryLock } from './table.ts'

export type { PostgresClient, PostgresPool, PostgresQuery, PostgresResult } from './client.ts'
export type { PostgresJs, PostgresJsQuery } from './postgres-js.ts'

interface CommonOptions {
  /** Table, "table" or "schema.table" (default "strongroom_sessions"). Letters, digits and underscores. */
  readonly table?: string | undefined
  /** Create the table on first use when it is missing (default false: `npx @strongroom/cli migrate` creates it). */
  readonly createTable?: boolean | undefined
  /** Time limit of a call, in ms (default 2000). After that, a connection of a pool is closed. */
  readonly timeout?: number | undefined
  /** Use named prepared statements (default true; turned off automatically when a pooler has lost one). */
  readonly prepare?: boolean | undefined
  /** Notify other processes of updates and deletes, by NOTIFY in the same round trip; `changes` listens (default false). */
  readonly notify?: boolean | undefined
  /** URL of the server itself, to listen for notifications, when the connections go through a pooler. */
  readonly listen?: string | undefined
  readonly clock?: Clock | undefined
}

/** A pool that is opened here, with the package pg, on first use. */
export interface PostgresUrlOptions extends CommonOptions {
  /** "postgres://user:password@host/database", with options for pg after a "?". */
  readonly url: string
  /** The most connections in the pool (default 10). */
  readonly max?: number | undefined
}

/** A `Pool` or `Client` of pg, or a client of postgres.js, that exists already. It stays open when the store is closed. */
export interface PostgresClientOptions extends CommonOptions {
  readonly client: PostgresPool | PostgresClient | PostgresJs
}

/** What this engine offers beyond the contract. */
export type PostgresStore = IndexedStore & ScannableStore & AsyncDisposable & { readonly schema: Schema }

/**
 * Sessions in a table of PostgreSQL: a URL, a `Pool` or `Client` of pg, or the `sql` of postgres.js.
 *
 * A read, update, touch or delete is one round trip. When the server does not answer, it rejects with `StoreError` within
 * `timeout`. The table is created by `npx @strongroom/cli migrate`, or on first use with `createTable`. With a single `Client`,
 * and with postgres.js, there is no `tryWithLock`.
 */
export function postgres(
  given: string | PostgresPool | PostgresClient | PostgresJs | PostgresUrlOptions | PostgresClientOptions,
): PostgresStore {
  const options = toOptions(given)
  checkOptions('postgres()', options, ['url', 'client', ...URL_OPTIONS, 'clock'], driverAdvice('new Pool({ … })'))
  const name = tableName('postgres()', options.table)
  const timeout = timeoutOption('postgres()', options.timeout, 2000)
  const clock = clockOption('postgres()', options.clock)
  const prepare = flag('prepare', options.prepare, true)
  const createTable = flag('createTable', options.createTable, false)
  const executor = executorOf(options, timeout)
  const changes = changesOf(options, executor, { table: name, timeout })
  const table = new Table(executor, { table: name, timeout, prepare, createTable })
  const store = new Postgres(table, statementsFor(name, options.notify ? channelOf(name) : null), {
    clock,
    ...(changes && { changes }),
    ...(canReserve(executor) && {
      async tryWithLock(lock, work) {
        table.assertOpen()
        return withAdvisoryLock(executor, `${name.toLowerCase()} ${lock}`, work, { limit: timeout })
      },
    }),
    async close() {
      changes?.close()
      await table.close()
    },
  })
  const query = async (text: string) => {
    try {
      return (await executor.execute(queryOf(text), timeout)).rows
    } catch (error) {
      throw failure(error)
    }
  }
  return withBackend(store, { engine: 'postgres', table: name, query })
}

type AnyOptions = Partial<PostgresUrlOptions & PostgresClientOptions>

function toOptions(given: unknown): AnyOptions {
  if (typeof given === 'string') return fromUrl({ url: given })
  if (isPostgresJs(given)) return { client: given }
  if (typeof given !== 'object' || given === null || insteadOfClient(given) !== '')
    throw new ConfigError(
      `postgres() takes a URL, a Pool or a Client of pg, the sql of postgres.js, or options.${insteadOfClient(given)}`,
    )
  return 'query' in given || 'connect' in given ? { client: given as PostgresPool } : fromUrl(given)
}

/** Takes our options out of the URL: the driver would ignore them silently. */
function fromUrl(given: AnyOptions): AnyOptions {
  if (typeof given.url !== 'string') return given
  const { own, url } = takeQuery('postgres:', trimServerUrl('postgres()', given.url), URL_OPTIONS)
  const inUrl = {
    table: own.string('table'),
    createTable: own.boolean('createTable'),
    timeout: own.number('timeout'),
    prepare: own.boolean('prepare'),
    max: own.number('max'),
    notify: own.boolean('notify'),
    listen: own.string('listen'),
  }
  return { ...withoutConflict<AnyOptions>('postgres()', inUrl, given), url }
}

function executorOf({ url, client, max }: AnyOptions, timeout: number): Executor {
  if (client) {
    if (url !== undefined || max !== undefined)
      throw new ConfigError('postgres() takes "url" and "max" for connections that it opens itself, not with a client.')
    if (isPostgresJs(client)) return new PostgresJsExecutor(client)
    checkClient('postgres()', client)
    return 'totalCount' in client ? new PoolExecutor(client) : new ClientExecutor(client)
  }
  if (typeof url !== 'string' || url === '') throw new ConfigError('postgres() needs a URL or a client.')
  const checked = driverUrl(url, 'postgres()', URL_OPTIONS)
  return new UrlExecutor({ url: checked, timeout, max: wholeNumber('postgres()', 'max', max, 10) })
}

function changesOf(
  { notify, listen }: AnyOptions,
  executor: Executor,
  { table, timeout }: { table: string; timeout: number },
): PostgresChangeFeed | undefined {
  const notifies = flag('notify', notify, false)
  if (listen !== undefined && (!notifies || typeof listen !== 'string'))
    throw new ConfigError('Option "listen" of postgres() must be a URL, and needs notify: true.')
  const listening =
    listen === undefined ? executor : new UrlExecutor({ url: driverUrl(listen, 'postgres()'), timeout, max: 1 })
  return notifies && canReserve(listening)
    ? new PostgresChangeFeed(listening, { channel: channelOf(table), limit: timeout })
    : undefined
}

/**
 * The same channel however the table is named: with its schema or without, in capitals or not. A notification about another
 * table's id does no harm; a missed one does.
 */
function channelOf(table: string): string {
  return `${table.split('.').at(-1)?.toLowerCase()}_changes`
}

function flag(name: string, given: unknown, standard: boolean): boolean {
  if (given === undefined) return standard
  if (typeof given === 'boolean') return given
  throw new ConfigError(`Option "${name}" of postgres() must be true or false.`)
}
