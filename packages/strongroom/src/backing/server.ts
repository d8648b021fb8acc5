import { type Awaitable, after } from '../base/awaitable.ts'
import type { Aead } from '../crypto/aead.ts'
import { equal, type LiveKeyring } from '../crypto/keyring.ts'
import { ownerTag } from '../crypto/owner.ts'
import { POINTER_ROOM } from '../crypto/pointer.ts'
import { createSeal, type SealName, type TokenFacts } from '../crypto/seal.ts'
import { computedToken, type Id, newToken, renewedToken, type VerifiedToken } from '../crypto/token.ts'
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
  type Loaded,
  type LoadOptions,
  type LoadResult,
  type RememberedEnds,
  type Superseded,
  type TimedRenewal,
} from './backing.ts'
import { EndedUsers } from './ended-users.ts'
import { createEntries, ownLabel, type RecordRef, refTo } from './entries.ts'
import { guardStore } from './guard.ts'
import { KeyRegistry } from './key-registry.ts'
import { lastingSessions } from './lasting.ts'
import { EMPTIED, hasLabel, NOTHING, TOMBSTONE } from './own-entries.ts'
import { createRecords } from './records.ts'
import { sharedReads } from './shared-reads.ts'
import { createSuccession, type RenewalTimes } from './succession.ts'
import { userIndex, WITHOUT_INDEX } from './user-index.ts'
import { memoOfTokens, namesOf, rememberingVerifier } from './verifier.ts'

export interface ServerBackingOptions extends BackingOptions {
  readonly store: Store
  readonly ring: LiveKeyring
  /** Ids and owner tags belong to it: two applications with the same secrets and store are strangers to each other. */
  readonly namespace: string
  /** Tokens are accepted in it alone. Default: the namespace. */
  readonly tokenNamespace?: string | undefined
  readonly seal: SealName
  readonly aead: Aead
  /** Most bytes of payload. */
  readonly maxSize: number
  /** Bytes of memory for what was verified and opened last; 0 is none. */
  readonly memo: number
  readonly remembered?: RememberedEnds | undefined
  /** Of renewals by time; undefined for none. */
  readonly renewal?: RenewalTimes | undefined
}

