import { createHash, randomInt } from 'node:crypto'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type {
  ClearOptions,
  Clock,
  Entry,
  Found,
  IndexedStore,
  Listing,
  OwnerIndex,
  ScannableStore,
  ScanOptions,
  Traits,
  Version,
} from '../../store.ts'
import { copyOf } from '../shared/entry.ts'
import { type Count, countFrom } from '../shared/estimate.ts'
import { FirstUse } from '../shared/first-use.ts'
import { inPages } from '../shared/pages.ts'
import { idBytes, moments, stepwise } from '../shared/sql.ts'
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'
import type { Row } from './batch.ts'
import type { MysqlStatement, MysqlValue } from './client.ts'
import { isDuplicate, tooLate } from './errors.ts'
import type { Executor } from './executor.ts'
import { purge, statement, statements } from './statements.ts'
import { ASSUMED, type Table } from './table.ts'

interface Settings {
  readonly table: string
  readonly timeout: number
  readonly clock: Clock
}

export class Mysql implements IndexedStore, ScannableStore {
  readonly schema: Table
  readonly byOwner: OwnerIndex = {
    list: (owner, options = {}) =>
      inPages(options, 0, async (after, limit) => {
        const rows = await this.#rows(this.#statements.listByOwner, [idBytes(owner), this.#clock(), after, `${limit}`])
        return { listings: rows.map(toListing), next: rows.length < limit ? null : Number(rows.at(-1)?.seq) }
      }),
    deleteAll: async (owner, except) => {
      const values = [idBytes(owner), this.#clock()]
      if (except === undefined) return this.#change(this.#statements.deleteByOwner, values)
      return this.#change(this.#statements.deleteOthersByOwner, [...values, idBytes(except)])
    },
  }
  readonly #executor: Executor
  readonly #table: string
  readonly #clock: Clock
  readonly #statements: ReturnType<typeof statements>
  readonly #first: FirstUse
  #facts = ASSUMED

  constructor(executor: Executor, schema: Table, { table, timeout, clock }: Settings) {
    this.#executor = executor
    this.schema = schema
    this.#table = table
    this.#clock = clock
    this.#statements = statements(table)
    this.#first = new FirstUse(() => this.#check(), timeout, tooLate)
  }

  get traits(): Traits {
    const always = { expiresByItself: false, granularity: 1, evicts: false, revocable: true } as const
    return { engine: 'mysql', shared: 'network', ...this.#facts, ...always }
  }

  async read(id: Id): Promise<Found | null> {
    const [row] = await this.#rows(this.#statements.read, [idBytes(id), this.#clock()])
    return row ? { entry: toEntry(row), version: Number(row.version) } : null
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    const key = idBytes(id)
    const { bytes, expiresAt, purgeAt, createdAt, owner, label } = this.#columns(entry)
    const insert = () => {
      // A random start, so that a version of an earlier entry of this id is not a version of this one.
      const version = randomInt(2 ** 47)
      return this.#inserted([key, bytes, version, expiresAt, purgeAt, createdAt, owner, label])
    }
    if (await insert()) return true
    await this.#change(this.#statements.deleteExpired, [key, this.#clock()])
    // Even when nothing was removed: a sweep may have removed it first.
    return insert()
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    if (typeof version !== 'number') return null
    const { bytes, expiresAt, purgeAt, createdAt, owner, label } = this.#columns(entry)
    const fields = [bytes, expiresAt, purgeAt, createdAt, label]
    return (await this.#did(this.#statements.update, [...fields, idBytes(id), this.#clock(), version, owner]))
      ? version + 1
      : null
  }

  async touch(id: Id, deadline: number, version: Version | null = null): Promise<boolean> {
    if (typeof version === 'string') return false
    const key = idBytes(id)
    const { expiresAt, purgeAt } = moments(deadline)
    if (await this.#did(this.#statements.touch, [expiresAt, purgeAt, key, this.#clock(), version])) return true
    // Some clients count the rows that changed instead of those that were found: a row that had this deadline already is not gone.
    const rows = await this.#rows(this.#statements.hasDeadline, [key, this.#clock(), version, expiresAt])
    return rows.length > 0
  }

  async delete(id: Id, version?: Version): Promise<boolean> {
    if (typeof version === 'string') return false
    const values = [idBytes(id), this.#clock()]
    if (version === undefined) return this.#did(this.#statements.delete, values)
    return this.#did(this.#statements.deleteVersion, [...values, version])
  }

  clearExpired(options: ClearOptions = {}): Promise<number> {
    const dryRun = options.dryRun === true
    return drive(this.#clearing(batchOf(options), dryRun), options, { gently: !dryRun })
  }

  async estimate(): Promise<Count> {
    const [row] = await this.#rows(this.#statements.estimate, [])
    return countFrom(Number(row?.seen), (row?.last as Buffer | null)?.toString('hex') ?? null)
  }

  async *scan({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<Listing[]> {
    const limit = atLeastOne(page)
    for (let after = 0; !signal?.aborted; ) {
      const rows = await this.#rows(this.#statements.page, [after, `${limit}`])
      const live = rows.map(toListing).filter(({ expiresAt }) => this.#clock() < expiresAt)
      if (live.length > 0) yield live
      if (rows.length < limit) return
      after = Number(rows.at(-1)?.seq)
    }
  }

  /** The lock belongs to a connection: it ends with the connection, which ends with the process. */
  async tryWithLock<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    const lock = `CONCAT('strongroom.', SHA1(CONCAT(COALESCE(DATABASE(), ''), '${digest(`${this.#table} ${name}`)}')))`
    return this.#executor.withConnection(async (query) => {
      // A connection may take its own lock a second time, so the statement checks first whether anybody has it.
      const [row] = await query(statement(`SELECT IF(IS_USED_LOCK(${lock}) IS NULL, GET_LOCK(${lock}, 0), 0) AS got`))
      if (Number(row?.got) !== 1) return null
      try {
        return await work()
      } finally {
        await query(statement(`SELECT RELEASE_LOCK(${lock}) AS released`)).catch(() => {})
      }
    })
  }

  close(): Promise<void> {
    return this.#executor.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** A step reads a bounded number of rows, including live ones of the last purge step, and deletes those that are due. */
  #clearing(limit: number, dryRun: boolean): AsyncGenerator<number> {
    const now = this.#clock()
    const { purgeAt: until } = moments(now)
    return stepwise({ purge: Number.MIN_SAFE_INTEGER, seq: 0 }, async ({ purge, seq }) => {
      const rows = await this.#rows(this.#statements.due, [until, purge, purge, seq, `${limit}`])
      const due = rows.filter((row) => Number(row.expires_at) <= now).map((row) => Number(row.seq))
      const last = rows.length < limit ? undefined : rows.at(-1)
      return {
        removed: dryRun || due.length === 0 ? due.length : await this.#purge(due, now),
        next: last ? { purge: Number(last.purge_at), seq: Number(last.seq) } : null,
      }
    })
  }

  /** Checks again whether each row is due: it may have been touched since. */
  async #purge(due: readonly number[], now: number): Promise<number> {
    const result = await this.#executor.query(purge(this.#table, due, now))
    return Number((result as { affectedRows: number | string }).affectedRows)
  }

  async #inserted(values: MysqlValue[]): Promise<boolean> {
    try {
      return await this.#did(this.#statements.insert, values)
    } catch (error) {
      // Not INSERT IGNORE, which would ignore much else.
      if (isDuplicate(error)) return false
      throw error
    }
  }

  #rows(statement: MysqlStatement, values: MysqlValue[]): Promise<readonly Row[]> {
    return this.#first.before(() => this.#executor.rows(statement, values))
  }

  #change(statement: MysqlStatement, values: MysqlValue[]): Promise<number> {
    return this.#first.before(() => this.#executor.change(statement, values))
  }

  async #did(statement: MysqlStatement, values: MysqlValue[]): Promise<boolean> {
    return (await this.#change(statement, values)) > 0
  }

  async #check(): Promise<void> {
    this.#facts = await this.schema.check()
    const { sizeLimit } = this.#facts
    this.#executor.maxBatchBytes = Math.min(this.#executor.maxBatchBytes, sizeLimit ?? Number.POSITIVE_INFINITY)
  }

  /** Copies the bytes, because the write may wait for a connection. */
  #columns(entry: Entry) {
    const { sizeLimit } = this.#facts
    if (sizeLimit !== null && entry.bytes.length > sizeLimit) {
      throw new StoreError(`The entry is larger than the session database accepts (${sizeLimit} bytes).`)
    }
    // A server without strict mode would truncate it silently.
    if (entry.label && entry.label.length > 512) throw new StoreError('The label is larger than 512 bytes.')
    const { bytes, expiresAt, createdAt, owner, label } = copyOf(entry)
    return {
      bytes,
      label,
      ...moments(expiresAt),
      createdAt: Math.floor(createdAt),
      owner: owner === null ? null : idBytes(owner),
    }
  }
}

const digest = (text: string) => createHash('sha1').update(text).digest('hex')

function toEntry(row: Row): Entry {
  return { bytes: bytesOf(row.payload), ...toFields(row) }
}

function toListing(row: Row): Listing {
  return { id: (row.id as Buffer).toString('hex') as Id, size: Number(row.size), ...toFields(row) }
}

function toFields({ expires_at, created_at, owner, label }: Row) {
  return {
    expiresAt: Number(expires_at),
    createdAt: Number(created_at),
    owner: owner === null ? null : (owner as Buffer).toString('hex'),
    label: label === null ? null : bytesOf(label),
  }
}

/** A copy, because the driver returns a view of a whole chunk, of up to 64 KB, which would stay in memory with other people's rows. */
function bytesOf(value: unknown): Uint8Array {
  return Buffer.from(value as Uint8Array)
}
