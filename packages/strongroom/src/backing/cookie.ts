import { randomBytes } from 'node:crypto'
import { type Awaitable, after } from '../base/awaitable.ts'
import { detached } from '../base/bytes.ts'
import { parseJson } from '../base/json.ts'
import { Memo } from '../base/memo.ts'
import type { LimitOf } from '../base/time-limit.ts'
import type { Aead } from '../crypto/aead.ts'
import { type CookieCodec, cookieCodec } from '../crypto/cookie-seal.ts'
import type { LiveKeyring, Master } from '../crypto/keyring.ts'
import type { Id, Refused } from '../crypto/token.ts'
import { type Content, decodeContent, encodeContent, type Values } from '../session/content.ts'
import type { LoginMoment } from '../session/login.ts'
import type { CookieEngine } from '../store.ts'
import {
  type Backing,
  type BackingOptions,
  type ContentToSave,
  type Ended,
  expiryOf,
  IN_FLIGHT,
  isLoaded,
  type Loaded,
  type LoadResult,
  refuseOver,
  type SessionRef,
  type UserIndex,
  type VerifiedCookie,
} from './backing.ts'
import { ownId } from './own-entries.ts'
import { weightOf } from './records.ts'
import { type RevocableSession, Revocations } from './revocations.ts'

export interface CookieBackingOptions extends BackingOptions {
  readonly engine: CookieEngine
  readonly ring: LiveKeyring
  readonly aead: Aead
  /** Ends are remembered in it. */
  readonly namespace: string
  /** Cookies open in it alone. Default: the namespace. */
  readonly tokenNamespace?: string | undefined
  /** '' where the session is in a token that comes otherwise. */
  readonly cookieName: string
  /** Bytes of memory for what was opened last; 0 is none. */
  readonly memo: number
  readonly limitOf: LimitOf
}

/** What all cookies of a session say of it, until it is renewed. */
type Identity = Omit<RevocableSession, 'content'>

/** What one cookie says. */
interface OneCookie extends Pick<RevocableSession, 'content'> {
  readonly text: string
  /** Under which the cookie is sealed. */
  readonly sealedUnder: Master
  readonly expiresAt: number
  readonly madeAt: number
}

/** A session in a cookie, once the cookie is verified. */
class CookieSession implements VerifiedCookie, RevocableSession, OneCookie {
  readonly sid: string
  readonly master: Master
  readonly generation: number
  readonly nonce: string | null
  readonly until: number
  readonly content: Content
  readonly text: string
  readonly sealedUnder: Master
  readonly expiresAt: number
  readonly madeAt: number
  /** The parsed data, once it was asked for. */
  values: Values | undefined
  #id: Id | undefined

  constructor({ sid, master, generation, nonce, until }: Identity, one: OneCookie, values: Values | undefined) {
    this.sid = sid
    this.master = master
    this.generation = generation
    this.nonce = nonce
    this.until = until
    this.content = one.content
    this.text = one.text
    this.sealedUnder = one.sealedUnder
    this.expiresAt = one.expiresAt
    this.madeAt = one.madeAt
    this.values = values
  }

  /** Derived from the sid, so that it stays while the cookie changes. It costs a hash, which most requests do without. */
  get id(): Id {
    this.#id ??= ownId('session', this.sid)
    return this.#id
  }
}

interface CookieRef extends SessionRef {
  readonly cookie: CookieSession
  /** In the cookies that are made from now on. */
  nonce: string | null
}

const newSid = () => randomBytes(16).toString('base64url')

/** Browsers drop a cookie whose name and value are longer than this together (RFC 6265bis §5.6). */
const LIMIT = 4096

