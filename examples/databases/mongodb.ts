import { randomUUID } from 'node:crypto'
import { Binary, type Collection, type Db, type Filter, MongoServerError } from 'mongodb'
import {
  type ClearOptions,
  type Clock,
  type Entry,
  type Id,
  type IndexedStore,
  type Listing,
  type ListOptions,
  type ScannableStore,
  type ScanOptions,
  StoreError,
} from 'strongroom'

export interface MongoOptions {
  readonly collection?: string
  /** Ms within which a call resolves or rejects. */
  readonly timeout?: number
  readonly clock?: Clock
}

/** As it is stored. Deadlines are dates, because MongoDB expires nothing else. */
interface SessionDocument {
  _id: string
  /** Random, so that a session that was deleted and created again refuses its old version. A touch keeps it. */
  version: string
  expiresAt: Date
  createdAt: Date
  owner: string | null
  label: Binary | null
  bytes: Binary
  /** So that a list need not read `bytes`. */
  size: number
}

type Found = Omit<SessionDocument, 'bytes'>

const COLLECTION = 'strongroom_sessions'
/** Named in every query that walks: another index could have a deadline in it, and a touch would move an entry past the reader. */
const BY_ID = { _id: 1 } as const
const BY_OWNER = { owner: 1, _id: 1 } as const
const BY_DEADLINE = { expiresAt: 1 } as const
/** A document has at most 16 MB, its other fields included. */
const SIZE_LIMIT = 16 * 1024 * 1024 - 4096

/**
 * Creates what the store needs; harmless when it is there. The index on the deadline lets MongoDB remove what has been over for an hour,
 * which spares a machine whose clock is behind. It is a help: reads check the deadline themselves.
 */
export async function createIndexes(db: Db, collection = COLLECTION): Promise<void> {
  await db.collection(collection).createIndexes([{ key: BY_OWNER }, { key: BY_DEADLINE, expireAfterSeconds: 3600 }])
}

