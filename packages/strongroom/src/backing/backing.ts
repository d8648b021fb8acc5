import type { Awaitable } from '../base/awaitable.ts'
import { parseJson } from '../base/json.ts'
import type { Master } from '../crypto/keyring.ts'
import type { Id, Refused } from '../crypto/token.ts'
import { TooLargeError } from '../errors.ts'
import type { Transport } from '../http/transport.ts'
import type { Content, Meta, Parsed, Values } from '../session/content.ts'
import type { RequestedLifetime } from '../session/lifetime.ts'
import type { LoginMoment } from '../session/login.ts'
import type { Clock, ListOptions, ReadOptions, Store, Traits, Version } from '../store.ts'
import type { Calls } from './guard.ts'
import type { Turn } from './turns.ts'

/** A session that is past a deadline although it is still stored. Most stores only say that it is absent. */
export interface Expired {
  readonly expired: 'idle' | 'absolute'
}

/**
 * A good cookie that does not open its session: the session goes on under a later token, was replaced at a login, or is bound to a device
 * of which there is no proof. Its visitor is anonymous.
 */
export interface Superseded {
  readonly superseded: 'renewed' | 'replaced' | 'unproven'
  /**
   * Was that a moment ago? Then the response with the new cookie may still be on its way, and a cookie of ours would overwrite
   * it. Such a request creates nothing, unless it signs somebody in.
   */
  readonly isRecent: boolean
  /** What the visitor may end with the old cookie, by a logout or by a login of the same user; null if that is nothing. */
  readonly ends: OwnedSession | null
  /** With the option `renewEvery`: the cookie is so old that no response, and no request, of its browser can still be on its way. */
  readonly reuse?: Reuse | undefined
  /** Of `unproven`, a session that is bound to a device: what is wrong with its device cookie. */
  readonly proof?: DeviceCookieFault | undefined
}

/** A superseded cookie that came back late: perhaps a copy in other hands. */
export interface Reuse {
  readonly cookie: VerifiedCookie
  /** When the session was given the token that it has now, in ms; the cookie had been superseded by then. */
  readonly renewedAt: number
  /** How many tokens the session has had since. */
  readonly renewals: number
  /** When its user signed in, or it was created, in ms. */
  readonly createdAt: number
  /** The device of its login; null where that is not known. */
  label(): string | null
}

/** What may be wrong with the device cookie, which a bound session needs beside its own. */
export type DeviceCookieFault = 'missing' | 'expired' | 'forged'

/**
 * An anonymous session in which its visitor's own requests have left nothing, a moment ago. Nobody has it any more; but nobody wanted
 * to end it, either: a request that was under way may store what it has in its place. A login replaces it.
 */
export interface Emptied {
  /** Without values. */
  readonly emptied: Loaded
}

/** A session with a user. */
export interface OwnedSession {
  readonly ref: SessionRef
  isOf(userId: string): boolean
}

/** A cookie value that was verified to be ours, before anything was asked of a store. */
export interface VerifiedCookie {
  /** The session's id, wherever it is stored; its handle is derived from it. */
  readonly id: Id
  /** The cookie value. */
  readonly text: string
}

/** Of a session that will be stored later, by `create`. */
export interface NewIdentity {
  readonly id: Id
}

/** A stored session as a commit refers to it: on the server, or in the visitor's cookie. */
export interface SessionRef {
  readonly cookie: VerifiedCookie
  /** Present if the request has come with the cookie whose successor this is: it goes on for a while after a renewal by time. */
  readonly predecessor?: Predecessor | undefined
  /** Null right after a create, which does not return it; nobody else can have the token yet, so any version is ours. */
  readonly version: Version | null
  readonly expiresAt: number
}

export interface Predecessor {
  readonly cookie: VerifiedCookie
  /** Has a request come with the new cookie already? Then nobody is sent that again. */
  readonly isSeen: boolean
}

/** The cookie that a request has come with. */
export const presentedCookie = ({ cookie, predecessor }: SessionRef): VerifiedCookie => predecessor?.cookie ?? cookie

export interface Loaded extends Parsed {
  /**
   * Which of the values other requests have, too. An object that is here under the same key is copied before an application
   * gets it; `values` itself is copied before it is written to if it is this very object.
   */
  readonly shared: Values
  readonly ref: SessionRef
  /** What is stored, where `dataSchema` shows something else: a request that only reads must not write what it was shown. */
  readonly stored?: Pick<Loaded, 'values' | 'data' | 'shared'>
}

