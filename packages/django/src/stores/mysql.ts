import { ConfigError } from 'strongroom'
import {
  checkOptions,
  FirstUse,
  isMysqlClient,
  isMysqlDuplicate,
  type MysqlClient,
  MysqlExecutor,
  type MysqlStatement,
  MysqlUrlSource,
  mysqlDriverUrl,
  mysqlSettings,
  mysqlSourceOf,
  mysqlTooLate,
  timeoutOption,
} from 'strongroom/internal'
import type { DjangoEngine } from '../engine.ts'
import { columnMissing, EXTRA, type ExtraColumnsOptions, extraColumns } from './extra-columns.ts'
import { type RowTime, rowTime } from './row-time.ts'
import { type Database, type Moment, NoSuchTableError, quoted, quotedTable, SessionTable } from './session-table.ts'

export interface DjangoMysqlOptions extends ExtraColumnsOptions {
  /** `mysql://user:password@host:3306/database`: opens a pool of its own with the package mysql2. */
  readonly url?: string | undefined
  /** Or an existing pool or connection of mysql2. It stays open when the sessions are closed. */
  readonly client?: MysqlClient | undefined
  /** Default `django_session`; or "database.table". */
  readonly table?: string | undefined
  /**
   * TIME_ZONE, if USE_TZ is False: then Django stores the time on the clocks of that zone, such as "America/New_York". Or the
   * TIME_ZONE of the entry in DATABASES, if that has one. Default UTC, as with USE_TZ.
   */
  readonly timeZone?: string | undefined
  /** How long a call may take, in ms (default 2000). */
  readonly timeout?: number | undefined
}

/** Django's `db` backend on MySQL or MariaDB. Where USE_TZ is off, set `timeZone`. */
export function djangoMysql(given: string | MysqlClient | DjangoMysqlOptions): DjangoEngine {
  const options: DjangoMysqlOptions =
    typeof given === 'string' ? { url: given } : isMysqlClient(given) ? { client: given } : given
  checkOptions('djangoMysql()', options, ['url', 'client', 'table', 'timeZone', 'timeout', ...EXTRA])
  const { url, client } = options
  if ((typeof url === 'string' && url !== '') === (client !== undefined))
    throw new ConfigError('djangoMysql() takes either a URL or a client.')
  if (client !== undefined && !isMysqlClient(client))
    throw new ConfigError('djangoMysql(): client must be a pool or a connection of mysql2 or mysql2/promise.')
  const table = quotedTable('djangoMysql()', options.table, '`')
  const extra = extraColumns('djangoMysql()', options)
  const timeout = timeoutOption('djangoMysql()', options.timeout, 2000)
  const time = rowTime('djangoMysql()', options.timeZone)
  const source = client ? () => mysqlSourceOf(client) : opener(url as string, timeout)
  return {
    name: 'db',
    open: ({ clock }) => {
      const executor = new MysqlExecutor(source(), timeout)
      // Connections of our own have autocommit on.
      const check = async () => (client ? mysqlSettings(executor) : null)
      const first = new FirstUse(check, timeout, mysqlTooLate)
      return new SessionTable(new Mysql(executor, { table, time, first }), clock, extra)
    },
  }
}

/** Checks the URL now, and opens connections later. */
function opener(given: string, timeout: number) {
  const url = mysqlDriverUrl(given, { where: 'djangoMysql()', timeout })
  return () => new MysqlUrlSource(url, { timeout })
}

interface Parts {
  readonly table: string
  readonly time: RowTime
  /** What is checked before the first use of a client that was handed in. */
  readonly first: FirstUse
}

class Mysql implements Database {
  readonly traits = {
    engine: 'django (mysql)',
    durable: 'machine',
    shared: 'network',
    expiresByItself: false,
    granularity: 1,
    sizeLimit: null,
    evicts: false,
    revocable: true,
  } as const
  readonly table: string
  // As a string, because the driver would apply its own time zone setting to a date.
  readonly expiry = "DATE_FORMAT(expire_date, '%Y-%m-%d %H:%i:%s.%f')"
  readonly moment: RowTime['text']
  readonly now: RowTime['now']
  readonly ms: RowTime['ms']
  readonly #executor: MysqlExecutor
  readonly #first: FirstUse

  constructor(executor: MysqlExecutor, { table, time, first }: Parts) {
    this.#executor = executor
    this.table = table
    this.moment = time.text
    this.now = time.now
    this.ms = time.ms
    this.#first = first
  }

  hasUuids = false
  quote = (name: string) => quoted(name, '`')
  placeholder = () => '?'
  boolean = Number
  purge = (limit: number) => `DELETE FROM ${this.table} WHERE expire_date <= ? LIMIT ${limit}`
  same = (column: string, placeholder: string) => `CAST(${column} AS BINARY) = CAST(${placeholder} AS BINARY)`

  rows(sql: string, values: readonly Moment[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return explained(this.#first.before(() => this.#executor.rows(statement(sql), [...values])))
  }

  change(sql: string, values: readonly Moment[]): Promise<number> {
    return explained(this.#first.before(() => this.#executor.change(statement(sql), [...values])))
  }

  async insert(sql: string, values: readonly Moment[]): Promise<number> {
    try {
      return await this.change(sql, values)
    } catch (error) {
      if (isMysqlDuplicate(error)) return 0
      throw error
    }
  }

  close(): Promise<void> {
    return this.#executor.close()
  }
}

async function explained<T>(result: Promise<T>): Promise<T> {
  try {
    return await result
  } catch (error) {
    const { cause } = error as { cause?: { errno?: unknown } }
    // Without a default, or null was given.
    if (cause?.errno === 1364 || cause?.errno === 1048) throw columnMissing(cause)
    if (cause?.errno === 1146) throw new NoSuchTableError('table', cause)
    throw cause?.errno === 1054 ? new NoSuchTableError('column', cause) : error
  }
}

const statement = (sql: string): MysqlStatement => ({
  sql,
  rowsAsArray: false,
  nestTables: false,
  namedPlaceholders: false,
  typeCast: (_, next) => next(),
})
