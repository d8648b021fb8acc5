import { type Awaitable, after } from '../base/awaitable.ts'
import { detached } from '../base/bytes.ts'
import { Memo } from '../base/memo.ts'
import type { Aead } from '../crypto/aead.ts'
import { equal, type LiveKeyring } from '../crypto/keyring.ts'
import { ownerTag } from '../crypto/owner.ts'
import { createSeal, type SealName } from '../crypto/seal.ts'
import {
  computedToken,
  type Id,
  newToken,
  type Refused,
  renewedToken,
  type VerifiedToken,
  verifyToken,
} from '../crypto/token.ts'
import { StoreError } from '../errors.ts'
import type { Content, Meta } from '../session/content.ts'
import { type Entry, type Found, isSession, type Store, type Version } from '../store.ts'
import {
  type Backing,
  type BackingOptions,
  type ContentToSave,
  expiryOf,
  IN_FLIGHT,
  isLoaded,
  type Lasting,
  type LoadResult,
  type RememberedEnds,
  type Superseded,
  type VerifiedCookie,
} from './backing.ts'
import { EndedUsers } from './ended-users.ts'
import { createEntries, ownLabel, type RecordRef, refTo } from './entries.ts'
import { guardStore } from './guard.ts'
import { KeyRegistry } from './key-registry.ts'
import { lastingSessions } from './lasting.ts'
import { EMPTIED, hasLabel, NOTHING, TOMBSTONE } from './own-entries.ts'
import { createRecords } from './records.ts'
import { sharedReads } from './shared-reads.ts'
import { userIndex, WITHOUT_INDEX } from './user-index.ts'

export interface ServerBackingOptions extends BackingOptions {
  readonly store: Store
  readonly ring: LiveKeyring
  /** Tokens, ids and owner tags belong to it: two applications with the same secrets and store are strangers to each other. */
  readonly namespace: string
  readonly seal: SealName
  readonly aead: Aead
  /** Most bytes of payload. */
  readonly maxSize: number
  /** Bytes of memory for what was verified and opened last; 0 is none. */
  readonly memo: number
  readonly remembered?: RememberedEnds | undefined
}