/** Sessions in the cookie itself. The server stores nothing, or, with `revocations`, only what makes an end final. */
export function cookieBacking(options: CookieBackingOptions): Backing {
  const { engine, ring, namespace, tokenNamespace = namespace, cookieName, clock } = options
  const codec = cookieCodec(engine.protection, ring, tokenNamespace, options.aead)
  const revocations = engine.revocations && new Revocations({ ...options, store: engine.revocations })
  const known = rememberingVerifier(codec, ring, options.memo)

  function pack(content: ContentToSave, identity: Identity, expiresAt: number): CookieRef {
    const { sid, master, generation, nonce, until } = identity
    const madeAt = clock()
    const head = JSON.stringify([sid, master.kid, generation, nonce, until, expiresAt, madeAt])
    const text = codec.encode([`${head}\n`, ...encodeContent(content)])
    refuseOver(LIMIT, cookieName.length + text.length, content.data, cookieName === '' ? 'a token' : 'a cookie')
    const { meta, data, values } = content
    const one = { text, sealedUnder: ring.current, expiresAt, madeAt, content: { meta, data } }
    return { cookie: new CookieSession(identity, one, values), version: null, expiresAt, nonce }
  }

  function loadedFrom(cookie: CookieSession): Loaded {
    const { meta, data } = cookie.content
    cookie.values ??= parseJson(data) as Values
    const { values } = cookie
    return { meta, data, values, shared: values, ref: refTo(cookie) }
  }

  const refTo = (cookie: CookieSession): CookieRef => ({
    cookie,
    version: null,
    expiresAt: Math.min(cookie.expiresAt, cookie.content.meta.deadline),
    nonce: cookie.nonce,
  })

  /** The same session in a new cookie. */
  function repack({ cookie, nonce }: CookieRef, content: ContentToSave, expiresAt: number, generation = 0): CookieRef {
    const until = Math.max(cookie.until, content.meta.deadline)
    const next = withChanges(cookie, { nonce, generation: cookie.generation + generation, until })
    const ref = pack(content, next, expiresAt)
    // Hardly anybody presents the old one again, and in the memo it would take the place of another visitor's.
    known.drop(cookie)
    known.add(ref.cookie)
    return ref
  }

  /** Every copy of its cookie that was opened or made here: each write has made another one. */
  const forget = ({ cookie }: Pick<SessionRef, 'cookie'>) => {
    const { sid } = cookie as CookieSession
    known.forget((other) => other.sid === sid)
  }

  function isOver({ cookie, expiresAt, nonce }: CookieRef): Awaitable<boolean> {
    const hasExpired = expiresAt <= clock()
    if (hasExpired || !revocations) return hasExpired
    return revocations
      .markOf(withChanges(cookie, { nonce }))
      .then(({ state, floor }) => state !== 'live' || floor > cookie.generation)
  }

  /** What the store says of a cookie that is still within its own deadlines. */
  async function checked(revocations: Revocations, session: CookieSession): Promise<LoadResult> {
    const { state, floor, at, isOutdated } = await revocations.markOf(session)
    if (state === 'live' && floor <= session.generation) return loadedFrom(session)
    known.drop(session)
    const isRecent = clock() < at + IN_FLIGHT
    if (state === 'replaced') return { superseded: 'replaced', isRecent, ends: null }
    const { userId } = session.content.meta
    const ends = userId === null ? null : { ref: refTo(session), isOf: (user: string) => user === userId }
    // Perhaps by an end of all others, which carries the session on in its response: a logout must be able to end that, too.
    if (state === 'ended') return { refused: 'revoked', ends: isOutdated ? ends : null }
    return { superseded: 'renewed', isRecent, ends }
  }

  /** Makes the mark of a session last as long as the session; false if it has ended. */
  async function extend(
    revocations: Revocations,
    { cookie }: CookieRef,
    { userId, deadline }: ContentToSave['meta'],
  ): Promise<boolean> {
    if (userId !== null) await revocations.registry.register(cookie.master.kid, deadline)
    return revocations.extend(cookie, deadline)
  }

  async function endAs(ref: SessionRef, as: 'ended' | 'replaced', isCurrent: boolean): Promise<boolean> {
    const ended = revocations ? await revocations.end((ref as CookieRef).cookie, as, isCurrent) : true
    forget(ref)
    return ended
  }

  const backing: Omit<Backing, 'users'> = {
    traits: engine.traits,
    verify: known.verify,

    load(cookie) {
      const session = cookie as CookieSession
      const expired = expiryOf(clock(), session.expiresAt, session.content.meta.deadline)
      if (expired) known.drop(session)
      if (expired) return expired
      return revocations ? checked(revocations, session) : loadedFrom(session)
    },

    newIdentity() {
      const sid = newSid()
      return { sid, id: ownId('session', sid) }
    },

    async create(content, expiresAt, began, identity): Promise<CookieRef> {
      const { userId, deadline } = content.meta
      const master = ring.current
      let nonce: string | null = null
      if (revocations && userId !== null) {
        await revocations.registry.register(master.kid, deadline)
        const moment = began ?? (await revocations.epochs.moment(userId))
        // A key that is newer than the login: `endedSince` refuses it.
        nonce = moment.nonces.get(master.kid) ?? null
      }
      const sid = (identity as { readonly sid: string } | null | undefined)?.sid ?? newSid()
      return pack(content, { sid, master, generation: 0, nonce, until: deadline }, expiresAt)
    },

    async renew(ref, content, expiresAt): Promise<CookieRef | null> {
      if (await isOver(ref as CookieRef)) return null
      const { cookie } = ref as CookieRef
      const { userId, deadline } = content.meta
      if (revocations) {
        if (userId !== null && deadline > cookie.until) await revocations.registry.register(cookie.master.kid, deadline)
        const until = Math.max(cookie.until, deadline)
        if (!(await revocations.renew(withChanges(cookie, { until })))) return null
      }
      forget(ref)
      return repack(ref as CookieRef, content, expiresAt, 1)
    },

    update(given, content, expiresAt, before): Awaitable<SessionRef | null> {
      const ref = given as CookieRef
      const { deadline } = content.meta
      // A session that is to end sooner must do so in every copy of its cookie.
      const isShorter = deadline < before.meta.deadline || expiresAt < ref.expiresAt
      if (revocations && isShorter) return backing.renew(ref, content, expiresAt, before)
      // A change that is reported as saved must be found: a cookie that was ended in between is refused next time.
      return after(isOver(ref), (over) => {
        if (over) return null
        const isLive = revocations && deadline > ref.cookie.until ? extend(revocations, ref, content.meta) : true
        return after(isLive, (live) => (live ? repack(ref, content, expiresAt) : null))
      })
    },

    touch: async (ref, { meta, data }, expiresAt) =>
      (await isOver(ref as CookieRef)) ? null : repack(ref as CookieRef, { meta, data }, expiresAt),

    /** A logout means every copy of the cookie, expired or not. */
    end: (ref) => endAs(ref, 'ended', false),

    /** A session that was emptied must not come back by what has expired in between. */
    empty: async (ref) => clock() < ref.expiresAt && endAs(ref, 'ended', true),

    discard: (ref) => backing.end(ref),
    replace: (ref) => endAs(ref, 'replaced', true),
    replaceAny: (ref) => endAs(ref, 'replaced', false),
    ...(revocations && { replaceEnded: (cookie: VerifiedCookie) => revocations.replaceEnded(cookie as CookieSession) }),
    forget,

    forgetExpired() {
      const now = clock()
      known.forget(({ expiresAt, content }) => expiryOf(now, expiresAt, content.meta.deadline) !== null)
    },

    isNewer(ref, than) {
      const [one, other] = [ref.cookie as CookieSession, than.cookie as CookieSession]
      return one.generation === other.generation ? one.madeAt > other.madeAt : one.generation > other.generation
    },

    isRetired: ({ cookie }) => (cookie as CookieSession).master !== ring.current,
  }
  if (!revocations) return { ...backing, users: { storesSurvivor: false, advice: WITHOUT_REVOCATIONS } }
  const isLive = async (ref: SessionRef) => isLoaded(await backing.load(ref.cookie, { fresh: true }))
  const { registry } = revocations
  return { ...backing, users: userEpochs(revocations, known, isLive), forgetKeys: (which) => registry.forget(which) }
}

