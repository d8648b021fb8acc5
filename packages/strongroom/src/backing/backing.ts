import type { Id } from '../crypto/token.ts'
import { TooLargeError } from '../errors.ts'
import type { Content, Parsed, Values } from '../session/content.ts'
import type { RequestedLifetime } from '../session/expiry.ts'
import type { Traits, Version } from '../store.ts'

/** Why a cookie or a record is not ours; `revoked` is a cookie that comes back after its session was ended. */
export interface Refused {
  readonly refused: string
}

/** A session that is past a deadline although whoever keeps it still has it. Most stores say only that it is absent. */
export interface Expired {
  readonly expired: 'idle' | 'absolute'
}

/** A cookie value that was found to be ours, before anything was asked of a store. */
export interface VerifiedCookie {
  /** Names the session wherever it rests; handles are made of it. */
  readonly id: Id
  /** The cookie value. */
  readonly text: string
}

/** A session that rests somewhere: in a store, or in the visitor's cookie. */
export interface SessionRef {
  readonly cookie: VerifiedCookie
  /** Null right after a create, which does not tell it; nobody else can have the token yet, so any version is ours. */
  readonly version: Version | null
  readonly expiresAt: number
}

export interface Loaded extends Parsed {
  /**
   * Which of the values others have too: an object that stands here under the same key is copied before an application gets
   * it, and `values` itself before it is written to when it is this very object.
   */
  readonly shared: Values
  readonly ref: SessionRef
}

/** What is to be kept; `values`, the parsed data, when no application has any object of it in its hands. */
export interface ContentToSave extends Content {
  readonly values?: Values | undefined
  /** What follows from it stands in `meta`; for a format that has words of its own for what was asked. */
  readonly asked?: RequestedLifetime | undefined
}

/** What a ticket led to; null when there is nothing. */
export type Lookup = Loaded | Expired | Refused | null

/**
 * Where sessions rest: "data in a store" or "data in the cookie". Two implementations, `stored` and `carried`; nothing else
 * in the house asks which it has. Rejects only with `StoreError` or `TooLarge`.
 */
export interface Backing {
  readonly traits: Traits
  /** Checks a cookie value. No I/O. */
  verify(text: string): VerifiedCookie | Refused
  /** The session of a ticket; refused when what rests there is not ours. A promise only where there is something to wait for. */
  load(ticket: VerifiedCookie): Lookup | Promise<Lookup>
  /** Puts a new session under a new token. `renewing` is the session that it takes the place of, when it is not a new login. */
  create(content: ContentToSave, expiresAt: number, renewing?: SessionRef): Promise<SessionRef>
  /**
   * Puts a session under a ticket that was computed; null, and nothing kept, when there is one. Absent where nothing on the
   * server could tell a second one from the first.
   */
  createUnder?(ticket: VerifiedCookie, content: Content, expiresAt: number): Promise<SessionRef | null>
  /** Null, and nothing kept, when the session is of another version or has ended. `before` is what `held` was loaded with. */
  update(held: SessionRef, content: ContentToSave, expiresAt: number, before: Content): Promise<SessionRef | null>
  /** Moves the idle deadline; null when the session has ended. */
  touch(held: SessionRef, content: Content, expiresAt: number): Promise<SessionRef | null>
  /**
   * True when a live session was ended by this very call. With `version`: only that version is. `successor` is what takes
   * its place.
   */
  end(held: SessionRef, version?: Version | null, successor?: SessionRef): Promise<boolean>
  /** A user's sessions, as far as this backing can find them. */
  readonly users: UserIndex
}

/** One of a user's sessions, as the store tells it. */
export interface UserSession {
  readonly id: Id
  readonly createdAt: number
  readonly lastSeenAt: number | null
  readonly expiresAt: number
  readonly label: string | null
}

export interface UserIndex {
  /** Absent where the sessions are nowhere but in their owners' cookies. */
  list?(userId: string): Promise<UserSession[]>
  endOne?(id: Id): Promise<boolean>
  /** Ends them all but `except`; how many, or null where that cannot be known. Absent without revocation. */
  endAll?(userId: string, except?: Id): Promise<number | null>
  /** False where `endAll` cannot spare `except`, which must be created anew, without `renewing`, to go on. */
  readonly spares: boolean
}

/** Which deadline has passed at `now`, or null. The sealed absolute one decides, whatever the open one says. */
export function expiredAt(now: number, expiresAt: number, deadline: number): Expired | null {
  if (!(now < deadline)) return { expired: 'absolute' }
  return now < expiresAt ? null : { expired: 'idle' }
}

/** Throws `TooLarge`, which names the largest keys, so that one knows what to take out. */
export function refuseOver(limit: number, size: number, data: string, where: string): void {
  if (size <= limit) return
  const largest = Object.entries(JSON.parse(data) as Values)
    .map(([key, value]) => ({ key, size: Buffer.byteLength(JSON.stringify(value)) }))
    .sort((a, b) => b.size - a.size)
    .slice(0, 3)
    .map(({ key, size }) => `'${key}' (${size} bytes)`)
  throw new TooLargeError(
    `The session needs ${size} bytes and ${where} holds ${limit}. Largest keys: ${largest.join(', ') || 'none'}. Keep large things in a database and their keys here.`,
  )
}
