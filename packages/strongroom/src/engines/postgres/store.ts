import { randomInt } from 'node:crypto'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type {
  ChangeFeed,
  ClearOptions,
  Clock,
  Entry,
  Found,
  IndexedStore,
  Listing,
  OwnerIndex,
  ScannableStore,
  ScanOptions,
  Schema,
  Store,
  Traits,
  Version,
} from '../../store.ts'
import { copyOf } from '../shared/entry.ts'
import { type Count, countFrom } from '../shared/estimate.ts'
import { inPages } from '../shared/pages.ts'
import { idBytes, moments, stepwise } from '../shared/sql.ts'
import { atLeastOne, batchOf, drive } from '../shared/sweep.ts'
import { bytesOf, hexOf, type Query, type Row } from './client.ts'
import type { Statements } from './statements.ts'
import type { Table } from './table.ts'

/** The longest string in V8 has 2^29 characters. What reads the table without `encode` receives two characters for each byte. */
const SIZE_LIMIT = 2 ** 28 - 1024

interface PostgresParts {
  readonly clock: Clock
  /** Closes what was opened here. */
  readonly close: () => Promise<void>
  readonly tryWithLock?: Store['tryWithLock']
  readonly changes?: ChangeFeed
}

export class Postgres implements IndexedStore, ScannableStore {
  readonly byOwner: OwnerIndex = {
    list: (owner, options = {}) =>
      inPages(options, 0, async (after, limit) => {
        const values = [idBytes(owner), this.#now(), after, limit]
        const { rows } = await this.#table.execute(this.#statements.listByOwner, values)
        return { listings: rows.map(toListing), next: rows.length < limit ? null : Number(rows.at(-1)?.[6]) }
      }),
    deleteAll: async (owner, except) => {
      const values = [idBytes(owner), this.#now(), except === undefined ? null : idBytes(except)]
      return (await this.#table.execute(this.#statements.deleteByOwner, values)).rowCount ?? 0
    },
  }
  readonly tryWithLock?: NonNullable<Store['tryWithLock']>
  readonly changes?: ChangeFeed
  readonly #table: Table
  readonly #statements: Statements
  readonly #clock: Clock
  readonly #close: () => Promise<void>

  constructor(table: Table, statements: Statements, { clock, close, tryWithLock, changes }: PostgresParts) {
    this.#table = table
    this.#statements = statements
    this.#clock = clock
    this.#close = close
    if (tryWithLock) this.tryWithLock = tryWithLock
    if (changes) this.changes = changes
  }

  get traits(): Traits {
    return {
      engine: 'postgres',
      durable: this.#table.durable,
      shared: 'network',
      expiresByItself: false,
      granularity: 1,
      sizeLimit: SIZE_LIMIT,
      evicts: false,
      revocable: true,
    }
  }

  get schema(): Schema {
    return this.#table
  }

  async read(id: Id): Promise<Found | null> {
    const { rows } = await this.#table.execute(this.#statements.read, [idBytes(id), this.#now()])
    const row = rows[0]
    if (!row) return null
    const [payload, version, ...fields] = row
    return { entry: { bytes: Buffer.from(payload as string, 'base64'), ...toFields(fields) }, version: Number(version) }
  }

  async create(id: Id, entry: Entry): Promise<boolean> {
    // A random start, so that a version of an earlier entry of this id is not a version of this one.
    const values = toColumns(randomInt(2 ** 47), id, entry)
    if ((await this.#table.execute(this.#statements.insert, values)).rowCount === 1) return true
    // Rarely, an entry has the id already. Where it has expired, or has been deleted in the meantime, it is replaced.
    return (await this.#table.execute(this.#statements.replace, [...values, this.#now()])).rowCount === 1
  }

  async update(id: Id, entry: Entry, version: Version): Promise<Version | null> {
    if (!isVersion(version)) return null
    const values = toColumns(version, id, entry)
    values.push(this.#now())
    return (await this.#table.execute(this.#statements.update, values)).rowCount === 1 ? version + 1 : null
  }

  async touch(id: Id, deadline: number, version: Version | null = null): Promise<boolean> {
    if (version !== null && !isVersion(version)) return false
    const { expiresAt, purgeAt } = moments(deadline)
    const values = [idBytes(id), this.#now(), expiresAt, purgeAt, version]
    return (await this.#table.execute(this.#statements.touch, values)).rowCount === 1
  }

  async delete(id: Id, version?: Version): Promise<boolean> {
    const values = [idBytes(id), this.#now()]
    if (version === undefined) return (await this.#table.execute(this.#statements.delete, values)).rowCount === 1
    if (!isVersion(version)) return false
    return (await this.#table.execute(this.#statements.deleteVersion, [...values, version])).rowCount === 1
  }

  clearExpired(options: ClearOptions = {}): Promise<number> {
    const [limit, now] = [batchOf(options), this.#now()]
    const text = options.dryRun ? this.#statements.count : this.#statements.purge
    const { purgeAt: until } = moments(now)
    const steps = stepwise({ purgeAt: Number.MIN_SAFE_INTEGER, place: 0 }, async (from) => {
      const [row] = await this.#table.executeLong(text, [from.purgeAt, from.place, until, limit, now])
      const [removed = 0, seen = 0, purgeAt = 0, place = 0] = (row ?? []).map(Number)
      return { removed, next: seen < limit ? null : { purgeAt, place } }
    })
    return drive(steps, options, { gently: options.dryRun !== true })
  }

  async estimate(): Promise<Count> {
    const [[seen, last = null] = []] = await this.#table.executeLong(this.#statements.estimate)
    return countFrom(Number(seen), last && hexOf(last))
  }

  async *scan({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<Listing[]> {
    const limit = atLeastOne(page)
    for (let after = Buffer.alloc(0); !signal?.aborted; ) {
      const rows = await this.#table.executeLong(this.#statements.page, [after, limit])
      const live = rows.map(toListing).filter(({ expiresAt }) => this.#clock() < expiresAt)
      if (live.length > 0) yield live
      if (rows.length < limit) return
      after = Buffer.from(bytesOf(rows.at(-1)?.[0] as string))
    }
  }

  close(): Promise<void> {
    return this.#close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #now(): number {
    return Math.floor(this.#clock())
  }
}

function isVersion(version: Version): version is number {
  return Number.isSafeInteger(version)
}

/** Copies the bytes, because the statement may wait for a connection. */
function toColumns(version: number, id: Id, entry: Entry): Query['values'] {
  if (entry.bytes.length > SIZE_LIMIT)
    throw new StoreError(`The entry is larger than this store can read back (${SIZE_LIMIT} bytes).`)
  const { bytes, expiresAt, createdAt, owner, label } = copyOf(entry)
  const deadline = moments(expiresAt)
  return [
    version,
    deadline.expiresAt,
    deadline.purgeAt,
    Math.floor(createdAt),
    idBytes(id),
    owner === null ? null : idBytes(owner),
    label,
    bytes,
  ]
}

function toListing([id, expiresAt, createdAt, owner, label, size]: Row): Listing {
  const fields = toFields([expiresAt, createdAt, owner, label] as Row)
  return { id: hexOf(id as string) as Id, size: Number(size), ...fields }
}

function toFields([expiresAt, createdAt, owner, label]: Row) {
  return {
    expiresAt: Number(expiresAt),
    createdAt: Number(createdAt),
    owner: typeof owner === 'string' ? hexOf(owner) : null,
    label: typeof label === 'string' ? bytesOf(label) : null,
  }
}
