import { randomBytes } from 'node:crypto'
import { detached } from '../base/bytes.ts'
import { Memo } from '../base/memo.ts'
import type { Aead } from '../crypto/aead.ts'
import { type CookieCodec, cookieCodec } from '../crypto/cookie-seal.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { Id, Refused } from '../crypto/token.ts'
import { decodeContent, encodeContent, type Values } from '../session/content.ts'
import type { CookieEngine } from '../store.ts'
import {
  type Backing,
  type BackingOptions,
  type ContentToSave,
  expiryOf,
  type Loaded,
  refuseOver,
  type SessionRef,
  type UserIndex,
  type VerifiedCookie,
} from './backing.ts'
import { type RevocableSession, Revocations, revocationId, WITHOUT_LIST } from './revocations.ts'

export interface CookieBackingOptions extends BackingOptions {
  readonly engine: CookieEngine
  readonly ring: Keyring
  readonly aead: Aead
  readonly cookieName: string
  /** Bytes of memory for what was opened last; 0 is none. */
  readonly memo: number
}

/** 16 random bytes in base64url, and the id that is derived from them: they stay while the cookie changes at every write. */
interface Identity {
  readonly sid: string
  readonly id: Id
}

/** A session in a cookie, once the cookie is verified. */
interface CookieSession extends VerifiedCookie, Identity, RevocableSession {
  readonly expiresAt: number
  /** The parsed data, once it was asked for. */
  values: Values | undefined
}

/** Browsers drop a cookie whose name and value are longer than this together (RFC 6265bis §5.6). */
const LIMIT = 4096

/** Sessions in the cookie itself. The server stores nothing, or, with `revocations`, only what makes an end final. */
export function cookieBacking(options: CookieBackingOptions): Backing {
  const { engine, ring, cookieName, clock } = options
  const codec = cookieCodec(engine.protection, ring, cookieName, options.aead)
  const revocations = engine.revocations && new Revocations(engine.revocations, ring, options)
  const known = rememberingVerifier(codec, ring, options.memo)

  function pack(content: ContentToSave, { id, sid }: Identity, begunAt: number, expiresAt: number): SessionRef {
    const text = codec.encode(`["${sid}",${begunAt},${expiresAt}]\n${encodeContent(content)}`)
    refuseOver(LIMIT, cookieName.length + text.length, content.data, 'a cookie')
    const { meta, data, values } = content
    const bare = { meta, data }
    const cookie: CookieSession = { id, text, sid, begunAt, expiresAt, master: ring.current, content: bare, values }
    // The visitor comes back with it.
    known.add(cookie)
    return { cookie, version: null, expiresAt }
  }

  function loadedFrom(cookie: CookieSession): Loaded {
    const { meta, data } = cookie.content
    cookie.values ??= JSON.parse(data) as Values
    const { values } = cookie
    const expiresAt = Math.min(cookie.expiresAt, meta.deadline)
    return { meta, data, values, shared: values, ref: { cookie, version: null, expiresAt } }
  }

  const repack = (ref: SessionRef, content: ContentToSave, expiresAt: number) => {
    const before = ref.cookie as CookieSession
    return pack(content, before, before.begunAt, expiresAt)
  }

  /** Every copy of its cookie that was opened or made here: each write has made another one. */
  const forget = ({ cookie }: Pick<SessionRef, 'cookie'>) => known.forget(({ id }) => id === cookie.id)

  const isOver = async ({ cookie, expiresAt }: SessionRef) =>
    expiresAt <= clock() || (revocations !== undefined && (await revocations.hasEnded(cookie as CookieSession)))

  return {
    traits: engine.traits,
    verify: known.verify,

    load(cookie) {
      const session = cookie as CookieSession
      const expired = expiryOf(clock(), session.expiresAt, session.content.meta.deadline)
      if (expired) return expired
      if (!revocations) return loadedFrom(session)
      return revocations.hasEnded(session).then((ended) => {
        if (!ended) return loadedFrom(session)
        forget({ cookie: session })
        return { refused: 'revoked' }
      })
    },

    async create(content, expiresAt, renewing) {
      const now = clock()
      // A renewal goes back to the same login, or it would outrun an epoch that is moved while it is under way.
      const begunAt = renewing
        ? (renewing.cookie as CookieSession).begunAt
        : Math.max(now, (await revocations?.afterEpoch(content.meta.userId)) ?? 0)
      return pack(content, newIdentity(), begunAt, expiresAt)
    },
    async update(ref, content, expiresAt, before) {
      // A change that is reported as saved must be found: a cookie that was ended in between is refused next time.
      if (await isOver(ref)) return null
      if (!revocations || content.meta.deadline === before.meta.deadline) return repack(ref, content, expiresAt)
      // A tombstone lasts until the deadline of the cookie that it ends. With another deadline the session goes on under
      // another identity, or a tombstone could expire before one of the cookies that it is to refuse.
      const session = ref.cookie as CookieSession
      const next = pack(content, newIdentity(), session.begunAt, expiresAt)
      const ended = await revocations.end(session, next.cookie as CookieSession)
      forget(ref)
      return ended ? next : null
    },
    touch: async (ref, { meta, data }, expiresAt) =>
      (await isOver(ref)) ? null : repack(ref, { meta, data }, expiresAt),
    async end(ref, version, successor) {
      // A renewal must not bring back what has expired in between. A logout means every copy of the cookie.
      if (version !== undefined && ref.expiresAt <= clock()) return false
      const ended = revocations
        ? await revocations.end(ref.cookie as CookieSession, successor?.cookie as CookieSession | undefined)
        : true
      forget(ref)
      return ended
    },
    users: revocations ? forgettingUsers(revocations.users, known) : { canExcept: false, advice: WITHOUT_REVOCATIONS },
  }
}

