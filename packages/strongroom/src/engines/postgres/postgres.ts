import { checkOptions, clockOption, wholeNumber } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Clock, IndexedStore, ScannableStore, Schema } from '../../store.ts'
import { tableName } from '../shared/sql.ts'
import { takeQuery } from '../shared/url-query.ts'
import { withAdvisoryLock } from './alone.ts'
import { Changes } from './changes.ts'
import type { PostgresClient, PostgresPool } from './client.ts'
import { OwnLink } from './own.ts'
import { ClientLink, type HoldingLink, type Link, PoolLink } from './pool.ts'
import { statementsFor } from './statements.ts'
import { Postgres } from './store.ts'
import { Table } from './table.ts'

export type { PostgresClient, PostgresPool, PostgresQuery, PostgresResult } from './client.ts'

interface CommonOptions {
  /** Table, "table" or "schema.table" (default "strongroom_sessions"). Letters, digits and underscores. */
  readonly table?: string | undefined
  /** Make the table on first use when it is missing (default false: `strongroom migrate` makes it). */
  readonly createTable?: boolean | undefined
  /** Ms after which a server that does not answer is given up, and its connection closed (default 2000). */
  readonly timeout?: number | undefined
  /** Use named prepared statements (default true; goes without by itself when a pooler has lost one). */
  readonly prepare?: boolean | undefined
  /** Tell other processes of updates and deletes, by NOTIFY in the same round trip; `changes` listens (default false). */
  readonly notify?: boolean | undefined
  /** URL of the server itself, for listening, when the connections go through a pooler. */
  readonly listen?: string | undefined
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
export type PostgresStore = IndexedStore & ScannableStore & { readonly schema: Schema }

/**
 * Sessions in a table of PostgreSQL: a URL, or a `Pool` or `Client` of pg.
 *
 * Every call is one round trip, and rejects with `StoreError` within `timeout`. The table is made by `strongroom migrate`,
 * or on first use with `createTable`. With a single `Client`, `alone` is absent.
 */
export function postgres(
  given: string | PostgresPool | PostgresClient | PostgresUrlOptions | PostgresClientOptions,
): PostgresStore {
  const options = toOptions(given)
  checkOptions('postgres()', options, ['url', 'client', ...OWN, 'clock'])
  const table = tableName('postgres()', options.table)
  const timeout = wholeNumber('postgres()', 'timeout', options.timeout, 2000)
  const clock = clockOption('postgres()', options.clock)
  const prepare = flag('prepare', options.prepare, true)
  const createTable = flag('createTable', options.createTable, false)
  const link = linkOf(options, timeout)
  const changes = changesOf(options, link, { table, timeout })
  const at = new Table(link, { table, timeout, prepare, createTable })
  return new Postgres(at, statementsFor(table, options.notify ? channelOf(table) : null), {
    clock,
    ...(changes && { changes }),
    ...(holds(link) && {
      async tryWithLock(name, work) {
        at.assertOpen()
        return withAdvisoryLock(link, `${table.toLowerCase()} ${name}`, work, { limit: timeout })
      },
    }),
    async end() {
      changes?.close()
      await at.close()
    },
  })
}

/** The options that may also stand in the URL. */
const OWN = ['max', 'table', 'createTable', 'timeout', 'prepare', 'notify', 'listen'] as const

type AnyOptions = Partial<PostgresUrlOptions & PostgresClientOptions>

function toOptions(given: unknown): AnyOptions {
  if (typeof given === 'string') return fromUrl({ url: given })
  if (typeof given !== 'object' || given === null) throw new ConfigError('postgres() takes a URL, a client or options.')
  return 'query' in given || 'connect' in given ? { client: given as PostgresPool } : fromUrl(given)
}

/** A URL may hold options of ours among the driver's, which would pass over them in silence. */
function fromUrl(given: AnyOptions): AnyOptions {
  if (typeof given.url !== 'string') return given
  const { own, url } = takeQuery('postgres:', given.url, OWN)
  return {
    ...given,
    url,
    table: given.table ?? own.text('table'),
    createTable: given.createTable ?? own.boolean('createTable'),
    timeout: given.timeout ?? own.number('timeout'),
    prepare: given.prepare ?? own.boolean('prepare'),
    max: given.max ?? own.number('max'),
    notify: given.notify ?? own.boolean('notify'),
    listen: given.listen ?? own.text('listen'),
  }
}

function linkOf({ url, client, max }: AnyOptions, timeout: number): Link | HoldingLink {
  if (client) {
    if (url !== undefined || max !== undefined)
      throw new ConfigError('postgres() takes "url" and "max" for connections of its own, not beside a client.')
    return 'totalCount' in client ? new PoolLink(client) : new ClientLink(client)
  }
  if (typeof url !== 'string' || url === '')
    throw new ConfigError('postgres() takes a URL or a client; it got neither.')
  if (!isUrl(url))
    throw new ConfigError('The URL of postgres() must be like postgres://user:password@host:5432/database.')
  return new OwnLink({ url, timeout, max: wholeNumber('postgres()', 'max', max, 10) })
}

function changesOf(
  { notify, listen }: AnyOptions,
  link: Link | HoldingLink,
  { table, timeout }: { table: string; timeout: number },
): Changes | undefined {
  const told = flag('notify', notify, false)
  if (listen !== undefined && (!told || typeof listen !== 'string' || !isUrl(listen)))
    throw new ConfigError('Option "listen" of postgres() must be a URL, and needs notify: true.')
  const line = listen === undefined ? link : new OwnLink({ url: listen, timeout, max: 1 })
  return told && holds(line) ? new Changes(line, { channel: channelOf(table), limit: timeout }) : undefined
}

const holds = (link: Link | HoldingLink): link is HoldingLink => 'hold' in link

/**
 * One for all who mean the same table, with its schema or without, in capitals or not: hearing of another table's ids does no
 * harm, missing one does.
 */
function channelOf(table: string): string {
  return `${table.split('.').at(-1)?.toLowerCase()}_changes`
}

function flag(name: string, given: unknown, standard: boolean): boolean {
  if (given === undefined) return standard
  if (typeof given === 'boolean') return given
  throw new ConfigError(`Option "${name}" of postgres() must be true or false.`)
}

/** What the driver would find out at the first call, with the password in its error. */
function isUrl(given: string): boolean {
  return /^postgres(?:ql)?:/i.test(given) && URL.canParse(given)
}
