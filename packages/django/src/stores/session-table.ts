import {
  type ClearOptions,
  type Clock,
  type Entry,
  type Found,
  type Id,
  type ScanOptions,
  StoreError,
  type Traits,
  type Version,
} from 'strongroom'
import { batchOf, drive, latin1Of, tableName } from 'strongroom/internal'
import type { EnumerableStore, UserRow, UserTable } from '../engine.ts'
import type { ColumnValue, ExtraColumns } from './extra-columns.ts'

/** A moment in the format of the column. */
export type Moment = string | number | null

/** What differs between databases. */
export interface Database {
  readonly traits: Traits
  /** The quoted name of `django_session`. */
  readonly table: string
  /** Quotes a table or a column. A table may be "schema.table". */
  quote(name: string): string
  /** Whether it has a type for UUIDs. */
  readonly hasUuids: boolean
  /** The placeholder of a statement's n-th value: "?", or "$1", "$2" and so on. */
  placeholder(index: number): string
  moment(ms: number): Moment
  /** The moment that rows are compared with: those at or before it have expired for good. */
  now(ms: number): Moment
  boolean(value: boolean): Moment
  /** The expression that selects the moment of expiry. `ms` converts what it returns. */
  readonly expiry: string
  ms(value: unknown): number
  /** Compares strings by their bytes. By default, some databases fold case. */
  same(column: string, placeholder: string): string
  /** DELETE of at most `limit` rows that expire at or before a moment. The limit is part of the SQL, because not every server accepts it as a value. */
  purge(limit: number): string
  rows(sql: string, values: readonly Moment[]): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** Returns how many rows a statement matched. */
  change(sql: string, values: readonly Moment[]): Promise<number>
  /** Like `change`, but returns 0 when the key exists already. */
  insert(sql: string, values: readonly Moment[]): Promise<number>
  close(): Promise<void>
}

/**
 * The table `django_session` as a store: ids are its keys, bytes are its `session_data`. Django's rows have no version, so the
 * signed text serves as one: every write changes it. Django itself does not compare, so its save still overwrites ours.
 */
export class SessionTable implements EnumerableStore {
  readonly traits: Traits
  readonly #database: Database
  readonly #clock: Clock
  readonly #extra: ExtraColumns
  readonly ofUser?: EnumerableStore['ofUser']
  readonly #sql: Readonly<
    Record<'read' | 'deleteExpired' | 'touch' | 'touchVersion' | 'delete' | 'deleteVersion' | 'count' | 'keys', string>
  >

  constructor(database: Database, clock: Clock, extra: ExtraColumns) {
    this.traits = database.traits
    this.#database = database
    this.#clock = clock
    this.#extra = extra
    this.#sql = statementsOf(database)
    if (extra.userColumn !== null) this.ofUser = (userId) => this.#ofUser(userId, extra.userColumn as string)
  }

  async read(id: Id): Promise<Found | null> {
    const [row] = await this.#database.rows(this.#sql.read, [id, this.#now()])
    if (!row) return null
    const { session_data: data, expires } = row
    if (typeof data !== 'string') throw new StoreError('The session_data of a row in django_session is not text.')
    const expiresAt = this.#database.ms(expires)
    return { entry: { bytes: Buffer.from(data), expiresAt, owner: null, label: null, createdAt: 0 }, version: data }
  }

