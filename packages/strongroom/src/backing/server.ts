import { detached } from '../base/bytes.ts'
import { Memo } from '../base/memo.ts'
import { type Aead, OVERHEAD } from '../crypto/aead.ts'
import { type Keyring, ownerTag } from '../crypto/keyring.ts'
import { createSeal, openLabel, type SealName, sealLabel } from '../crypto/seal.ts'
import { type Id, newToken, type Refused, type VerifiedToken, verifyToken } from '../crypto/token.ts'
import { StoreError } from '../errors.ts'
import { type Content, encodeContent } from '../session/content.ts'
import { lastSeen } from '../session/lifetime.ts'
import type { Entry, Found, OwnerIndex, Store, Version } from '../store.ts'
import {
  type Backing,
  type BackingOptions,
  type ContentToSave,
  expiryOf,
  type LoadResult,
  refuseOver,
  type SessionRef,
  type UserIndex,
  type VerifiedCookie,
} from './backing.ts'
import { guardStore } from './guard.ts'
import { createRecords } from './records.ts'

export interface ServerBackingOptions extends BackingOptions {
  readonly store: Store
  readonly ring: Keyring
  readonly seal: SealName
  readonly aead: Aead
  /** Most bytes of payload. */
  readonly maxSize: number
  /** Bytes of memory for what was verified and opened last; 0 is none. */
  readonly memo: number
}

interface RecordRef extends SessionRef {
  readonly cookie: VerifiedToken
  readonly owner: string | null
  readonly label: Uint8Array | null
}

/** Sessions in a store: the cookie holds a token, the store holds the sealed record, and neither opens without the other. */
export function serverBacking(options: ServerBackingOptions): Backing {
  const { ring, clock, maxSize, aead } = options
  const store = guardStore(options.store, options.timeout)
  const records = createRecords(createSeal(options.seal, ring, aead), ring, options.memo)
  const read = sharedReads(store.read)
  const { sizeLimit } = options.store.traits
  const limit = sizeLimit === null ? maxSize : Math.min(maxSize, sizeLimit - OVERHEAD)

  /** What a write stores. Owner tag and label are made again only when what they say has changed. */
  function entryFor(
    token: VerifiedToken,
    content: ContentToSave,
    expiresAt: number,
    was?: { content: Content; ref: RecordRef },
  ): Entry {
    const { meta } = content
    const payload = encodeContent(content)
    refuseOver(limit, Buffer.byteLength(payload), content.data, 'its store')
    const sameUser = was && was.content.meta.userId === meta.userId
    const owner = sameUser ? was.ref.owner : meta.userId === null ? null : ownerTag(ring.current, meta.userId)
    const sameLabel = sameUser && was.content.meta.idle === meta.idle && was.content.meta.deadline === meta.deadline
    const label =
      owner === null
        ? null
        : sameLabel
          ? was.ref.label
          : sealLabel(aead, { text: meta.label, idle: meta.idle, deadline: meta.deadline }, ring.current, token.id)
    const bytes = records.seal(payload, content, token, owner)
    return { bytes, expiresAt, owner, label, createdAt: meta.createdAt }
  }

  function open(token: VerifiedToken, found: Found | null): LoadResult {
    if (!found) {
      // Ended elsewhere, or expired.
      records.forget(token.id)
      return null
    }
    const { entry, version } = found
    const content = records.open(entry.bytes, token, entry.owner)
    if ('refused' in content) return content
    const { meta, data, values } = content
    // The open deadline is a hint that anyone who writes to the table can move; the sealed one decides.
    const expired = expiryOf(clock(), entry.expiresAt, meta.deadline)
    if (expired) {
      records.forget(token.id)
      return expired
    }
    const expiresAt = Math.min(entry.expiresAt, meta.deadline)
    const ref: RecordRef = { cookie: token, version, expiresAt, owner: entry.owner, label: entry.label }
    return { meta, data, values, shared: values, ref }
  }

  async function createUnder(token: VerifiedToken, content: Content, expiresAt: number): Promise<RecordRef | null> {
    const entry = entryFor(token, content, expiresAt)
    if (!(await read.around(token.id, () => store.create(token.id, entry)))) return null
    return { cookie: token, version: null, expiresAt, owner: entry.owner, label: entry.label }
  }

  /** The version of a session that was created by this request, which did not learn it; null if others changed it since. */
  async function versionOfNew({ cookie, expiresAt }: SessionRef): Promise<Version | null> {
    const found = await store.read(cookie.id, { fresh: true })
    const isSame = found && Math.abs(found.entry.expiresAt - expiresAt) < options.store.traits.granularity
    return isSame ? found.version : null
  }

  function end(id: Id, version?: Version, owner?: string | null): Promise<boolean> {
    // Afterwards: a read that was under way may have remembered it again.
    return read.around(id, () => store.delete(id, version, owner)).finally(() => records.forget(id))
  }

  return {
    traits: options.store.traits,
    verify: rememberingVerifier(ring, options.memo),

    load(cookie, options) {
      const token = cookie as VerifiedToken
      // Neither what is in this process nor what another request has asked for: both may be older.
      if (options?.fresh) return store.read(token.id, options).then((found) => open(token, found))
      const found = store.readSync?.(token.id)
      return found === undefined ? read.get(token.id).then((found) => open(token, found)) : open(token, found)
    },

    async create(content, expiresAt): Promise<RecordRef> {
      const created = await createUnder(newToken(ring), content, expiresAt)
      if (created) return created
      throw new StoreError('The store refused a new session: its id is taken.')
    },
    createUnder: (cookie, content, expiresAt) => createUnder(cookie as VerifiedToken, content, expiresAt),

    async update(ref, content, expiresAt, before): Promise<RecordRef | null> {
      const was = ref as RecordRef
      const { id } = was.cookie
      const entry = entryFor(was.cookie, content, expiresAt, { content: before, ref: was })
      const seen = was.version ?? (await store.read(id, { fresh: true }))?.version
      if (seen === undefined) return null
      const version = await read.around(id, () => store.update(id, entry, seen))
      return version === null
        ? null
        : { cookie: was.cookie, version, expiresAt, owner: entry.owner, label: entry.label }
    },

    async touch(ref, _content, expiresAt) {
      const version = ref.version ?? (await versionOfNew(ref))
      if (version === null) return null
      return (await store.touch(ref.cookie.id, expiresAt, version)) ? { ...ref, version, expiresAt } : null
    },

    end: (ref, version) => end(ref.cookie.id, version ?? undefined, (ref as RecordRef).owner),
    users: store.byOwner
      ? userIndex(store.byOwner, options, {
          end,
          around: (write) => read.around(null, write),
          forget: records.forgetOwner,
        })
      : { endOne: (id) => end(id), canExcept: true, advice: { list: WITHOUT_INDEX, endAll: WITHOUT_INDEX } },
  }
}

