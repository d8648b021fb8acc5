import { detached } from '../base/bytes.ts'
import { Memo } from '../base/memo.ts'
import { OVERHEAD } from '../crypto/aead.ts'
import { type Keyring, ownerTag } from '../crypto/keyring.ts'
import { openLabel, type SealName, sealLabel } from '../crypto/seal.ts'
import { type Id, mint, parse, type VerifiedToken } from '../crypto/token.ts'
import { StoreError } from '../errors.ts'
import { type Content, encodeContent } from '../session/content.ts'
import { lastSeen } from '../session/lifetime.ts'
import type { Clock, Entry, Found, OwnerIndex, Store, Version } from '../store.ts'
import {
  type Backing,
  type ContentToSave,
  expiredAt,
  type Lookup,
  type Refused,
  refuseOver,
  type SessionRef,
  type UserIndex,
  type VerifiedCookie,
} from './backing.ts'
import { guardStore } from './guard.ts'
import { createRecords } from './records.ts'

export interface ServerBackingSettings {
  readonly store: Store
  readonly ring: Keyring
  readonly seal: SealName
  readonly clock: Clock
  /** Time limit of one store call, in ms. */
  readonly timeout: number
  /** Most bytes of payload. */
  readonly maxSize: number
  /** Bytes of memory for what was checked and opened lately; 0 is none. */
  readonly memo: number
}

interface StoredHeld extends SessionRef {
  readonly cookie: VerifiedToken
  readonly owner: string | null
  readonly label: Uint8Array | null
}

/** Sessions in a store: the cookie holds a token, the store holds the sealed record, neither opens without the other. */
export function serverBacking(settings: ServerBackingSettings): Backing {
  const { ring, clock, maxSize } = settings
  const store = guardStore(settings.store, settings.timeout)
  const records = createRecords(settings.seal, ring, settings.memo)
  const read = sharedReads(store.read)
  const admit = remembered(ring, settings.memo)
  const room = settings.store.traits.sizeLimit
  const limit = room === null ? maxSize : Math.min(maxSize, room - OVERHEAD)

  /** What a write puts down. Tag and label are made anew only when what they say has changed. */
  function entryFor(
    claim: VerifiedToken,
    content: ContentToSave,
    expiresAt: number,
    was?: { content: Content; held: StoredHeld },
  ): Entry {
    const { meta } = content
    const payload = encodeContent(content)
    refuseOver(limit, Buffer.byteLength(payload), content.data, 'its store')
    const same = was && was.content.meta.userId === meta.userId
    const owner = same ? was.held.owner : meta.userId === null ? null : ownerTag(ring.current, meta.userId)
    const told = same && was.content.meta.idle === meta.idle && was.content.meta.deadline === meta.deadline
    const label =
      owner === null
        ? null
        : told
          ? was.held.label
          : sealLabel({ text: meta.label, idle: meta.idle, deadline: meta.deadline }, ring.current, claim.id)
    const bytes = records.seal(payload, content, claim, owner)
    return { bytes, expiresAt, owner, label, createdAt: meta.createdAt }
  }

  function opened(claim: VerifiedToken, found: Found | null): Lookup {
    if (!found) return null
    const { entry, version } = found
    const content = records.open(entry.bytes, claim, entry.owner)
    if ('refused' in content) return content
    const { meta, data, values } = content
    // The open deadline is a hint that whoever writes the table can move; what is sealed decides.
    const expired = expiredAt(clock(), entry.expiresAt, meta.deadline)
    if (expired) return expired
    const expiresAt = Math.min(entry.expiresAt, meta.deadline)
    const held: StoredHeld = { cookie: claim, version, expiresAt, owner: entry.owner, label: entry.label }
    return { meta, data, values, shared: values, ref: held }
  }

  async function createUnder(claim: VerifiedToken, content: Content, expiresAt: number): Promise<StoredHeld | null> {
    const entry = entryFor(claim, content, expiresAt)
    if (!(await read.around(claim.id, () => store.create(claim.id, entry)))) return null
    return { cookie: claim, version: null, expiresAt, owner: entry.owner, label: entry.label }
  }

  function end(id: Id, version?: Version, owner?: string | null): Promise<boolean> {
    records.forget(id)
    return read.around(id, () => store.delete(id, version, owner))
  }

  return {
    traits: settings.store.traits,
    verify: admit,

    load(ticket) {
      const claim = ticket as VerifiedToken
      const found = store.readSync?.(claim.id)
      return found === undefined ? read.get(claim.id).then((found) => opened(claim, found)) : opened(claim, found)
    },

    async create(content, expiresAt): Promise<StoredHeld> {
      const held = await createUnder(mint(ring), content, expiresAt)
      if (held) return held
      throw new StoreError('The store refused a new session: its id is taken.')
    },
    createUnder: (ticket, content, expiresAt) => createUnder(ticket as VerifiedToken, content, expiresAt),

    async update(held, content, expiresAt, before): Promise<StoredHeld | null> {
      const was = held as StoredHeld
      const { id } = was.cookie
      const entry = entryFor(was.cookie, content, expiresAt, { content: before, held: was })
      const seen = was.version ?? (await store.read(id))?.version
      if (seen === undefined) return null
      const version = await read.around(id, () => store.update(id, entry, seen))
      return version === null
        ? null
        : { cookie: was.cookie, version, expiresAt, owner: entry.owner, label: entry.label }
    },

    async touch(held, _content, expiresAt) {
      return (await store.touch(held.cookie.id, expiresAt)) ? { ...held, expiresAt } : null
    },

    end: (held, version) => end(held.cookie.id, version ?? undefined, (held as StoredHeld).owner),
    users: store.byOwner ? userIndex(store.byOwner, ring, end, read.around) : { endOne: (id) => end(id), spares: true },
  }
}