/** What is to be stored; with `values`, the parsed data, if no application has a reference to any object of it. */
export interface ContentToSave extends Content {
  readonly values?: Values | undefined
  /** What the request asked for. `meta` has what follows from it; this is for formats that store the request itself. */
  readonly requested?: RequestedLifetime | undefined
  /** Has the user just signed in? For formats that store what the login belongs to. */
  readonly isLogin?: boolean | undefined
  /** Was `credentialChanged()` called? For the same formats. */
  readonly credentialChanged?: boolean | undefined
}

/** In ms: in place of a session, and in a place where there was none. */
export interface Lasting {
  readonly session: number
  readonly nothing: number
}

/** What a cookie leads to; null when there is nothing. */
export type LoadResult = Loaded | Superseded | Emptied | Expired | RefusedSession | null

interface RefusedSession extends Refused {
  /** What the visitor may end with the cookie all the same. */
  readonly ends?: OwnedSession | null
}

export const isLoaded = (result: LoadResult): result is Loaded => result !== null && 'ref' in result

/** Of a load. */
export interface LoadOptions extends ReadOptions {
  /** Was the cookie good when the request came? Then it is not too late for it now. */
  readonly wasLoaded?: boolean | undefined
}

/** Renewal by time: new tokens for sessions in use, each of whose predecessors goes on for a while. */
export interface TimedRenewal {
  /** Is something to be stored although a request has changed nothing? `touches` if the session is to be touched anyway. No I/O. */
  isDue(ref: SessionRef, touches: boolean): boolean
  /** Like `update`; and under a new token, if that is due. */
  update: Backing['update']
}

/**
 * Where sessions are stored: on the server, with a token in the cookie, or in the cookie. The two implementations are
 * `server.ts` and `cookie.ts`; outside this folder nothing asks which it has. Rejects only with `StoreError` or
 * `TooLargeError`.
 */