/** Sessions in a store: the cookie holds a token, the store holds the sealed record, and neither opens without the other. */
export function serverBacking(options: ServerBackingOptions): Backing {
  const { ring, namespace, clock, maxSize, aead, remembered = NOTHING_REMEMBERED } = options
  const store = guardStore(options.store, options.timeout, options.calls)
  const seal = createSeal(options.seal, ring, aead)
  const records = createRecords(seal, ring, options.memo - memoOfTokens(options.memo))
  const read = sharedReads(store.read)
  // Without an index nobody can end all of a user's sessions, so there is nothing to be complete about.
  const registry = store.byOwner ? new KeyRegistry({ store, ring, namespace, clock }) : null
  const ended = new EndedUsers({ store, ring, namespace, clock, until: remembered.one })
  const { sizeLimit } = options.store.traits
  const limit = sizeLimit === null ? maxSize : Math.min(maxSize, sizeLimit - seal.overhead)

  const { entryFor, now } = createEntries({ ...options, records, limit })

  function open(token: VerifiedToken, found: Found | null): LoadResult {
    if (!found) {
      // Ended elsewhere, or expired.
      records.forget(token.id)
      return null
    }
    const { entry, version } = found
    if (hasLabel(entry, TOMBSTONE)) return REPLACED
    const own = ownLabel(token)
    const isEmptied = !own && hasLabel(entry, EMPTIED)
    // An altered label would hide a session from its user's list, and from a limit.
    if (own ? !hasLabel(entry, own) : !isEmptied && !isSession(entry)) return { refused: 'forged' }
    const opened = records.open(entry, token)
    if ('refused' in opened) return opened.refused === 'superseded' ? supersededBy(token, found) : opened
    const { meta, data, values, renewedAt } = opened
    // The open deadline is a hint that anyone who writes to the table can move; the sealed one decides.
    const expired = expiryOf(clock(), entry.expiresAt, meta.deadline)
    if (expired) {
      records.forget(token.id)
      return expired
    }
    const ref = refTo(token, { ...entry, expiresAt: Math.min(entry.expiresAt, meta.deadline) }, renewedAt, version)
    const loaded = { meta, data, values, shared: values, ref }
    return isEmptied ? { emptied: loaded } : loaded
  }

  function supersededBy(token: VerifiedToken, { entry, version }: Found): Superseded {
    const renewedAt = seal.headerOf(entry.bytes)?.renewedAt ?? 0
    // An identity with an owner was born at a login, so nobody can have planted it: the old cookie was once the owner's.
    const isOf = (userId: string) =>
      equal(Buffer.from(ownerTag(token.master, namespace, userId)), Buffer.from(entry.owner ?? ''))
    const ends = entry.owner === null ? null : { ref: refTo(token, entry, renewedAt, version), isOf }
    return { superseded: 'renewed', isRecent: clock() < renewedAt * 1000 + IN_FLIGHT, ends }
  }

  /** Afterwards: a read that was under way may have remembered it again. */
  const forgetting = <T>(id: Id, write: () => Promise<T>): Promise<T> =>
    read.around(id, write).finally(() => records.forget(id))

  /** Before anybody can have a session under this key that outlives what is registered. */
  const register = ({ master }: VerifiedToken, { userId, deadline }: Meta) =>
    userId === null ? undefined : registry?.register(master.kid, deadline)

  async function createUnder(token: VerifiedToken, content: Content, expiresAt: number): Promise<RecordRef | null> {
    const registering = register(token, content.meta)
    if (registering) await registering
    const renewedAt = now()
    const entry = entryFor(token, content, expiresAt, undefined, renewedAt)
    if (!(await read.around(token.id, () => store.create(token.id, entry)))) return null
    return refTo(token, entry, renewedAt, null)
  }

  /** The version of a session; of one that this request has created, and did not learn, the present one. Null if it has ended. */
  async function versionOf(ref: RecordRef): Promise<Version | null> {
    return ref.version ?? (await present(ref.cookie))?.version ?? null
  }

  /** The same, if its deadline is still the one that it was created with. */
  async function versionOfUnchanged(ref: RecordRef): Promise<Version | null> {
    if (ref.version !== null) return ref.version
    const found = await present(ref.cookie)
    const isSame = found && Math.abs(found.entry.expiresAt - ref.expiresAt) < options.store.traits.granularity
    return isSame ? found.version : null
  }

  /** What is stored now under this token; null if it has ended, or goes on under a later one. */
  async function present(token: VerifiedToken): Promise<Found | null> {
    const found = await store.read(token.id, { fresh: true })
    return found && !('refused' in records.open(found.entry, token)) ? found : null
  }

  function write(
    was: RecordRef,
    token: VerifiedToken,
    renewedAt: number,
    ...given: Write
  ): Awaitable<RecordRef | null> {
    const [content, , before] = given
    const registering = content.meta.deadline > before.meta.deadline ? register(token, content.meta) : undefined
    return after(registering, () => overwrite(was, token, renewedAt, ...given))
  }

  function overwrite(
    was: RecordRef,
    token: VerifiedToken,
    renewedAt: number,
    ...[content, expiresAt, before]: Write
  ): Awaitable<RecordRef | null> {
    const entry = entryFor(token, content, expiresAt, { content: before, ref: was }, renewedAt)
    return after(was.version ?? versionOf(was), (seen) => {
      if (seen === null) return null
      const renews = token.generation > was.cookie.generation
      const put = () => update(token.id, entry, seen)
      const putting = read.around(token.id, renews ? () => twice(put, token) : put)
      return after(putting, (version) => (version === null ? null : refTo(token, entry, renewedAt, version)))
    })
  }

  /** Immediately, where the store can. */
  function update(id: Id, entry: Entry, version: Version): Awaitable<Version | null> {
    const done = store.updateSync?.(id, entry, version)
    return done === undefined ? store.update(id, entry, version) : done
  }

  /**
   * A renewal that failed may have been stored, even after it was given up, and then its token, which nobody has received, is the
   * only one that opens the session. It is tried once more, with the same token; and what is there in the end decides.
   */
  async function twice(put: () => Awaitable<Version | null>, token: VerifiedToken): Promise<Version | null> {
    try {
      return await put()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
    }
    let failure: unknown
    let second: Version | null = null
    try {
      second = await put()
    } catch (error) {
      failure = error
    }
    const version = second ?? (await present(token))?.version ?? null
    if (version === null && failure !== undefined) throw failure
    return version
  }

  /** Stays in a session's place for as long as requests may be under way that have its cookie. */
  function tombstone(owner: string | null, lasting = IN_FLIGHT): Entry {
    const createdAt = clock()
    return { bytes: NOTHING, expiresAt: createdAt + lasting, owner, label: TOMBSTONE, createdAt }
  }

  const buryVersion = (id: Id, owner: string | null, version: Version, lasting?: number): Promise<boolean> =>
    forgetting(id, async () => (await store.update(id, tombstone(owner, lasting), version)) !== null)

  /** Puts a tombstone in the place of whatever is there. True if that was a session. */
  async function bury(id: Id, lasting?: Lasting): Promise<boolean> {
    for (let attempt = 1; attempt <= (lasting ? LASTING_BURIALS : BURIALS); attempt++) {
      const found = await store.read(id, { fresh: true })
      if (!found) {
        if (await store.create(id, tombstone(null, lasting?.nothing))) return false
        continue
      }
      const wasSession = isSession(found.entry)
      if (wasSession) await ended.add(found.entry.owner)
      if (await buryVersion(id, found.entry.owner, found.version, lasting?.session)) return wasSession
    }
    if (lasting)
      throw new StoreError(`The session was changed by others in each of ${LASTING_BURIALS} attempts to end it.`)
    // Somebody renews it without pause: it ends without a tombstone.
    return forgetting(id, () => store.delete(id))
  }

  const backing: Omit<Backing, 'users'> = {
    traits: options.store.traits,
    verify: rememberingVerifier(options),

    load(cookie, given) {
      const token = cookie as VerifiedToken
      // Neither what is in this process nor what another request has asked for: both may be older.
      const fresh = () => store.read(token.id, { fresh: true }).then((found) => open(token, found))
      if (given?.fresh) return fresh()
      // A copy may be older than this very cookie: only what opens is believed of it.
      const believed = (result: LoadResult) => (result === null || isLoaded(result) ? result : fresh())
      const found = store.readSync?.(token.id)
      return found === undefined
        ? read.get(token.id).then((found) => believed(open(token, found)))
        : believed(open(token, found))
    },

    newIdentity: () => newToken(ring, namespace, aead.primitives),

    async create(content, expiresAt, _began, identity): Promise<RecordRef> {
      const token = (identity as VerifiedToken | null | undefined) ?? newToken(ring, namespace, aead.primitives)
      const created = await createUnder(token, content, expiresAt).catch((error) => {
        // Only the answer may have been lost: nobody has the cookie of what would be listed, and would count.
        if (error instanceof StoreError) store.delete(token.id).catch(() => undefined)
        throw error
      })
      if (created) return created
      throw new StoreError('The store refused a new session: its id is taken.')
    },
    computedCookie(master, what, label) {
      const token = computedToken(master, namespace, what, aead.primitives)
      return label ? { ...token, label } : token
    },
    createUnder: (cookie, content, expiresAt) => createUnder(cookie as VerifiedToken, content, expiresAt),

    update: (ref, ...content) =>
      write(ref as RecordRef, (ref as RecordRef).cookie, (ref as RecordRef).renewedAt, ...content),
    renew: async (ref, ...content) =>
      write(ref as RecordRef, renewedToken((ref as RecordRef).cookie, namespace, aead.primitives), now(), ...content),

    async touch(ref, _content, expiresAt) {
      const version = await versionOfUnchanged(ref as RecordRef)
      if (version === null) return null
      return (await store.touch(ref.cookie.id, expiresAt, version)) ? { ...ref, version, expiresAt } : null
    },

    async end(ref) {
      const { cookie, owner } = ref as RecordRef
      await ended.add(owner)
      return forgetting(cookie.id, () => store.delete(cookie.id, undefined, owner))
    },

    async empty(given, meta) {
      const ref = given as RecordRef
      const version = await versionOf(ref)
      if (version === null) return false
      const { cookie, renewedAt } = ref
      const content = { meta, data: '{}', values: {} }
      // Sealed like any other, so that it tells who may fill it again, and when the session ends at the latest.
      const record = entryFor(cookie, content, clock() + IN_FLIGHT, { content, ref }, renewedAt)
      const entry = { ...record, label: EMPTIED }
      const next = await read.around(cookie.id, () => store.update(cookie.id, entry, version))
      return (
        next !== null && { emptied: { ...content, shared: content.values, ref: refTo(cookie, entry, renewedAt, next) } }
      )
    },

    discard(ref) {
      const { cookie, owner } = ref as RecordRef
      return forgetting(cookie.id, () => store.delete(cookie.id, undefined, owner))
    },

    async replace(ref) {
      const { cookie, owner } = ref as RecordRef
      await ended.add(owner)
      const version = await versionOf(ref as RecordRef)
      return version !== null && buryVersion(cookie.id, owner, version)
    },

    replaceAny: ({ cookie }, lasting) => bury(cookie.id, lasting),

    async replaceEnded({ id }) {
      if (!(await store.create(id, tombstone(null)))) await bury(id)
    },

    forget: ({ cookie }) => records.forget(cookie.id),
    forgetExpired: () => records.forgetExpired(clock()),

    isRetired: ({ cookie }) => (cookie as VerifiedToken).master !== ring.current,
    lasting: lastingSessions({ store, ring, aead, clock, open }),
  }
  const endOne = async (id: Id) => {
    await ended.add(await ended.ownerOf(id))
    return forgetting(id, () => store.delete(id))
  }
  const rememberEnd = (userId: string) => ended.addUser(userId)
  if (!store.byOwner || !registry) {
    const everEnded = async (userId: string, which: 'all' | 'one') => which === 'one' && ended.has(userId)
    return {
      ...backing,
      users: {
        endOne,
        everEnded,
        rememberEnd,
        storesSurvivor: false,
        advice: { list: WITHOUT_INDEX, endAll: WITHOUT_INDEX },
      },
    }
  }
  const users = userIndex({
    ...options,
    store,
    byOwner: store.byOwner,
    registry,
    ended,
    rememberedUntil: remembered.all,
    endOne,
    isLive: async (ref) => isLoaded(await backing.load(ref.cookie, { fresh: true })),
    ending: (tag, write, except) => read.around(null, write).finally(() => records.forgetOwner(tag, except)),
  })
  return { ...backing, users, forgetKeys: (which) => registry.forget(which) }
}