  async create(id: Id, { bytes, expiresAt, owner }: Entry): Promise<boolean> {
    const { placeholder, table } = this.#database
    const extra = this.#extraOf(owner, true)
    const columns = ['session_key', 'session_data', 'expire_date', ...extra.map(([column]) => column)]
    const values = [id, latin1Of(bytes), this.#database.moment(expiresAt), ...extra.map(([, value]) => value)]
    const placeholders = values.map((_, i) => placeholder(i + 1)).join(', ')
    const insert = `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${placeholders})`
    if ((await this.#database.insert(insert, values)) > 0) return true
    if ((await this.#database.change(this.#sql.deleteExpired, [id, this.#now()])) === 0) return false
    return (await this.#database.insert(insert, values)) > 0
  }

  async update(id: Id, { bytes, expiresAt, owner }: Entry, version: Version): Promise<Version | null> {
    const { placeholder, table, same } = this.#database
    const text = latin1Of(bytes)
    const extra = this.#extraOf(owner, false)
    const set = [['session_data', text], ['expire_date', this.#database.moment(expiresAt)], ...extra] as const
    const assignments = set.map(([column], i) => `${column} = ${placeholder(i + 1)}`).join(', ')
    const [key, now, before] = [1, 2, 3].map((i) => placeholder(set.length + i))
    const where = `session_key = ${key} AND expire_date > ${now} AND ${same('session_data', before as string)}`
    const values = [...set.map(([, value]) => value), id, this.#now(), String(version)]
    if ((await this.#database.change(`UPDATE ${table} SET ${assignments} WHERE ${where}`, values)) > 0) return text
    // A server that counts only rows whose values changed returns 0 when the new text equals the old one.
    const found = text === version ? await this.read(id) : null
    return found?.version === text ? text : null
  }

  async touch(id: Id, expiresAt: number, version?: Version): Promise<boolean> {
    const values = [this.#database.moment(expiresAt), id, this.#now()]
    const touched =
      version === undefined
        ? await this.#database.change(this.#sql.touch, values)
        : await this.#database.change(this.#sql.touchVersion, [...values, String(version)])
    if (touched > 0) return true
    // A server that counts only rows whose values changed returns 0 when the row had this moment already.
    const found = await this.read(id)
    return found !== null && (version ?? found.version) === found.version
  }

  async delete(id: Id, version?: Version): Promise<boolean> {
    const values = [id, this.#now()]
    const deleted =
      version === undefined
        ? await this.#database.change(this.#sql.delete, values)
        : await this.#database.change(this.#sql.deleteVersion, [...values, String(version)])
    return deleted > 0
  }

  async clearExpired(options: ClearOptions = {}): Promise<number> {
    const now = this.#now()
    if (options.dryRun === true) {
      const [row] = await this.#database.rows(this.#sql.count, [now])
      return Number(row?.n ?? 0)
    }
    return drive(this.#purge(now, batchOf(options)), options)
  }

  async *keys({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<readonly string[]> {
    for (let last = ''; !signal?.aborted; ) {
      const rows = await this.#database.rows(`${this.#sql.keys} LIMIT ${page}`, [last, this.#now()])
      const keys = rows.map(({ n }) => String(n))
      if (keys.length === 0) return
      yield keys
      last = keys.at(-1) as string
    }
  }

  /** The password field of a user who exists and is active, otherwise null. */
  async password(userId: string, { users, userKey = 'id' }: UserTable): Promise<string | null> {
    const { placeholder, quote } = this.#database
    // The id is a string that the column's type can parse: a number, or a UUID, which SQLite and MySQL store without dashes.
    const select = `SELECT password AS n FROM ${quote(users ?? 'auth_user')} WHERE ${quote(userKey)} = ${placeholder(1)} AND is_active`
    for (const id of new Set([userId, this.#database.hasUuids ? userId : userId.replaceAll('-', '')])) {
      const [row] = await this.#database.rows(select, [id]).catch((error: unknown) => {
        throw error instanceof NoSuchTableError
          ? new StoreError(MISSING_OF_USERS[error.lacks], { cause: error.cause })
          : error
      })
      if (typeof row?.n === 'string') return row.n
    }
    return null
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  async #ofUser(userId: string, column: string): Promise<readonly UserRow[]> {
    const { table, placeholder, quote, expiry, hasUuids } = this.#database
    const select = `SELECT session_key AS n, ${expiry} AS expires FROM ${table} WHERE ${quote(column)} = ${placeholder(1)} AND expire_date > ${placeholder(2)}`
    // A column for UUIDs has them without dashes, and one for strings with them.
    const spellings = new Set([userId, hasUuids ? userId : userId.replaceAll('-', '')])
    const rows = await Promise.all([...spellings].map((each) => this.#database.rows(select, [each, this.#now()])))
    return rows.flat().map(({ n, expires }) => ({ key: String(n), expiresAt: this.#database.ms(expires) }))
  }

  #extraOf(owner: string | null, isNew: boolean): readonly (readonly [column: string, value: Moment])[] {
    const { quote, moment, boolean } = this.#database
    const written = (value: ColumnValue): Moment => {
      if (value instanceof Date) return moment(value.getTime())
      return typeof value === 'boolean' ? boolean(value) : value
    }
    const row = { userId: owner, isNew, at: new Date(this.#clock()) }
    return this.#extra.valuesOf(row).map(([column, value]) => [quote(column), written(value)] as const)
  }

  async *#purge(now: Moment, batch: number): AsyncGenerator<number> {
    for (let removed = batch; removed >= batch; ) {
      removed = await this.#database.change(this.#database.purge(batch), [now])
      yield removed
    }
  }

  #now(): Moment {
    return this.#database.now(this.#clock())
  }
}

function statementsOf({ table, expiry, placeholder, same }: Database) {
  const [one, two, three, four] = [1, 2, 3, 4].map(placeholder)
  const live = `expire_date > ${two}`
  return {
    read: `SELECT session_data, ${expiry} AS expires FROM ${table} WHERE session_key = ${one} AND ${live}`,
    // An expired row with the key of a new session. Django leaves it to the next clearsessions.
    deleteExpired: `DELETE FROM ${table} WHERE session_key = ${one} AND expire_date <= ${two}`,
    touch: `UPDATE ${table} SET expire_date = ${one} WHERE session_key = ${two} AND expire_date > ${three}`,
    touchVersion: `UPDATE ${table} SET expire_date = ${one} WHERE session_key = ${two} AND expire_date > ${three} AND ${same('session_data', four as string)}`,
    delete: `DELETE FROM ${table} WHERE session_key = ${one} AND ${live}`,
    deleteVersion: `DELETE FROM ${table} WHERE session_key = ${one} AND ${live} AND ${same('session_data', three as string)}`,
    keys: `SELECT session_key AS n FROM ${table} WHERE session_key > ${one} AND ${live} ORDER BY session_key`,
    count: `SELECT COUNT(*) AS n FROM ${table} WHERE expire_date <= ${one}`,
  }
}

/** The quoted name of Django's session table. Throws `ConfigError`, naming `where`. */
export function quotedTable(where: string, given: unknown, quote: '"' | '`'): string {
  return quoted(tableName(where, given, { standard: 'django_session' }), quote)
}

export const quoted = (name: string, quote: '"' | '`') =>
  name
    .split('.')
    .map((part) => quote + part + quote)
    .join('.')

/**
 * A table or a column does not exist. Says what to do in Django: the engines' own advice, about tables of this library, would be
 * misleading.
 */
export class NoSuchTableError extends StoreError {
  readonly lacks: 'table' | 'column'

  constructor(lacks: 'table' | 'column', cause: unknown) {
    super(MISSING[lacks], { cause })
    this.lacks = lacks
  }
}

const MISSING = {
  table: 'Django\'s session table does not exist. Run its `manage.py migrate`, or set the option "table".',
  column:
    'The table that is read as Django\'s session table lacks a column. Correct the option "table", or the columns that were named.',
}
const MISSING_OF_USERS = {
  table: "Django's table of users does not exist. Name it, as in ?users=accounts_user.",
  column: "Django's table of users lacks a column. Correct ?users= and ?userKey=.",
}