export interface Backing {
  readonly traits: Traits
  /** Does it store itself what a login belongs to, without the option `credential`? */
  readonly stampsLogins?: boolean | undefined
  /** Verifies a cookie value. No I/O. */
  verify(text: string): VerifiedCookie | Refused
  /**
   * The session of a cookie; refused when what is stored is not ours. A promise only if there is something to wait for.
   * `fresh` after a compare-and-set that failed: a copy may be the very one that it failed for.
   */
  load(cookie: VerifiedCookie, options?: LoadOptions): Awaitable<LoadResult>
  /**
   * Stores a new session under a new token. `began` is when its login began, if it is one. With an `identity`, which must be used only
   * once, that is the session's.
   */
  create(
    content: ContentToSave,
    expiresAt: number,
    began?: LoginMoment | null,
    identity?: NewIdentity | null,
  ): Promise<SessionRef>
  /** For a caller that must name a session before it is stored. Absent where ids are made elsewhere. */
  newIdentity?(): NewIdentity
  /**
   * Stores a session under a new token, which is the only one that opens it from then on; null, and nothing stored, if the version
   * is another or the session has ended. `before` is what was loaded with `ref`.
   */
  renew(ref: SessionRef, content: ContentToSave, expiresAt: number, before: Content): Promise<SessionRef | null>
  /** Absent without the option `renewEvery`. */
  readonly renewal?: TimedRenewal | undefined
  /**
   * The computed cookie for `what` under a master; see `computedToken`. With a label, what is stored under it is no session, but an
   * entry of the library itself. Present with `createUnder`.
   */
  computedCookie?(master: Master, what: readonly string[], label?: Uint8Array): VerifiedCookie
  /**
   * Stores a session under a computed token; null, and nothing stored, if there is one already. Absent where nothing on the
   * server could tell a second session from the first.
   */
  createUnder?(cookie: VerifiedCookie, content: Content, expiresAt: number): Promise<SessionRef | null>
  /**
   * Null, and nothing stored, if the version is another or the session has ended. `before` is what was loaded with `ref`. A promise
   * only if there is something to wait for; without one, it throws what it would reject with.
   */
  update(ref: SessionRef, content: ContentToSave, expiresAt: number, before: Content): Awaitable<SessionRef | null>
  /** Moves the idle deadline; null if the session has ended, or was changed since it was loaded. */
  touch(ref: SessionRef, content: Content, expiresAt: number): Promise<SessionRef | null>
  /** Ends a session, whatever its version. True if this call ended a live one. */
  end(ref: SessionRef): Promise<boolean>
  /**
   * Ends an anonymous session in which nothing is left: false if the version is another or it has ended. Sessions of ours in a store
   * are `Emptied` for a moment: `update` and `renew` over that store the session again, unless it was replaced.
   */
  empty(ref: SessionRef, meta: Meta): Promise<Emptied | boolean>
  /** Removes what this request has stored and nobody has received: no end of a session, but the undoing of a create. */
  discard(ref: SessionRef): Promise<unknown>
  /**
   * Ends a session that a login replaces by one with another identity: false if the version is another or it has ended. Its cookie
   * is superseded for a moment, and absent after that.
   */
  replace(ref: SessionRef): Promise<boolean>
  /**
   * The same whatever its version, even if somebody else has renewed it, and even if there is nothing any more: nothing of a planted session may
   * live on beside the login. True if this call ended a live one. `lasting` is for how long nothing may be stored there again, where
   * something on the server remembers it; as a rule, for as long as requests are under way that have its cookie.
   */
  replaceAny(ref: SessionRef, lasting?: Lasting): Promise<boolean>
  /** The same for a cookie that led to nothing any more. Absent where nothing on the server could remember it. */
  replaceEnded?(cookie: VerifiedCookie): Promise<unknown>
  /** Forgets what this process remembers of a session that is over, although it is stored. */
  forget(ref: SessionRef): void
  /** The same of all that have expired: if their visitors never come back, nothing else ends them. Absent where nothing is remembered. */
  forgetExpired?(): void
  /**
   * Of two cookies that both open one session, was the first made after the second? Absent where the session is on the server: only
   * one opens it there.
   */
  isNewer?(ref: SessionRef, than: SessionRef): boolean
  /**
   * Did the session begin under a secret that is retired now? Its identity stays under it, so a login must not prolong it: the
   * secret could never be removed. Absent where identities belong to no secret.
   */
  isRetired?(ref: SessionRef): boolean
  /**
   * For connections that outlive their requests. Absent where a session is in its cookie, or has the format of another framework: there
   * `load` tells whether the cookie still opens one, and nothing can be extended without sending it again.
   */
  readonly lasting?: LastingSessions | undefined
  /** A user's sessions, as far as they can be found. */
  readonly users: UserIndex
  /** Forgets that there may be sessions under these keys; resolves to how many it forgot. See `KeyRegistry`. */
  forgetKeys?(which: (kid: number) => boolean): Promise<number>
}

/** What has to be known of a session that was loaded to see later whether it goes on: nothing of its data. */
export interface Standing {
  readonly ref: SessionRef
  readonly userId: string | null
  /** Idle limit in ms; 0 is none. */
  readonly idle: number
  /** The absolute deadline. */
  readonly deadline: number
  /** The credential stamp of its login; null where it cannot be told. */
  readonly stamp: string | null | undefined
}

/** It goes on, or why it does not; `unknown` if that cannot be told here and now. */
export type Recheck = Standing | { readonly over: 'login' | 'expired' | 'credential' | 'ended' } | 'unknown'

export interface LastingSessions {
  /** Asks the store itself. A session that was not changed is not opened again, so that the memo keeps those of requests. */
  recheck(was: Standing): Promise<Recheck>
  /** Moves the idle deadline of what `recheck` has returned; false if it has changed since. */
  touch(standing: Standing, expiresAt: number): Promise<boolean>
}

/** One of a user's sessions. */
export interface UserSession {
  readonly id: Id
  readonly createdAt: number
  readonly expiresAt: number
  /** Opens what is sealed of it: not for a session that is only counted. */
  describe(): UserSessionLabel
}

export interface UserSessionLabel {
  readonly label: string | null
  readonly lastSeenAt: number | null
  /** As it is stored: shortened. */
  readonly address: string | null
  /** Does it belong to one device? */
  readonly bound?: boolean | undefined
  /** The credential stamp of its login, if it has one; null if that cannot be told. */
  readonly stamp: string | null | undefined
}

