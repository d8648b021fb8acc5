import { createHash, randomBytes } from 'node:crypto'
import { detached } from '../base/bytes.ts'
import { Memo } from '../base/memo.ts'
import { type CookieCodec, cookieCodec } from '../crypto/cookie-seal.ts'
import { type Keyring, type Master, ownerTag } from '../crypto/keyring.ts'
import type { Id } from '../crypto/token.ts'
import type { CookieEngine } from '../engines/cookie/cookie.ts'
import { type Content, decodeContent, encodeContent, type Values } from '../session/content.ts'
import { LONGEST } from '../session/lifetime.ts'
import type { Clock, Store } from '../store.ts'
import {
  type Backing,
  type ContentToSave,
  expiredAt,
  type Loaded,
  type Refused,
  refuseOver,
  type SessionRef,
  type UserIndex,
  type VerifiedCookie,
} from './backing.ts'
import { guardStore } from './guard.ts'

export interface CookieBackingSettings {
  readonly engine: CookieEngine
  readonly ring: Keyring
  readonly cookieName: string
  readonly clock: Clock
  readonly timeout: number
  readonly memo: number
}

/** 16 random bytes in base64url, and the id that is made of them: they stay while the cookie's text changes at every write. */
interface Name {
  readonly sid: string
  readonly id: Id
}

/** What a cookie says, once it is known to be ours. */
interface CookieSession extends VerifiedCookie, Name {
  /** Moment of the login (or creation) that it goes back to: a user's epoch ends what began before it. */
  readonly begunAt: number
  readonly expiresAt: number
  readonly master: Master
  readonly content: Content
  /** The parsed data, once somebody has asked for it. */
  values: Values | undefined
}

const GRACE = 86_400_000

/** Browsers drop a cookie whose name and value are together longer (RFC 6265bis §5.6). */
const LIMIT = 4096