const WITHOUT_INDEX =
  'it cannot find sessions by their owner. Use memory, file, sqlite, postgres, mysql, or redis that evicts nothing, or cached over one of them.'

/** Remembers verified cookies by their text: verifying costs an HMAC, and one visitor's cookie comes a hundred times. */
function rememberingVerifier(ring: Keyring, memo: number): (text: string) => VerifiedCookie | Refused {
  const known = new Memo<VerifiedToken>(memo / 32)
  return (text) => {
    const before = known.get(text)
    // A master that was removed from the ring must stop opening at once.
    if (before && ring.get(before.master.kid) === before.master) return before
    const verified = verifyToken(text, ring)
    if (typeof verified === 'string') return { refused: verified }
    // Cut from the header, the text would keep all of it in memory, other cookies included, for as long as it is remembered.
    const token = { ...verified, text: detached(text) }
    known.set(token.text, token, 512)
    return token
  }
}

type Read = ReturnType<Store['read']>

/**
 * Parallel reads of one id within one turn of the event loop are one read. Not longer: a read that began before a logout must
 * not answer a request that came after it.
 */
function sharedReads(readFromStore: Store['read']) {
  // A new Map for each turn, never one that is cleared: V8 links a cleared Map's table to the next one, and once one of them
  // is old, everything they held (a request and all it refers to) lives until the next full collection.
  let begun: Map<Id, Read> | null = null
  const forget = () => {
    begun = null
  }
  return {
    get(id: Id): Read {
      const running = begun?.get(id)
      if (running) return running
      if (!begun) {
        begun = new Map()
        setImmediate(forget)
      }
      const read = readFromStore(id)
      begun.set(id, read)
      return read
    },
    /** After a write (of all ids: null), reads that began before it or while it ran are too old to be shared. */
    async around<T>(id: Id | null, write: () => Promise<T>): Promise<T> {
      const tooOld = () => {
        if (id === null) begun = null
        else begun?.delete(id)
      }
      tooOld()
      try {
        return await write()
      } finally {
        tooOld()
      }
    },
  }
}

interface UserIndexDeps {
  readonly end: (id: Id) => Promise<boolean>
  readonly around: (write: () => Promise<number>) => Promise<number>
  readonly forget: (owner: string, except?: Id) => void
}

function userIndex(
  byOwner: OwnerIndex,
  { ring, aead }: ServerBackingOptions,
  { end, around, forget }: UserIndexDeps,
): UserIndex {
  // A user's sessions may have begun under any master that is still in the ring.
  const tags = (userId: string) => ring.masters.map((master) => ownerTag(master, userId))
  /** Not every store ends them all in one step: a parallel renewal may add a record where the old one was just passed. */
  async function endAllOf(tag: string, except?: Id): Promise<number> {
    let count = 0
    for (let round = 1; round <= 10; round++) {
      count += await byOwner.deleteAll(tag, except)
      if ((await byOwner.list(tag)).every(({ id }) => id === except)) break
    }
    return count
  }

  return {
    async list(userId) {
      const lists = await Promise.all(tags(userId).map((tag) => byOwner.list(tag)))
      return lists.flat().map(({ id, createdAt, expiresAt, label: bytes }) => {
        const label = bytes && openLabel(aead, bytes, ring, id)
        return { id, createdAt, expiresAt, lastSeenAt: label && lastSeen(expiresAt, label), label: label?.text ?? null }
      })
    },
    endOne: (id) => end(id),
    canExcept: true,
    async endAll(userId, except) {
      const endAndForget = (tag: string) => around(() => endAllOf(tag, except)).finally(() => forget(tag, except))
      const counts = await Promise.all(tags(userId).map(endAndForget))
      return counts.reduce((sum, count) => sum + count, 0)
    },
    advice: { list: '', endAll: '' },
  }
}
