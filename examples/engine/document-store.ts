import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { type Clock, type Entry, type Id, type IndexedStore, type ListOptions, StoreError } from 'strongroom'
import type { Documents } from './documents.ts'

/** The version is not the database's revision: a touch makes a new revision and keeps the version. */
export type Stored = Entry & { readonly version: string }

/** Sessions in a document database that has a compare-and-set. */
export function documentStore(documents: Documents<Stored>, clock: Clock = Date.now): IndexedStore {
  let closed = false

  /** "Could not ask" is a StoreError, and must never look like "absent". */
  async function ask<T>(call: () => Promise<T>): Promise<T> {
    if (closed) throw new StoreError('The session store was used after it was closed.')
    try {
      return await call()
    } catch (cause) {
      throw new StoreError('The document database did not answer.', { cause })
    }
  }

  /** The live entry, and the revision to replace: an expired entry is not live, but it still has a revision. */
  async function find(id: Id) {
    const { document = null, revision = null } = (await ask(() => documents.get(id))) ?? {}
    return { live: document && clock() < document.expiresAt ? document : null, revision }
  }

  /** Reads, decides, and replaces what was read; again if another writer was faster. */
  async function change(id: Id, decide: (live: Stored | null) => Stored | 'remove' | 'leave'): Promise<boolean> {
    for (;;) {
      const { live, revision } = await find(id)
      const next = decide(live)
      if (next === 'leave') return false
      if (await ask(() => documents.put(id, next === 'remove' ? null : next, revision))) return true
    }
  }

  const end = (id: Id, meant: (live: Stored) => boolean) =>
    change(id, (live) => (live && meant(live) ? 'remove' : 'leave'))

  async function* list(owner: string, { page = 500 }: ListOptions = {}) {
    const ids = (await ask(() => documents.keysOf(owner))) as Id[]
    // Other work gets its turn between two pages, even if the database answers at once.
    for (; ids.length > 0; await setImmediate()) {
      const found = await Promise.all(ids.splice(0, page).map(async (id) => ({ id, live: (await find(id)).live })))
      const listings = found.flatMap(({ id, live }) => (live?.owner === owner ? [listing(id, live)] : []))
      if (listings.length > 0) yield listings
    }
  }

  return {
    traits: TRAITS,
    async create(id, entry) {
      const next = pack(entry)
      return change(id, (live) => (live ? 'leave' : next))
    },
    async read(id) {
      const { live } = await find(id)
      return live && { entry: live, version: live.version }
    },
    async update(id, entry, version) {
      const next = pack(entry)
      const isSame = (live: Stored | null) => live?.version === version && live.owner === next.owner
      return (await change(id, (live) => (isSame(live) ? next : 'leave'))) ? next.version : null
    },
    touch: (id, expiresAt, version) =>
      change(id, (live) => (live && (version ?? live.version) === live.version ? { ...live, expiresAt } : 'leave')),
    delete: (id, version) => end(id, (live) => version === undefined || live.version === version),
    byOwner: {
      list,
      async deleteAll(owner, except) {
        const ids = ((await ask(() => documents.keysOf(owner))) as Id[]).filter((id) => id !== except)
        const ended = await Promise.all(ids.map((id) => end(id, (live) => live.owner === owner)))
        return ended.filter(Boolean).length
      },
    },
    async clearExpired({ batch = 1000, signal, onProgress, dryRun = false } = {}) {
      let removed = 0
      for (let last: string | undefined = ''; last !== undefined && !signal?.aborted; ) {
        const ids = (await ask(() => documents.keys(last as string, batch))) as Id[]
        const before = removed
        for (const id of ids) {
          const { live, revision } = await find(id)
          // Replaces only the revision that was seen to be expired: an id that was created again since then stays.
          if (live || revision === null) continue
          if (dryRun || (await ask(() => documents.put(id, null, revision)))) removed += 1
        }
        if (removed > before) onProgress?.(removed)
        last = ids.at(-1)
      }
      return removed
    },
    async close() {
      closed = true
    },
  }
}

const facts = { engine: 'documents', durable: 'no', shared: 'process' } as const
const TRAITS = { ...facts, expiresByItself: false, granularity: 1, sizeLimit: null, evicts: false, revocable: true }

// Copies before anything is awaited: the caller may reuse its buffers while the write is under way.
const pack = (entry: Entry): Stored => ({ ...structuredClone(entry), version: randomUUID() })
const listing = (id: Id, { version: _, bytes, ...rest }: Stored) => ({ id, ...rest, size: bytes.length })