/** Sessions in the cookie itself. The server keeps nothing, or, with `revocations`, only what makes an end final. */
export function cookieBacking(settings: CookieBackingSettings): Backing {
  const { engine, ring, cookieName, clock } = settings
  const codec = cookieCodec(engine.protection, ring, cookieName)
  const marks = engine.revocations && revocationMarks(engine.revocations, settings)
  const known = remembered(codec, ring, settings.memo)

  function pack(content: ContentToSave, { id, sid }: Name, begunAt: number, expiresAt: number): SessionRef {
    const text = codec.encode(`["${sid}",${begunAt},${expiresAt}]\n${encodeContent(content)}`)
    refuseOver(LIMIT, cookieName.length + text.length, content.data, 'a cookie')
    const { meta, data, values } = content
    const bare = { meta, data }
    const ticket: CookieSession = { id, text, sid, begunAt, expiresAt, master: ring.current, content: bare, values }
    // The visitor comes back with it.
    known.add(ticket)
    return { cookie: ticket, version: null, expiresAt }
  }

  function loadedFrom(ticket: CookieSession): Loaded {
    const { meta, data } = ticket.content
    ticket.values ??= JSON.parse(data) as Values
    const { values } = ticket
    const expiresAt = Math.min(ticket.expiresAt, meta.deadline)
    return { meta, data, values, shared: values, ref: { cookie: ticket, version: null, expiresAt } }
  }

  const repack = (held: SessionRef, content: ContentToSave, expiresAt: number) => {
    const before = held.cookie as CookieSession
    return pack(content, before, before.begunAt, expiresAt)
  }

  const over = async ({ cookie: ticket, expiresAt }: SessionRef) =>
    expiresAt <= clock() || (marks !== undefined && (await marks.ended(ticket as CookieSession)))

  return {
    traits: engine.traits,
    verify: known.admit,

    load(ticket) {
      const carriage = ticket as CookieSession
      const expired = expiredAt(clock(), carriage.expiresAt, carriage.content.meta.deadline)
      if (expired) return expired
      if (!marks) return loadedFrom(carriage)
      return marks.ended(carriage).then((ended) => (ended ? { refused: 'revoked' } : loadedFrom(carriage)))
    },

    async create(content, expiresAt, renewing) {
      const now = clock()
      // A renewal goes back to the same login, or it would outrun an epoch that was moved while it was under way.
      const begunAt = renewing
        ? (renewing.cookie as CookieSession).begunAt
        : Math.max(now, (await marks?.afterEpoch(content.meta.userId)) ?? 0)
      return pack(content, newName(), begunAt, expiresAt)
    },
    async update(held, content, expiresAt, before) {
      // Whoever is told that a change was kept must find it: a cookie that was ended meanwhile is refused next time.
      if (await over(held)) return null
      if (!marks || content.meta.deadline === before.meta.deadline) return repack(held, content, expiresAt)
      // A mark lasts until the deadline of the cookie it ends. With another deadline the session goes on under another
      // name, or a mark could run out before one of the cookies that it is to refuse.
      const next = pack(content, newName(), (held.cookie as CookieSession).begunAt, expiresAt)
      return (await marks.end(held.cookie as CookieSession, next.cookie as CookieSession)) ? next : null
    },
    touch: async (held, { meta, data }, expiresAt) =>
      (await over(held)) ? null : repack(held, { meta, data }, expiresAt),
    async end(held, version, successor) {
      // A renewal must not bring back what ran out meanwhile. A logout means every copy of the cookie.
      if (version !== undefined && held.expiresAt <= clock()) return false
      return marks ? marks.end(held.cookie as CookieSession, successor?.cookie as CookieSession | undefined) : true
    },
    users: marks ? marks.users : { spares: false },
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex') as Id
/** Marks lie in a store under a hash: whoever reads it learns of sessions that are over, and of nothing else. */
const idOf = (kind: 'session' | 'epoch', name: string) => digest(`strongroom ${kind}\n${name}`)

const nameOf = (sid: string): Name => ({ sid, id: idOf('session', sid) })
const newName = () => nameOf(randomBytes(16).toString('base64url'))

/** Cookies that were opened, or made, lately, by their text. */
function remembered(codec: CookieCodec, ring: Keyring, memo: number) {
  const known = new Memo<CookieSession>(memo)
  const add = (carriage: CookieSession) => known.set(carriage.text, carriage, 6 * carriage.text.length + 512)

  function admit(given: string): VerifiedCookie | Refused {
    const before = known.get(given)
    // A master that was taken out of the ring must stop opening at once.
    if (before && ring.get(before.master.kid) === before.master) return before
    const payload = codec.decode(given)
    if (typeof payload !== 'string') return payload
    const end = payload.indexOf('\n')
    const content = decodeContent(payload.slice(end + 1))
    if (end < 0 || !content) return { refused: 'malformed' }
    const [sid, begunAt, expiresAt] = JSON.parse(payload.slice(0, end))
    // The second byte is the key id.
    const master = ring.get(Buffer.from(given.slice(0, 4), 'base64url')[1] as number) as Master
    // Cut out of the header, it would keep all of that, other cookies too, for as long as it is remembered.
    const text = detached(given)
    const { meta, data, values } = content
    const carriage = { ...nameOf(sid), text, begunAt, expiresAt, master, content: { meta, data }, values }
    add(carriage)
    return carriage
  }

  return { add, admit }
}

/** A mark for each session that ended before its deadline, and for each user the moment before which all have ended. */
function revocationMarks(given: Store, { clock, ring, timeout }: CookieBackingSettings) {
  const store = guardStore(given, timeout)
  const epochId = (master: Master, userId: string) => idOf('epoch', ownerTag(master, userId))
  const entry = (text: string, expiresAt: number) => ({
    bytes: Buffer.from(text),
    expiresAt,
    owner: null,
    label: null,
    createdAt: clock(),
  })

  async function moveEpoch(master: Master, userId: string, now: number): Promise<void> {
    const id = epochId(master, userId)
    for (;;) {
      const found = await store.read(id)
      // Beyond the last one even within one ms, or when the clock was put back: a login since then bears the ms after it.
      const to = Math.max(now, found ? epochIn(found.entry.bytes) + 1 : 0)
      // It outlasts every session that it ends, whatever lifetime that was given, and the requests that are under way.
      const epoch = entry(`${to}`, to + LONGEST + GRACE)
      if (found ? (await store.update(id, epoch, found.version)) !== null : await store.create(id, epoch)) return
    }
  }

  /**
   * True when the session was ended by this call. What takes its place stands in its mark, so that a logout which comes too
   * late for the one (a renewal was quicker) ends the other.
   */
  async function end(ended: CookieSession, successor?: CookieSession): Promise<boolean> {
    const text = successor ? `${successor.id} ${successor.content.meta.deadline}` : ''
    let [id, deadline] = [ended.id, ended.content.meta.deadline]
    while (!(await store.create(id, entry(text, deadline)))) {
      const found = successor ? null : await store.read(id)
      const next = found && /^([0-9a-f]{64}) (\d+)$/.exec(Buffer.from(found.entry.bytes).toString('latin1'))
      if (!next) return false
      ;[id, deadline] = [next[1] as Id, Number(next[2])]
    }
    return true
  }

  const epochOf = async (master: Master, userId: string) => {
    const found = await store.read(epochId(master, userId))
    return found ? epochIn(found.entry.bytes) : 0
  }

  const users: UserIndex = {
    spares: false,
    async endAll(userId) {
      const now = clock()
      await Promise.all(ring.masters.map((master) => moveEpoch(master, userId, now)))
      return null
    },
  }

  return {
    users,
    end,
    async ended({ id, begunAt, master, content }: CookieSession): Promise<boolean> {
      const { userId } = content.meta
      const [mark, epoch] = await Promise.all([store.read(id), userId === null ? 0 : epochOf(master, userId)])
      return mark !== null || begunAt <= epoch
    },
    /** The first moment that a new login of this user may bear. */
    async afterEpoch(userId: string | null): Promise<number> {
      return userId === null ? 0 : (await epochOf(ring.current, userId)) + 1
    },
  }
}

const epochIn = (bytes: Uint8Array) => Number(Buffer.from(bytes).toString('latin1'))