/** As the store of revocations knows a session, with what is to be different. */
const withChanges = (
  { sid, master, generation, nonce, until, content }: CookieSession,
  changed: Partial<Identity>,
): RevocableSession => ({ sid, master, generation, nonce, until, content, ...changed })

const WITHOUT_LIST = "the sessions are in their owners' cookies. Use a store such as sqlite."
const WITHOUT_REVOCATIONS = {
  list: WITHOUT_LIST,
  endAll: "the sessions are in their owners' cookies. Give the engine revocations, or use a store such as sqlite.",
}

/**
 * By which a cookie is looked up: its end, because it costs 6 µs to hash the whole text. It is the end of the tag or the MAC, so no
 * two cookies that we made have the same; and what somebody else may have put before it shows when the texts are compared.
 */
const END = 24
const endOf = (text: string): string => detached(text.slice(-END))

/** Remembers the sessions in cookies that were opened or made last. */
function rememberingVerifier(codec: CookieCodec, ring: LiveKeyring, memo: number) {
  const known = new Memo<CookieSession>(memo)
  const add = (cookie: CookieSession) => known.set(endOf(cookie.text), cookie, weightOf((cookie.text.length * 3) / 4))
  const inRing = (master: Master) => ring.get(master.kid) === master
  const isOpen = (cookie: CookieSession) => inRing(cookie.sealedUnder) && inRing(cookie.master)
  // What a secret that was removed has opened must not be left in memory.
  ring.onReplaced(() => known.deleteWhere((cookie) => !isOpen(cookie)))

  function verify(given: string): VerifiedCookie | Refused {
    const before = known.get(given.slice(-END))
    // A request may have been under way when the secret was removed, and have made a cookie after that.
    if (before?.text === given && isOpen(before)) return before
    const decoded = codec.decode(given)
    if ('refused' in decoded) return decoded
    const { payload, master: sealedUnder } = decoded
    const end = payload.indexOf('\n')
    const content = decodeContent(payload.slice(end + 1))
    if (end < 0 || !content) return { refused: 'malformed' }
    // Cookies from before it was written into them do not say when they were made, and are the older ones.
    const head = parseJson(payload.slice(0, end)) as [string, number, number, string, number, number, number?]
    const [sid, kid, generation, nonce, until, expiresAt, madeAt = 0] = head
    const master = ring.get(kid)
    if (!master) return { refused: 'unknown-key' }
    // Cut from the header, the text would keep all of it in memory, other cookies included, for as long as it is remembered.
    const text = detached(given)
    const { meta, data, values } = content
    const one = { text, sealedUnder, expiresAt, madeAt, content: { meta, data } }
    const cookie = new CookieSession({ sid, master, generation, nonce, until }, one, values)
    add(cookie)
    return cookie
  }

  return {
    add,
    verify,
    drop: ({ text }: CookieSession) => known.delete(endOf(text)),
    forget: (matches: (session: CookieSession) => boolean) => known.deleteWhere(matches),
  }
}