type Write = [content: ContentToSave, expiresAt: number, before: Content]

/** How often a tombstone is tried to be put in the place of a session that somebody else changes meanwhile. */
const BURIALS = 5

/** The same where nothing but a tombstone keeps the session from being stored again. Each attempt fails because another has succeeded. */
const LASTING_BURIALS = 500

const NOTHING_REMEMBERED: RememberedEnds = { all: 0, one: 0 }

const REPLACED: Superseded = { superseded: 'replaced', isRecent: true, ends: null }

/** The part of the memo's limit that is for verified cookies: there are at least as many of them as of sessions of 1 KB. */
const memoOfTokens = (memo: number) => memo / 8

/** Measured: what a verified cookie takes, rounded up. */
const TOKEN_WEIGHT = 896

/** Remembers verified cookies by their text: verifying costs two HMACs, and one visitor's cookie comes a hundred times. */
function rememberingVerifier({
  ring,
  namespace,
  aead,
  memo,
}: ServerBackingOptions): (text: string) => VerifiedCookie | Refused {
  const known = new Memo<VerifiedToken>(memoOfTokens(memo))
  // A secret that was removed must stop opening immediately.
  ring.onReplaced(() => known.deleteWhere(({ master }) => ring.get(master.kid) !== master))
  return (text) => {
    const before = known.get(text)
    if (before) return before
    const verified = verifyToken(text, ring, namespace, aead.primitives)
    if (typeof verified === 'string') return { refused: verified }
    // Cut from the header, the text would keep all of it in memory, other cookies included, for as long as it is remembered.
    const token = { ...verified, text: detached(text) }
    known.set(token.text, token, TOKEN_WEIGHT)
    return token
  }
}