export interface UserIndex {
  /** Absent where sessions are stored in their owners' cookies. */
  list?(userId: string, options?: ListOptions): AsyncIterable<readonly UserSession[]>
  /** Rejects with `StoreError` if a secret is missing under which users may have sessions, which `list` then leaves out. */
  assertComplete?(): Promise<void>
  endOne?(id: Id): Promise<boolean>
  /** Ends all, those too whose login is under way. Absent without revocation. */
  endAll?(userId: string): Promise<Ended>
  /** The same for all but one, which must be alive: null, and nothing ended, if it is not. */
  endOthers?(userId: string, except: SessionRef): Promise<Ended | null>
  /** The same for all but one that `list` has found. Present with `list`. */
  endAllBut?(userId: string, except: Id): Promise<Ended>
  /** Must a session that outlives `endOthers` be stored again, because the cookie itself says that it does? */
  readonly storesSurvivor: boolean
  /** When a login begins that must not survive `endAll`. Present with `endAll`. */
  moment?(userId: string): Promise<LoginMoment>
  /** Have all sessions of the user been ended since that moment? `ref` is the session of the login that began then. */
  endedSince?(moment: LoginMoment, ref: SessionRef): Promise<boolean>
  /**
   * Were all sessions of the user ever ended here (`all`), or was any of them (`one`), as far as that is remembered? For what is
   * adopted from elsewhere, and may be older than such an end.
   */
  everEnded?(userId: string, which: 'all' | 'one'): Promise<boolean>
  /** Remembers the end of a session of the user that was never stored here. Present with `everEnded`. */
  rememberEnd?(userId: string): Promise<void>
  /** One login of this user at a time, on all servers: for a limit. Present with `list`. */
  beginTurn?(userId: string): Promise<Turn>
  /** For an error about what is absent, `list` (and so `endOne`) or `endAll`: why, and what to use instead. */
  readonly advice: Readonly<Record<'list' | 'endAll', string>>
}

export interface Ended {
  /** Null where that cannot be known. */
  readonly count: number | null
  /** A login in the same request that began at `before` goes on as if it had begun at `after`. */
  readonly before: LoginMoment
  readonly after: LoginMoment
}

/** Until when ends are remembered that concern what may be adopted; 0 for not at all. */
export interface RememberedEnds {
  /** Of all sessions of a user. */
  readonly all: number
  /** Of one session. */
  readonly one: number
}

/** What every backing needs from the options of `createSessions`. */
export interface BackingOptions {
  readonly clock: Clock
  /** Time limit of one store call, in ms. */
  readonly timeout: number
  /** Who is told of each store call. */
  readonly calls?: Calls | undefined
}

/**
 * An engine that brings its own backing, and the cookie that belongs to it, as the option `store`: sessions in the format of
 * another framework, with everything that sessions of this library can do.
 */
export interface BackingEngine {
  readonly kind: 'backing'
  readonly traits: Traits
  readonly transport: Transport
  /** The store whose expired entries have to be cleared, or null. Its maker closes it. */
  readonly swept: Store | null
  /** Does a page that never asks for its session extend it, too, when that is due? As a rule, only use does. */
  readonly extendsUnused?: boolean | undefined
  backing(options: BackingOptions): Backing
}

/** For how long, in ms, a response with a new cookie may still be on its way. */
export const IN_FLIGHT = 30_000

/** Which deadline has passed at `now`, or null. The sealed absolute one decides, whatever the open one says. */
export function expiryOf(now: number, expiresAt: number, deadline: number): Expired | null {
  if (!(now < deadline)) return { expired: 'absolute' }
  return now < expiresAt ? null : { expired: 'idle' }
}

/** Throws `TooLargeError`, which names the largest keys, if `size` is over the limit. */
export function refuseOver(limit: number, size: number, data: string, where: string): void {
  if (size <= limit) return
  const largest = Object.entries(parseJson(data) as Values)
    .map(([key, value]) => ({ key, size: Buffer.byteLength(JSON.stringify(value)) }))
    .sort((a, b) => b.size - a.size)
    .slice(0, 3)
    .map(({ key, size }) => `'${key}' (${size} bytes)`)
  throw new TooLargeError(
    `The session needs ${size} bytes and ${where} holds ${limit}. Largest keys: ${largest.join(', ') || 'none'}. Store large values in a database, and only their keys in the session.`,
  )
}