type RememberingVerifier = ReturnType<typeof rememberingVerifier>

/** A user's sessions that are in their cookies. When all of them end, what is remembered of them is forgotten. */
function userEpochs(
  revocations: Revocations,
  known: RememberingVerifier,
  isLive: (ref: SessionRef) => Promise<boolean>,
): UserIndex {
  const { epochs, registry } = revocations
  async function end(userId: string): Promise<Ended> {
    await registry.assertComplete()
    const moved = await epochs.move(userId).finally(() => known.forget(({ content }) => content.meta.userId === userId))
    // Again: a login under a secret that is missing here may have registered it since.
    await registry.assertComplete()
    return { ...moved, count: null }
  }
  return {
    endAll: end,
    async endOthers(userId, except) {
      if (!(await isLive(except))) return null
      const ended = await end(userId)
      const ref = except as CookieRef
      const { kid } = ref.cookie.master
      // Unless somebody else has ended all of them in between: this one, too.
      if (ended.before.nonces.get(kid) === ref.nonce) ref.nonce = ended.after.nonces.get(kid) ?? null
      return ended
    },
    storesSurvivor: true,
    moment: (userId: string): Promise<LoginMoment> => epochs.moment(userId),
    endedSince: (moment, ref) => revocations.endedSince(moment, (ref as CookieRef).cookie),
    advice: { list: WITHOUT_LIST, endAll: '' },
  }
}
