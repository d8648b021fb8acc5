import type { Id, Refused } from '../crypto/token.ts'
import { TooLargeError } from '../errors.ts'
import type { CookieTransport } from '../http/cookie.ts'
import type { Content, Parsed, Values } from '../session/content.ts'
import type { RequestedLifetime } from '../session/lifetime.ts'
import type { Clock, ReadOptions, Store, Traits, Version } from '../store.ts'

/** A session that is past a deadline although it is still stored. Most stores only say that it is absent. */
export interface Expired {
  readonly expired: 'idle' | 'absolute'
}

/** A cookie value that was verified to be ours, before anything was asked of a store. */
export interface VerifiedCookie {
  /** The session's id, wherever it is stored; its handle is derived from it. */
  readonly id: Id
  /** The cookie value. */
  readonly text: string
}

/** A stored session as a commit refers to it: on the server, or in the visitor's cookie. */
export interface SessionRef {
  readonly cookie: VerifiedCookie
  /** Null right after a create, which does not return it; nobody else can have the token yet, so any version is ours. */
  readonly version: Version | null
  readonly expiresAt: number
}

export interface Loaded extends Parsed {
  /**
   * Which of the values other requests have, too. An object that is here under the same key is copied before an application
   * gets it; `values` itself is copied before it is written to if it is this very object.
   */
  readonly shared: Values
  readonly ref: SessionRef
}

/** What is to be stored; with `values`, the parsed data, if no application has a reference to any object of it. */
export interface ContentToSave extends Content {
  readonly values?: Values | undefined
  /** What the request asked for. `meta` has what follows from it; this is for formats that store the request itself. */
  readonly requested?: RequestedLifetime | undefined
}

/** What a cookie leads to; null when there is nothing. */
export type LoadResult = Loaded | Expired | Refused | null

/**
 * Where sessions are stored: on the server, with a token in the cookie, or in the cookie. The two implementations are
 * `server.ts` and `cookie.ts`; outside this folder nothing asks which it has. Rejects only with `StoreError` or
 * `TooLargeError`.
 */
export interface Backing {
  readonly traits: Traits
  /** Verifies a cookie value. No I/O. */
  verify(text: string): VerifiedCookie | Refused
  /**
   * The session of a cookie; refused when what is stored is not ours. A promise only if there is something to wait for.
   * `fresh` after a compare-and-set that failed: a copy may be the very one that it failed for.
   */
  load(cookie: VerifiedCookie, options?: ReadOptions): LoadResult | Promise<LoadResult>
  /** Stores a new session under a new token. `renewing` is the session that it replaces, unless this is a new login. */
  create(content: ContentToSave, expiresAt: number, renewing?: SessionRef): Promise<SessionRef>
  /**
   * Stores a session under a computed token; null, and nothing stored, if there is one already. Absent where nothing on the
   * server could tell a second session from the first.
   */
  createUnder?(cookie: VerifiedCookie, content: Content, expiresAt: number): Promise<SessionRef | null>
  /** Null, and nothing stored, if the version is another or the session has ended. `before` is what was loaded with `ref`. */
  update(ref: SessionRef, content: ContentToSave, expiresAt: number, before: Content): Promise<SessionRef | null>
  /** Moves the idle deadline; null if the session has ended, or was changed since it was loaded. */
  touch(ref: SessionRef, content: Content, expiresAt: number): Promise<SessionRef | null>
  /**
   * True if this call ended a live session. With `version`, only that version is ended. `successor` is the session that
   * replaces it.
   */
  end(ref: SessionRef, version?: Version | null, successor?: SessionRef): Promise<boolean>
  /** A user's sessions, as far as they can be found. */
  readonly users: UserIndex
}

/** One of a user's sessions. */
export interface UserSession {
  readonly id: Id
  readonly createdAt: number
  readonly lastSeenAt: number | null
  readonly expiresAt: number
  readonly label: string | null
}

export interface UserIndex {
  /** Absent where sessions are stored in their owners' cookies. */
  list?(userId: string): Promise<UserSession[]>
  endOne?(id: Id): Promise<boolean>
  /** Ends all but `except`. Resolves to how many, or to null where that cannot be known. Absent without revocation. */
  endAll?(userId: string, except?: Id): Promise<number | null>
  /** False where `endAll` ends `except` as well, so that it needs a new identity to go on. */
  readonly canExcept: boolean
  /** For an error about what is absent, `list` (and so `endOne`) or `endAll`: why, and what to use instead. */
  readonly advice: Readonly<Record<'list' | 'endAll', string>>
}

/** What every backing needs from the options of `createSessions`. */
export interface BackingOptions {
  readonly clock: Clock
  /** Time limit of one store call, in ms. */
  readonly timeout: number
}

/**
 * An engine that brings its own backing, and the cookie that belongs to it, as the option `store`: sessions in the format of
 * another framework, with everything that sessions of this library can do.
 */
export interface BackingEngine {
  readonly kind: 'backing'
  readonly traits: Traits
  readonly transport: CookieTransport
  /** The store whose expired entries have to be cleared, or null. Its maker closes it. */
  readonly swept: Store | null
  backing(options: BackingOptions): Backing
}

/** Which deadline has passed at `now`, or null. The sealed absolute one decides, whatever the open one says. */
export function expiryOf(now: number, expiresAt: number, deadline: number): Expired | null {
  if (!(now < deadline)) return { expired: 'absolute' }
  return now < expiresAt ? null : { expired: 'idle' }
}

/** Throws `TooLargeError`, which names the largest keys, if `size` is over the limit. */
export function refuseOver(limit: number, size: number, data: string, where: string): void {
  if (size <= limit) return
  const largest = Object.entries(JSON.parse(data) as Values)
    .map(([key, value]) => ({ key, size: Buffer.byteLength(JSON.stringify(value)) }))
    .sort((a, b) => b.size - a.size)
    .slice(0, 3)
    .map(({ key, size }) => `'${key}' (${size} bytes)`)
  throw new TooLargeError(
    `The session needs ${size} bytes and ${where} holds ${limit}. Largest keys: ${largest.join(', ') || 'none'}. Store large values in a database, and only their keys in the session.`,
  )
}
