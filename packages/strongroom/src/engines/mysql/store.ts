import { createHash, randomInt } from 'node:crypto'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type {
  ClearOptions,
  Clock,
  Entry,
  IndexedStore,
  Listing,
  OwnerIndex,
  ScannableStore,
  ScanOptions,
  Traits,
  Version,
} from '../../store.ts'
import { moments, stepwise } from '../shared/sql.ts'
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'
import type { MysqlStatement, MysqlValue } from './client.ts'
import { isDuplicate } from './errors.ts'
import type { Line } from './line.ts'
import { ASSUMED, type Server } from './server.ts'
import { purge, statement, statements } from './table.ts'
import type { Row } from './together.ts'

export class Mysql implements IndexedStore, ScannableStore {
  readonly schema: Server
  readonly byOwner: OwnerIndex = {
    list: async (owner) => {
      const rows = await this.#rows(this.#at.owned, [keyOf(owner), this.#clock()])
      return rows.map(toListing)
    },
    deleteAll: (owner, except) => {
      const values = [keyOf(owner), this.#clock()]
      if (except === undefined) return this.#change(this.#at.removeOwned, values)
      return this.#change(this.#at.removeOthers, [...values, keyOf(except)])
    },
  }
  readonly #line: Line
  readonly #table: string
  readonly #clock: Clock
  readonly #at: ReturnType<typeof statements>
  #facts = ASSUMED
  #met = false
  #meeting: Promise<void> | null = null

  constructor(line: Line, server: Server, { table, clock }: { readonly table: string; readonly clock: Clock }) {
    this.#line = line
    this.schema = server
    this.#table = table
    this.#clock = clock
    this.#at = statements(table)
  }

  /** What a server is by default, until it was asked: before the first use. */
  get traits(): Traits {
    const always = { expiresByItself: false, granularity: 1, evicts: false, revocable: true } as const
    return { engine: 'mysql', shared: 'network', ...this.#facts, ...always }
  }

  async read(id: Id): Promise<{ entry: Entry; version: Version } | null> {
    const [row] = await this.#rows(this.#at.read, [keyOf(id), this.#clock()])
    return row ? { entry: toEntry(row), version: Number(row.version) } : null
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    const key = keyOf(id)
    const { bytes, expiresAt, purgeAt, createdAt, owner, label } = this.#columns(entry)
    const insert = () => {
      // A random start, so that whoever has read an earlier entry of this id does not hold a version of this one.
      const version = randomInt(2 ** 47)
      return this.#inserted([key, bytes, version, expiresAt, purgeAt, createdAt, owner, label])
    }
    if (await insert()) return true
    await this.#change(this.#at.removeExpired, [key, this.#clock()])
    // Also when nothing was removed: a sweep may have been faster.
    return insert()
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    if (typeof version !== 'number') return null
    const { bytes, expiresAt, purgeAt, createdAt, owner, label } = this.#columns(entry)
    const fields = [bytes, expiresAt, purgeAt, createdAt, owner, label]
    return (await this.#did(this.#at.update, [...fields, keyOf(id), this.#clock(), version])) ? version + 1 : null
  }

  async touch(id: Id, deadline: number): Promise<boolean> {
    const key = keyOf(id)
    const { expiresAt, purgeAt } = moments(deadline)
    if (await this.#did(this.#at.touch, [expiresAt, purgeAt, key, this.#clock()])) return true
    // Some clients count rows that changed, not rows that were found: one that had this deadline already is not gone.
    const rows = await this.#rows(this.#at.stands, [key, this.#clock(), expiresAt])
    return rows.length > 0
  }

  async delete(id: Id, version?: Version): Promise<boolean> {
    if (typeof version === 'string') return false
    const values = [keyOf(id), this.#clock()]
    if (version === undefined) return this.#did(this.#at.remove, values)
    return this.#did(this.#at.removeVersion, [...values, version])
  }

  clearExpired(options: ClearOptions = {}): Promise<number> {
    const dryRun = options.dryRun === true
    return drive(this.#clearing(batchOf(options), dryRun), options, { gently: !dryRun })
  }

  async *scan({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<Listing[]> {
    const limit = atLeastOne(page)
    for (let place = 0; !signal?.aborted; ) {
      const rows = await this.#rows(this.#at.page, [place, `${limit}`])
      const live = rows.map(toListing).filter(({ expiresAt }) => this.#clock() < expiresAt)
      if (live.length > 0) yield live
      if (rows.length < limit) return
      place = Number(rows.at(-1)?.seq)
    }
  }

  /** By a lock that belongs to the connection: it ends with the connection, and that with the process. */
  async tryWithLock<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    const lock = `CONCAT('strongroom.', SHA1(CONCAT(COALESCE(DATABASE(), ''), '${digest(`${this.#table} ${name}`)}')))`
    return this.#line.apart(async (ask) => {
      // A connection may have its own lock twice over. What it holds already is asked first.
      const [row] = await ask(statement(`SELECT IF(IS_USED_LOCK(${lock}) IS NULL, GET_LOCK(${lock}, 0), 0) AS got`))
      if (Number(row?.got) !== 1) return null
      try {
        return await work()
      } finally {
        await ask(statement(`SELECT RELEASE_LOCK(${lock}) AS released`)).catch(() => {})
      }
    })
  }

  close(): Promise<void> {
    return this.#line.close()
  }

  /** A step looks at a bounded number of rows, live ones of the last purge step among them, and deletes those that are due. */
  #clearing(limit: number, dryRun: boolean): AsyncGenerator<number> {
    const now = this.#clock()
    const { purgeAt: until } = moments(now)
    return stepwise({ purge: Number.MIN_SAFE_INTEGER, seq: 0 }, async ({ purge, seq }) => {
      const rows = await this.#rows(this.#at.due, [until, purge, purge, seq, `${limit}`])
      const due = rows.filter((row) => Number(row.expires_at) <= now).map((row) => Number(row.seq))
      const last = rows.length < limit ? undefined : rows.at(-1)
      return {
        removed: dryRun || due.length === 0 ? due.length : await this.#purge(due, now),
        next: last ? { purge: Number(last.purge_at), seq: Number(last.seq) } : null,
      }
    })
  }

  /** Asks each row again whether it is due: it may have been touched since, or removed by another runner. */
  async #purge(due: readonly number[], now: number): Promise<number> {
    const result = await this.#line.plain(purge(this.#table, due, now))
    return Number((result as { affectedRows: number | string }).affectedRows)
  }

  async #inserted(values: MysqlValue[]): Promise<boolean> {
    try {
      return await this.#did(this.#at.insert, values)
    } catch (error) {
      // Not INSERT IGNORE, which would ignore much else.
      if (isDuplicate(error)) return false
      throw error
    }
  }

  async #rows(asked: MysqlStatement, values: MysqlValue[]): Promise<readonly Row[]> {
    if (!this.#met) await this.#meet()
    return this.#line.rows(asked, values)
  }

  async #change(asked: MysqlStatement, values: MysqlValue[]): Promise<number> {
    if (!this.#met) await this.#meet()
    return this.#line.change(asked, values)
  }

  async #did(asked: MysqlStatement, values: MysqlValue[]): Promise<boolean> {
    return (await this.#change(asked, values)) > 0
  }

  /** Once, whoever comes first; again by the next when it failed. */
  #meet(): Promise<void> {
    this.#meeting ??= this.schema.meet().then(
      (facts) => {
        this.#facts = facts
        this.#line.mostBytes = Math.min(this.#line.mostBytes, facts.sizeLimit ?? Number.POSITIVE_INFINITY)
        this.#met = true
      },
      (error) => {
        this.#meeting = null
        throw error
      },
    )
    return this.#meeting
  }

  /** Copies, for the write waits for its turn, and the caller may reuse its buffers meanwhile. */
  #columns({ bytes, expiresAt, createdAt, owner, label }: Entry) {
    const { sizeLimit } = this.#facts
    if (sizeLimit !== null && bytes.length > sizeLimit) {
      throw new StoreError(`An entry is larger than the session database takes (${sizeLimit} bytes).`)
    }
    // A server that is not strict would cut it off, and say nothing.
    if (label && label.length > 512) throw new StoreError('A label is larger than 512 bytes.')
    const copies = { bytes: Buffer.from(bytes), label: label && Buffer.from(label) }
    return {
      ...copies,
      ...moments(expiresAt),
      createdAt: Math.floor(createdAt),
      owner: owner === null ? null : keyOf(owner),
    }
  }
}

const digest = (text: string) => createHash('sha1').update(text).digest('hex')

/** As bytes, which no collation compares. Another spelling of an id is another id, not the same bytes. */
function keyOf(text: string): Buffer {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new StoreError('Ids and owners are 64 lower-case hexadecimal characters.')
  return Buffer.from(text, 'hex')
}

function toEntry({ payload, ...row }: Row): Entry {
  return { bytes: copyOf(payload), ...toFields(row) }
}

function toListing(row: Row): Listing {
  return { id: (row.id as Buffer).toString('hex') as Id, size: Number(row.size), ...toFields(row) }
}

function toFields({ expires_at, created_at, owner, label }: Row) {
  return {
    expiresAt: Number(expires_at),
    createdAt: Number(created_at),
    owner: owner === null ? null : (owner as Buffer).toString('hex'),
    label: label === null ? null : copyOf(label),
  }
}

/** What the driver gives is a view of all that came with it; whoever keeps it would keep 64 KB, other people's rows too. */
function copyOf(value: unknown): Uint8Array {
  return Buffer.from(value as Uint8Array)
}