const WITHOUT_REVOCATIONS = {
  list: WITHOUT_LIST,
  endAll: "the sessions are in their owners' cookies. Give the engine revocations, or use a store such as sqlite.",
}

const identityOf = (sid: string): Identity => ({ sid, id: revocationId('session', sid) })
const newIdentity = () => identityOf(randomBytes(16).toString('base64url'))

/** Remembers the sessions in cookies that were opened or made last, by the cookies' text. */
function rememberingVerifier(codec: CookieCodec, ring: Keyring, memo: number) {
  const known = new Memo<CookieSession>(memo)
  const add = (cookie: CookieSession) => known.set(cookie.text, cookie, 6 * cookie.text.length + 512)

  function verify(given: string): VerifiedCookie | Refused {
    const before = known.get(given)
    // A master that was removed from the ring must stop opening at once.
    if (before && ring.get(before.master.kid) === before.master) return before
    const decoded = codec.decode(given)
    if ('refused' in decoded) return decoded
    const { payload, master } = decoded
    const end = payload.indexOf('\n')
    const content = decodeContent(payload.slice(end + 1))
    if (end < 0 || !content) return { refused: 'malformed' }
    const [sid, begunAt, expiresAt] = JSON.parse(payload.slice(0, end))
    // Cut from the header, the text would keep all of it in memory, other cookies included, for as long as it is remembered.
    const text = detached(given)
    const { meta, data, values } = content
    const cookie = { ...identityOf(sid), text, begunAt, expiresAt, master, content: { meta, data }, values }
    add(cookie)
    return cookie
  }

  return { add, verify, forget: (matches: (session: CookieSession) => boolean) => known.deleteWhere(matches) }
}

type RememberingVerifier = ReturnType<typeof rememberingVerifier>

/** When all sessions of a user end, what is remembered of them is forgotten. The one that goes on is opened again. */
function forgettingUsers(users: UserIndex, known: RememberingVerifier): UserIndex {
  const { endAll } = users
  if (!endAll) return users
  const forget = (userId: string) => known.forget(({ content }) => content.meta.userId === userId)
  return { ...users, endAll: (userId, except) => endAll(userId, except).finally(() => forget(userId)) }
}
