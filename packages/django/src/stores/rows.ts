import {
  type ClearOptions,
  type Clock,
  type Entry,
  type Id,
  type ScanOptions,
  StoreError,
  type Traits,
  type Version,
} from 'strongroom'
import { batchOf, drive } from 'strongroom/internal'
import type { UserTable, WalkedStore } from '../engine.ts'

/** A moment as the column keeps it. */
export type Moment = string | number

/** What the databases have differently. */
export interface Database {
  readonly traits: Traits
  /** `django_session` in quotes. */
  readonly table: string
  /** A table or a column, quoted; a table may be "schema.table". */
  named(name: string): string
  /** Has it a type for UUIDs? */
  readonly keepsUuids: boolean
  /** "?" or "$1", "$2" … for the values of a statement in their order. */
  mark(index: number): string
  moment(ms: number): Moment
  /** An expression for the moment in a column, and what it answers as ms. */
  readonly expiry: string
  ms(value: unknown): number
  /** Compares text by its bytes: some databases fold case otherwise. */
  same(column: string, mark: string): string
  /** DELETE of rows whose expiry is at or before a moment, at most so many. The count stands in it: not every server takes it as a value. */
  purge(most: number): string
  rows(sql: string, values: readonly Moment[]): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** How many rows a statement found to change. */
  change(sql: string, values: readonly Moment[]): Promise<number>
  /** As `change`, with 0 when a row of this key is there already. */
  insert(sql: string, values: readonly Moment[]): Promise<number>
  close(): Promise<void>
}

/**
 * The table `django_session` as a store: ids are its keys, bytes its `session_data`. Django has no version in a row; the signed
 * text itself is one, for whoever writes it anew writes another. Django itself does not compare: its save still wins over ours.
 */
export class Rows implements WalkedStore {
  readonly traits: Traits
  readonly #database: Database
  readonly #clock: Clock
  readonly #sql: Readonly<
    Record<'read' | 'insert' | 'bury' | 'update' | 'touch' | 'end' | 'endVersion' | 'count' | 'keys', string>
  >

  constructor(database: Database, clock: Clock) {
    this.traits = database.traits
    this.#database = database
    this.#clock = clock
    this.#sql = statementsOf(database)
  }

  async read(id: Id): Promise<{ entry: Entry; version: Version } | null> {
    const [row] = await this.#database.rows(this.#sql.read, [id, this.#now()])
    if (!row) return null
    const { session_data: data, expires } = row
    if (typeof data !== 'string') throw new StoreError('A row of django_session holds no text.')
    const expiresAt = this.#database.ms(expires)
    return { entry: { bytes: Buffer.from(data), expiresAt, owner: null, label: null, createdAt: 0 }, version: data }
  }

  async create(id: Id, { bytes, expiresAt }: Entry): Promise<boolean> {
    const values = [id, textOf(bytes), this.#database.moment(expiresAt)]
    if ((await this.#database.insert(this.#sql.insert, values)) > 0) return true
    if ((await this.#database.change(this.#sql.bury, [id, this.#now()])) === 0) return false
    return (await this.#database.insert(this.#sql.insert, values)) > 0
  }

  async update(id: Id, { bytes, expiresAt }: Entry, version: Version): Promise<Version | null> {
    const text = textOf(bytes)
    const values = [text, this.#database.moment(expiresAt), id, this.#now(), String(version)]
    if ((await this.#database.change(this.#sql.update, values)) > 0) return text
    // A server that counts only what it altered says 0 for a row that was as it should be.
    const there = text === version ? await this.read(id) : null
    return there?.version === text ? text : null
  }

  async touch(id: Id, expiresAt: number): Promise<boolean> {
    const values = [this.#database.moment(expiresAt), id, this.#now()]
    return (await this.#database.change(this.#sql.touch, values)) > 0 || (await this.read(id)) !== null
  }

  async delete(id: Id, version?: Version): Promise<boolean> {
    const values = [id, this.#now()]
    const ended =
      version === undefined
        ? await this.#database.change(this.#sql.end, values)
        : await this.#database.change(this.#sql.endVersion, [...values, String(version)])
    return ended > 0
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

  /** The password field of a user who is there and active; null otherwise. */
  async password(userId: string, { users, userKey = 'id' }: UserTable): Promise<string | null> {
    const { mark, named } = this.#database
    // As text that the column's type reads: a number, or a UUID, which SQLite and MySQL keep without its dashes.
    const select = `SELECT password AS n FROM ${named(users ?? 'auth_user')} WHERE ${named(userKey)} = ${mark(1)} AND is_active`
    for (const id of new Set([userId, this.#database.keepsUuids ? userId : userId.replaceAll('-', '')])) {
      const [row] = await this.#database.rows(select, [id])
      if (typeof row?.n === 'string') return row.n
    }
    return null
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  async *#purge(now: Moment, batch: number): AsyncGenerator<number> {
    for (let removed = batch; removed >= batch; ) {
      removed = await this.#database.change(this.#database.purge(batch), [now])
      yield removed
    }
  }

  #now(): Moment {
    return this.#database.moment(this.#clock())
  }
}

/** `session_data` is ASCII. */
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')

function statementsOf({ table, expiry, mark, same }: Database) {
  const [one, two, three, four, five] = [1, 2, 3, 4, 5].map(mark)
  const live = `expire_date > ${two}`
  return {
    read: `SELECT session_data, ${expiry} AS expires FROM ${table} WHERE session_key = ${one} AND ${live}`,
    insert: `INSERT INTO ${table} (session_key, session_data, expire_date) VALUES (${one}, ${two}, ${three})`,
    // An expired row that is in the way; Django would have the next clearsessions remove it.
    bury: `DELETE FROM ${table} WHERE session_key = ${one} AND expire_date <= ${two}`,
    update: `UPDATE ${table} SET session_data = ${one}, expire_date = ${two} WHERE session_key = ${three} AND expire_date > ${four} AND ${same('session_data', five as string)}`,
    touch: `UPDATE ${table} SET expire_date = ${one} WHERE session_key = ${two} AND expire_date > ${three}`,
    end: `DELETE FROM ${table} WHERE session_key = ${one} AND ${live}`,
    endVersion: `DELETE FROM ${table} WHERE session_key = ${one} AND ${live} AND ${same('session_data', three as string)}`,
    keys: `SELECT session_key AS n FROM ${table} WHERE session_key > ${one} AND ${live} ORDER BY session_key`,
    count: `SELECT COUNT(*) AS n FROM ${table} WHERE expire_date <= ${one}`,
  }
}

/** `2023-11-28 22:13:20` in UTC, with the fraction only where there is one: as Django's SQLite has it, and MySQL reads it. */
export function utcText(ms: number): string {
  const [day, time = ''] = new Date(ms).toISOString().slice(0, -1).split('T')
  return `${day} ${time.replace(/\.000$/, '').replace(/(\.\d+)$/, '$1000')}`
}

/** The reverse, also of six digits. */
export function fromUtcText(value: unknown): number {
  const ms = Date.parse(
    `${String(value)
      .replace(' ', 'T')
      .replace(/(\.\d{3})\d*$/, '$1')}Z`,
  )
  if (Number.isNaN(ms)) throw new StoreError('A row of django_session has an expire_date that is no moment.')
  return ms
}