/** Sessions in a store: the cookie holds a token, the store holds the sealed record, and neither opens without the other. */
export function serverBacking(options: ServerBackingOptions): Backing {
  const { ring, namespace, clock, maxSize, aead, remembered = NOTHING_REMEMBERED } = options
  const store = guardStore(options.store, options.timeout, options.calls)
  const names = namesOf(options)
  const seal = createSeal(options.seal, ring, aead)
  const records = createRecords(seal, ring, options.memo - memoOfTokens(options.memo))
  const read = sharedReads(store.read)
  // Without an index nobody can end all of a user's sessions, so there is nothing to be complete about.
  const registry = store.byOwner ? new KeyRegistry({ store, ring, namespace, clock }) : null
  const ended = new EndedUsers({ store, ring, namespace, clock, until: remembered.one })
  const { sizeLimit } = options.store.traits
  const overhead = seal.overhead + (options.renewal ? POINTER_ROOM : 0)
  const limit = sizeLimit === null ? maxSize : Math.min(maxSize, sizeLimit - overhead)

  const { entryFor, now } = createEntries({ ...options, records, limit })
  const succession = createSuccession({ ...options, names, times: options.renewal })

  function open(token: VerifiedToken, found: Found | null, given?: LoadOptions): LoadResult {
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
    if ('refused' in opened) return opened.refused === 'superseded' ? afterRenewal(token, found, given) : opened
    const { meta, data, values } = opened
    // The open deadline is a hint that anyone who writes to the table can move; the sealed one decides.
    const expired = expiryOf(clock(), entry.expiresAt, meta.deadline)
    if (expired) {
      records.forget(token.id)
      return expired
    }
    const ref = refTo(token, { ...entry, expiresAt: Math.min(entry.expiresAt, meta.deadline) }, opened, version)
    const loaded = { meta, data, values, shared: values, ref }
    return isEmptied ? { emptied: loaded } : loaded
  }

  /** For a cookie that does not open its record any more. */
  function afterRenewal(token: VerifiedToken, found: Found, given?: LoadOptions): LoadResult {
    const successor = succession.successorOf(token, seal.headerOf(found.entry.bytes), found.entry, given?.wasLoaded)
    if (!successor) return supersededBy(token, found)
    const predecessor = { cookie: token, isSeen: successor.isSeen }
    const comingWith = (loaded: Loaded): Loaded => ({ ...loaded, ref: { ...loaded.ref, predecessor } })
    const result = open(successor.token, found)
    if (isLoaded(result)) return comingWith(result)
    return result && 'emptied' in result ? { emptied: comingWith(result.emptied) } : result
  }

  function supersededBy(token: VerifiedToken, { entry, version }: Found): Superseded {
    const header = seal.headerOf(entry.bytes)
    const renewedAt = header?.renewedAt ?? 0
    // An identity with an owner was born at a login, so nobody can have planted it: the old cookie was once the owner's.
    const isOf = (userId: string) =>
      equal(Buffer.from(ownerTag(token.master, namespace, userId)), Buffer.from(entry.owner ?? ''))
    const ends = entry.owner === null ? null : { ref: refTo(token, entry, { renewedAt }, version), isOf }
    const reuse = header ? succession.reuseOf(token, header, entry) : undefined
    const superseded = {
      superseded: 'renewed',
      isRecent: clock() < (header ? succession.endOf(header) : 0) + IN_FLIGHT,
      ends,
    } as const
    return reuse ? { ...superseded, reuse } : superseded
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
    const facts = { renewedAt: now() }
    const entry = entryFor(token, content, expiresAt, undefined, facts)
    if (!(await read.around(token.id, () => store.create(token.id, entry)))) return null
    return refTo(token, entry, facts, null)
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
    facts: TokenFacts,
    ...given: Write
  ): Awaitable<RecordRef | null> {
    const [content, , before] = given
    const registering = content.meta.deadline > before.meta.deadline ? register(token, content.meta) : undefined
    return after(registering, () => overwrite(was, token, facts, ...given))
  }

  function overwrite(
    was: RecordRef,
    token: VerifiedToken,
    facts: TokenFacts,
    ...[content, expiresAt, before]: Write
  ): Awaitable<RecordRef | null> {
    const entry = entryFor(token, content, expiresAt, { content: before, ref: was }, facts)
    return after(was.version ?? versionOf(was), (seen) => {
      if (seen === null) return null
      const renews = token.generation > was.cookie.generation
      const putIt = () => put(token.id, entry, seen)
      // By a pointer, the token before it opens the session whatever has become of the attempt.
      const putting = read.around(token.id, renews && !facts.pointer ? () => twice(putIt, token) : putIt)
      return after(putting, (version) => {
        if (version === null) return null
        const ref = refTo(token, entry, facts, version)
        return was.predecessor && !renews ? { ...ref, predecessor: was.predecessor } : ref
      })
    })
  }

  const update: Backing['update'] = (given, ...content) => {
    const ref = given as RecordRef
    return write(ref, ref.cookie, succession.factsAfter(ref), ...content)
  }

  const renewal: TimedRenewal = {
    isDue: succession.isDue,
    update(given, ...content) {
      const ref = given as RecordRef
      const successor = succession.makeSuccessor(ref, now())
      return successor ? write(ref, successor.token, successor.facts, ...content) : update(ref, ...content)
    },
  }

  /** Immediately, where the store can. */
  function put(id: Id, entry: Entry, version: Version): Awaitable<Version | null> {
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
    let wasSession = false
    for (let attempt = 1; attempt <= (lasting ? LASTING_BURIALS : BURIALS); attempt++) {
      const found = await store.read(id, { fresh: true })
      if (!found && (await store.create(id, tombstone(null, lasting?.nothing)))) return false
      if (!found) continue
      wasSession = isSession(found.entry)
      if (wasSession) await ended.add(found.entry.owner)
      if (await buryVersion(id, found.entry.owner, found.version, lasting?.session)) return wasSession
    }
    if (lasting)
      throw new StoreError(`The session was changed by others in each of ${LASTING_BURIALS} attempts to end it.`)
    // Somebody renews it without pause: it ends without a tombstone. Where others have put one there, it has ended.
    return wasSession && forgetting(id, () => store.delete(id))
  }

  const backing: Omit<Backing, 'users'> = {
    traits: options.store.traits,
    verify: rememberingVerifier(options),

    load(cookie, given) {
      const token = cookie as VerifiedToken
      // Neither what is in this process nor what another request has asked for: both may be older.
      const fresh = () => store.read(token.id, { fresh: true }).then((found) => open(token, found, given))
      if (given?.fresh) return fresh()
      // A copy may be older than this very cookie: only what opens is believed of it.
      const believed = (result: LoadResult) => (result === null || isLoaded(result) ? result : fresh())
      const found = store.readSync?.(token.id)
      return found === undefined
        ? read.get(token.id).then((found) => believed(open(token, found)))
        : believed(open(token, found))
    },

    newIdentity: () => newToken(ring, names, aead.primitives),

    async create(content, expiresAt, _began, identity): Promise<RecordRef> {
      const token = (identity as VerifiedToken | null | undefined) ?? newToken(ring, names, aead.primitives)
      const created = await createUnder(token, content, expiresAt).catch((error) => {
        // Only the answer may have been lost: nobody has the cookie of what would be listed, and would count.
        if (error instanceof StoreError) store.delete(token.id).catch(() => undefined)
        throw error
      })
      if (created) return created
      throw new StoreError('The store refused a new session: its id is taken.')
    },
    computedCookie(master, what, label) {
      const token = computedToken(master, names, what, aead.primitives)
      return label ? { ...token, label } : token
    },
    createUnder: (cookie, content, expiresAt) => createUnder(cookie as VerifiedToken, content, expiresAt),

    update,
    renew: async (given, ...content) => {
      const ref = given as RecordRef
      return write(ref, renewedToken(ref.cookie, names, aead.primitives), { renewedAt: now() }, ...content)
    },
    renewal: options.renewal && renewal,

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
      const { cookie } = ref
      const facts = succession.factsAfter(ref)
      const content = { meta, data: '{}', values: {} }
      // Sealed like any other, so that it tells who may fill it again, and when the session ends at the latest.
      const record = entryFor(cookie, content, clock() + IN_FLIGHT, { content, ref }, facts)
      const entry = { ...record, label: EMPTIED }
      const next = await read.around(cookie.id, () => store.update(cookie.id, entry, version))
      return (
        next !== null && { emptied: { ...content, shared: content.values, ref: refTo(cookie, entry, facts, next) } }
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
