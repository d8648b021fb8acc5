import { ConfigError } from 'strongroom'
import {
  checkOptions,
  isDuplicate,
  Line,
  type MysqlClient,
  type MysqlStatement,
  OwnPool,
  sourceOf,
  wholeNumber,
} from 'strongroom/internal'
import type { DjangoEngine } from '../engine.ts'
import { type Database, fromUtcText, type Moment, Rows, utcText } from './rows.ts'
import { djangoTable, noTable, quoted } from './table.ts'

export interface DjangoMysqlOptions {
  /** `mysql://user:password@host:3306/database`, for a pool of our own, made with the package mysql2. */
  readonly url?: string | undefined
  /** Or a pool or connection of mysql2 that is there already. It stays open when the sessions are closed. */
  readonly client?: MysqlClient | undefined
  /** Default `django_session`; or "database.table". */
  readonly table?: string | undefined
  /** Ms in which a call answers or rejects (default 2000). */
  readonly timeout?: number | undefined
}

/** Django's `db` backend on MySQL or MariaDB. Moments are in UTC, as with USE_TZ. */
export function djangoMysql(given: string | MysqlClient | DjangoMysqlOptions): DjangoEngine {
  const isClient = typeof given === 'object' && ('execute' in given || 'getConnection' in given || 'promise' in given)
  const options: DjangoMysqlOptions =
    typeof given === 'string' ? { url: given } : isClient ? { client: given } : (given as DjangoMysqlOptions)
  checkOptions('djangoMysql()', options, ['url', 'client', 'table', 'timeout'])
  const { url, client } = options
  if ((typeof url === 'string' && url !== '') === (client !== undefined))
    throw new ConfigError('djangoMysql() takes either a URL or a client.')
  const table = djangoTable('djangoMysql()', options.table, '`')
  const timeout = wholeNumber('djangoMysql()', 'timeout', options.timeout, 2000)
  const source = () => (client ? sourceOf(client) : new OwnPool(url as string, timeout))
  return { name: 'db', open: ({ clock }) => new Rows(new Mysql(new Line(source(), timeout), table), clock) }
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
  // As text: the driver would read the column by the time zone that it was told, which is its own affair.
  readonly expiry = "DATE_FORMAT(expire_date, '%Y-%m-%d %H:%i:%s.%f')"
  readonly #line: Line

  constructor(line: Line, table: string) {
    this.#line = line
    this.table = table
  }

  keepsUuids = false
  named = (name: string) => quoted(name, '`')
  mark = () => '?'
  moment = utcText
  ms = fromUtcText
  purge = (most: number) => `DELETE FROM ${this.table} WHERE expire_date <= ? LIMIT ${most}`
  same = (column: string, mark: string) => `CAST(${column} AS BINARY) = CAST(${mark} AS BINARY)`

  rows(sql: string, values: readonly Moment[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return told(this.#line.rows(statement(sql), [...values]))
  }

  change(sql: string, values: readonly Moment[]): Promise<number> {
    return told(this.#line.change(statement(sql), [...values]))
  }

  async insert(sql: string, values: readonly Moment[]): Promise<number> {
    try {
      return await this.change(sql, values)
    } catch (error) {
      if (isDuplicate(error)) return 0
      throw error
    }
  }

  close(): Promise<void> {
    return this.#line.close()
  }
}

async function told<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    const { cause } = error as { cause?: { errno?: unknown } }
    throw cause?.errno === 1146 ? noTable(cause) : error
  }
}

const statement = (sql: string): MysqlStatement => ({
  sql,
  rowsAsArray: false,
  nestTables: false,
  typeCast: (_, next) => next(),
})
