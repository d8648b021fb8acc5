import { randomInt } from 'node:crypto'
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
import { type Count, countFrom, SAMPLE } from '../shared/estimate.ts'
import { inPages, STEP } from '../shared/pages.ts'
import { moments, stepwise } from '../shared/sql.ts'
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'
import type { Connection } from './connection.ts'

type Row = Record<string, unknown>

/** SQLite allows 1 000 000 000 bytes in one row. */
const SIZE_LIMIT = 1_000_000_000 - 10_000

/** How many sessions of an owner one transaction ends. */
const DELETED_AT_ONCE = 500

export class Sqlite implements IndexedStore, ScannableStore {
  readonly traits: Traits
  readonly byOwner: OwnerIndex = {
    list: (owner, options = {}) =>
      inPages(options, 0, async (after, size) => {
        const limit = Math.max(size, STEP)
        const rows = (await this.#connection.read((table) => table.listByOwner.all(owner, after, limit))) as Row[]
        const listings = rows.map(toListing).filter(({ expiresAt }) => this.#clock() < expiresAt)
        return { listings, next: rows.length < limit ? null : Number(rows.at(-1)?.position) }
      }),
    // In batches, because SQLite works on the event loop.
    deleteAll: async (owner, except = '' as Id) => {
      let [ended, batch] = [0, 0]
      do {
        batch = await this.#connection.write((table) =>
          Number(table.deleteByOwner.run(owner, this.#clock(), except, DELETED_AT_ONCE).changes),
        )
        ended += batch
      } while (batch === DELETED_AT_ONCE)
      return ended
    },
  }
  readonly #connection: Connection
  readonly #clock: Clock

  constructor(connection: Connection, clock: Clock, facts: Pick<Traits, 'durable' | 'shared'>) {
    this.#connection = connection
    this.#clock = clock
    const always = { expiresByItself: false, granularity: 1, sizeLimit: SIZE_LIMIT, evicts: false, revocable: true }
    this.traits = { engine: 'sqlite', ...facts, ...always }
  }

  async read(id: Id): Promise<Found | null> {
    const row = (await this.#connection.read((table) => table.read.get(id, this.#clock()))) as Row | undefined
    return row ? { entry: toEntry(row), version: Number(row.version) } : null
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    const { bytes, expiresAt, purgeAt, createdAt, owner, label } = toColumns(entry)
    return this.#connection.write((table) => {
      // A random start, so that a version of an earlier entry of this id is no version of this one.
      const insert = () => {
        const version = randomInt(2 ** 47)
        return table.insert.run(id, bytes, version, expiresAt, purgeAt, createdAt, owner, label).changes
      }
      return changed(insert()) || (changed(table.deleteExpired.run(id, this.#clock()).changes) && changed(insert()))
    })
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    if (typeof version !== 'number') return null
    const { bytes, expiresAt, purgeAt, createdAt, owner, label } = toColumns(entry)
    return this.#connection.write((table) => {
      const now = this.#clock()
      const done =
        changed(
          table.updateInPlace.run(bytes, expiresAt, createdAt, label, id, version, now, owner, purgeAt).changes,
        ) || changed(table.update.run(bytes, expiresAt, createdAt, label, purgeAt, id, version, now, owner).changes)
      return done ? version + 1 : null
    })
  }

  async touch(id: Id, deadline: number, version: Version | null = null): Promise<boolean> {
    if (typeof version === 'string') return false
    const { expiresAt, purgeAt } = moments(deadline)
    return this.#connection.write((table) => {
      const now = this.#clock()
      return (
        changed(table.touchInPlace.run(expiresAt, id, now, version, purgeAt).changes) ||
        changed(table.touch.run(expiresAt, purgeAt, id, now, version).changes)
      )
    })
  }

  async delete(id: Id, version?: Version): Promise<boolean> {
    if (typeof version === 'string') return false
    return this.#connection.write((table) => {
      const now = this.#clock()
      return changed(
        (version === undefined ? table.delete.run(id, now) : table.deleteVersion.run(id, now, version)).changes,
      )
    })
  }

  async clearExpired(options: ClearOptions = {}): Promise<number> {
    const dryRun = options.dryRun === true
    await this.#connection.checkFile()
    const removed = await drive(this.#sweep(batchOf(options), dryRun), options)
    if (removed > 0 && !dryRun) await this.#connection.emptyLog()
    return removed
  }

  async *scan({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<Listing[]> {
    const limit = atLeastOne(page)
    for (let after = 0; !signal?.aborted; ) {
      const rows = (await this.#connection.read((table) => table.page.all(after, limit))) as Row[]
      const live = rows.map(toListing).filter(({ expiresAt }) => this.#clock() < expiresAt)
      if (live.length > 0) yield live
      if (rows.length < limit) return
      after = Number(rows.at(-1)?.position)
    }
  }

  estimate(): Promise<Count> {
    return this.#connection.read(({ sampled, few }) => {
      const last = sampled.get() as Row | undefined
      return last ? countFrom(SAMPLE, last.id as string) : countFrom(Number((few.get() as Row).count), null)
    })
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * A step looks at a bounded number of rows, among them live ones of the last purge step, and deletes those that are
   * due.
   */
  #sweep(limit: number, dryRun: boolean): AsyncGenerator<number> {
    const now = this.#clock()
    const { purgeAt: until } = moments(now)
    return stepwise({ purge: Number.MIN_SAFE_INTEGER, position: 0 }, async ({ purge, position }) => {
      const rows = (await this.#connection.read((table) => table.due.all(purge, position, until, limit))) as Row[]
      const due = rows.filter((row) => Number(row.expires_at) <= now).map((row) => Number(row.position))
      const removed = dryRun || due.length === 0 ? due.length : await this.#purge(due, now)
      const last = rows.length < limit ? undefined : rows.at(-1)
      return { removed, next: last ? { purge: Number(last.purge_at), position: Number(last.position) } : null }
    })
  }

  /** Checks each row again in the DELETE: it may have been touched since, or removed by another runner. */
  #purge(positions: readonly number[], now: number): Promise<number> {
    return this.#connection.write((table) => {
      return positions.reduce((removed, position) => removed + Number(table.purge.run(position, now).changes), 0)
    })
  }
}

function changed(changes: number | bigint): boolean {
  return Number(changes) > 0
}

/** Copies the bytes, because the write is queued. */
function toColumns(entry: Entry) {
  if (entry.bytes.length > SIZE_LIMIT)
    throw new StoreError(`An entry is larger than SQLite can store in a row (${SIZE_LIMIT} bytes).`)
  const { bytes, expiresAt, createdAt, owner, label } = copyOf(entry)
  return { bytes, label, ...moments(expiresAt), createdAt: Math.floor(createdAt), owner }
}

function toEntry({ payload, ...row }: Row): Entry {
  return { bytes: toBytes(payload), ...toFields(row) }
}

function toListing(row: Row): Listing {
  return { id: row.id as Id, size: Number(row.size), ...toFields(row) }
}

function toFields({ expires_at, created_at, owner, label }: Row) {
  return {
    expiresAt: Number(expires_at),
    createdAt: Number(created_at),
    owner: owner as string | null,
    label: label === null ? null : toBytes(label),
  }
}

/** Every driver makes new bytes for each row. Some return a view; libsql returns a bare ArrayBuffer in lists. */
function toBytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(value as ArrayBuffer)
}