/** Parsed cookies by their text: the check costs an HMAC, and one visitor's cookie comes a hundred times. */
function remembered(ring: Keyring, memo: number): (text: string) => VerifiedCookie | Refused {
  const known = new Memo<VerifiedToken>(memo / 32)
  return (text) => {
    const before = known.get(text)
    // A master that was taken out of the ring must stop opening at once.
    if (before && ring.get(before.master.kid) === before.master) return before
    const parsed = parse(text, ring)
    if (typeof parsed === 'string') return { refused: parsed }
    // Cut out of the header, the text would keep all of that, other cookies too, for as long as it is remembered.
    const claim = { ...parsed, text: detached(text) }
    known.set(claim.text, claim, 512)
    return claim
  }
}

type Read = ReturnType<Store['read']>

/**
 * Parallel reads of one id in one turn of the event loop are one read. Not longer: a read that began before a logout must
 * not answer a request that came after it.
 */
function sharedReads(ask: Store['read']) {
  // A new Map for each turn, never one that is cleared: V8 links a cleared Map's table to the next one, and once one of them
  // is old, whatever they held (a request and all it knows) lives until the next full collection.
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
      const read = ask(id)
      begun.set(id, read)
      return read
    },
    /** A write (of all ids: null) makes reads that began before it, or while it ran, too old to be shared afterwards. */
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

function userIndex(
  owned: OwnerIndex,
  ring: Keyring,
  end: (id: Id) => Promise<boolean>,
  around: (id: null, write: () => Promise<number>) => Promise<number>,
): UserIndex {
  // A user's sessions may have begun under any master that is still in the ring.
  const tags = (userId: string) => ring.masters.map((master) => ownerTag(master, userId))
  /** Not every store ends them all in one step: a renewal beside it may put a new one where the old one was just passed by. */
  async function empty(tag: string, except?: Id): Promise<number> {
    let count = 0
    for (let round = 1; round <= 10; round++) {
      count += await owned.deleteAll(tag, except)
      if ((await owned.list(tag)).every(({ id }) => id === except)) break
    }
    return count
  }

  return {
    async list(userId) {
      const lists = await Promise.all(tags(userId).map((tag) => owned.list(tag)))
      return lists.flat().map(({ id, createdAt, expiresAt, label: bytes }) => {
        const label = bytes && openLabel(bytes, ring, id)
        return { id, createdAt, expiresAt, lastSeenAt: label && lastSeen(expiresAt, label), label: label?.text ?? null }
      })
    },
    endOne: end,
    spares: true,
    async endAll(userId, except) {
      const counts = await Promise.all(tags(userId).map((tag) => around(null, () => empty(tag, except))))
      return counts.reduce((sum, count) => sum + count, 0)
    },
  }
}