/** Sessions in a collection of a replica set. The client is yours: `close` leaves it open. */
export function mongodb(
  db: Db,
  { collection: name = COLLECTION, timeout = 2000, clock = Date.now }: MongoOptions = {},
) {
  const collection: Collection<SessionDocument> = db.collection(name, {
    // An acknowledged write survives a change of the primary, and every later read sees it.
    writeConcern: { w: 'majority', j: true },
    readConcern: 'majority',
    readPreference: 'primary',
    // Whatever the client is set to: the values below have these types.
    ...{ promoteBuffers: false, promoteValues: true, raw: false, ignoreUndefined: false },
  })
  let closed = false

  /** Neither ids nor bytes are in its error, as they may be in MongoDB's, and it ends in time: the driver waits for ever. */
  async function ask<T>(call: () => Promise<T>, limit = timeout): Promise<T> {
    if (closed) throw new StoreError('The session store was used after it was closed.')
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no reply within ${limit} ms`)), limit)
    })
    try {
      return await Promise.race([call(), late])
    } catch (error) {
      throw new StoreError('MongoDB could not do what was asked.', { cause: withoutValues(error) })
    } finally {
      clearTimeout(timer)
    }
  }

  const now = () => new Date(clock())
  const live = (id: Id): Filter<SessionDocument> => ({ _id: id, expiresAt: { $gt: now() } })

  /** True when it was put in; false when an entry, live or not, has the id. */
  async function insert(document: SessionDocument): Promise<boolean> {
    return ask(async () => {
      try {
        await collection.insertOne(document)
        return true
      } catch (error) {
        if (error instanceof MongoServerError && error.code === 11000) return false
        throw error
      }
    })
  }

  /** Reads pages in the order of ids, which never change. */
  async function* walk(filter: Filter<SessionDocument>, hint: typeof BY_ID | typeof BY_OWNER, options: ScanOptions) {
    const { signal } = options
    const page = Math.max(1, options.page ?? 500) // 0 would mean all
    for (let after = ''; !signal?.aborted; ) {
      const query = { ...filter, _id: { $gt: after }, expiresAt: { $gt: now() } }
      const cursor = collection.find<Found>(query, { hint, sort: BY_ID, limit: page, projection: { bytes: 0 } })
      const found = await ask(() => cursor.toArray())
      if (found.length > 0) yield found.map(toListing)
      if (found.length < page) return
      after = found.at(-1)?._id ?? after
    }
  }

  const store: IndexedStore & ScannableStore = {
    traits: TRAITS,

    async create(id, entry) {
      const { _id, ...document } = toDocument(id, entry)
      for (;;) {
        if (await insert({ _id, ...document })) return true
        const expired = { _id, expiresAt: { $lte: now() } }
        if ((await ask(() => collection.replaceOne(expired, document))).matchedCount === 1) return true
        if (await ask(() => collection.findOne(live(id), { projection: BY_ID }))) return false
        // It has been removed, or has expired, since.
      }
    },

    async read(id, { fresh = false } = {}) {
      // An old primary that is cut off may not know for some seconds that there is a new one. A fresh read asks the majority.
      const readConcern = fresh ? 'linearizable' : 'majority'
      const found = await ask(() => collection.findOne({ _id: id }, { readConcern, maxTimeMS: timeout }))
      if (!found || clock() >= found.expiresAt.getTime()) return null
      return { entry: { bytes: bytesOf(found.bytes), ...toFields(found) }, version: found.version }
    },

    async update(id, entry, version) {
      if (typeof version !== 'string') return null
      const { _id, owner, version: next, ...changed } = toDocument(id, entry)
      const current = { ...live(id), version, owner }
      const { matchedCount } = await ask(() => collection.updateOne(current, { $set: { ...changed, version: next } }))
      return matchedCount === 1 ? next : null
    },

    async touch(id, expiresAt, version) {
      if (version !== undefined && typeof version !== 'string') return false
      const current = version === undefined ? live(id) : { ...live(id), version }
      const moved = { $set: { expiresAt: new Date(expiresAt) } }
      return (await ask(() => collection.updateOne(current, moved))).matchedCount === 1
    },

    async delete(id, version) {
      if (version !== undefined && typeof version !== 'string') return false
      const current = version === undefined ? live(id) : { ...live(id), version }
      return (await ask(() => collection.deleteOne(current))).deletedCount === 1
    },

    byOwner: {
      list: (owner, options: ListOptions = {}) => walk({ owner }, BY_OWNER, options),
      async deleteAll(owner, except) {
        const all = { owner, expiresAt: { $gt: now() } }
        const filter: Filter<SessionDocument> = except === undefined ? all : { ...all, _id: { $ne: except } }
        return (await ask(() => collection.deleteMany(filter, { hint: BY_OWNER }))).deletedCount
      },
    },

    scan: (options = {}) => walk({}, BY_ID, options),

    async clearExpired({ batch = 1000, signal, onProgress, dryRun = false }: ClearOptions = {}) {
      const expired: Filter<SessionDocument> = { expiresAt: { $lte: now() } }
      if (dryRun) return ask(() => collection.countDocuments(expired, { hint: BY_DEADLINE }), 5 * timeout)
      let removed = 0
      while (!signal?.aborted) {
        const cursor = collection.find(expired, { hint: BY_DEADLINE, limit: Math.max(1, batch), projection: BY_ID })
        const found = await ask(() => cursor.toArray(), 5 * timeout)
        if (found.length === 0) break
        // Only what is still expired: an id may have been created again since it was found.
        const dead = { ...expired, _id: { $in: found.map(({ _id }) => _id) } }
        const { deletedCount } = await ask(() => collection.deleteMany(dead), 5 * timeout)
        removed += deletedCount
        if (deletedCount > 0) onProgress?.(removed)
      }
      return removed
    },

    async close() {
      closed = true
    },
  }
  return store
}

const TRAITS = {
  engine: 'mongodb',
  durable: 'machine',
  shared: 'network',
  expiresByItself: true,
  granularity: 1,
  sizeLimit: SIZE_LIMIT,
  evicts: false,
  revocable: true,
} as const

/** Copies the bytes before anything is awaited: the caller may reuse its buffers while the write is under way. */
function toDocument(id: Id, { bytes, label, owner, expiresAt, createdAt }: Entry): SessionDocument {
  if (bytes.length > SIZE_LIMIT) throw new StoreError(`The entry has more than ${SIZE_LIMIT} bytes.`)
  return {
    _id: id,
    version: randomUUID(),
    expiresAt: new Date(expiresAt),
    createdAt: new Date(createdAt),
    owner,
    label: label && new Binary(Buffer.from(label)),
    bytes: new Binary(Buffer.from(bytes)),
    size: bytes.length,
  }
}

const bytesOf = (binary: Binary): Uint8Array => Uint8Array.from(binary.value())

function toFields({ expiresAt, createdAt, owner, label }: Found) {
  return { expiresAt: expiresAt.getTime(), createdAt: createdAt.getTime(), owner, label: label && bytesOf(label) }
}

function toListing(found: Found): Listing {
  return { id: found._id as Id, size: found.size, ...toFields(found) }
}

/** What the server says may quote a key, as in "duplicate key error". What the driver says names hosts. */
function withoutValues(error: unknown): Error {
  if (error instanceof MongoServerError) return new Error(`${error.codeName ?? error.name} (${error.code})`)
  return error instanceof Error ? new Error(`${error.name}: ${error.message}`) : new Error('unknown error')
}
