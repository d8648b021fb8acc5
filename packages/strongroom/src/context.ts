import type {
  Backing,
  Emptied,
  Loaded,
  LoadResult,
  OwnedSession,
  SessionRef,
  Superseded,
  UserIndex,
  VerifiedCookie,
} from './backing/backing.ts'
import type { OwnEnds } from './backing/ends.ts'
import type { Calls } from './backing/guard.ts'
import type { RenewalTimes } from './backing/succession.ts'
import type { Awaitable } from './base/awaitable.ts'
import type { CredentialStamps } from './credential.ts'
import type { LiveKeyring } from './crypto/keyring.ts'
import type { Id } from './crypto/token.ts'
import type { Emit, EventDetails, LoginFailedSignal, SessionEvent } from './events.ts'
import type { CookieSettings } from './http/cookie.ts'
import type { HeaderSource } from './http/headers.ts'
import type { Outcome } from './http/outcome.ts'
import type { OwnRequests } from './http/own-requests.ts'
import type { Transport } from './http/transport.ts'
import type { Meta } from './session/content.ts'
import type { DataRules } from './session/data-rules.ts'
import type { Proofs } from './session/fresh.ts'
import type { Serializer } from './session/serializer.ts'
import type { LimitedLogin, SignInPolicy, State } from './session/state.ts'
import type { Clock } from './store.ts'

/** How long sessions live, in ms. */
export interface Policy {
  /** Without use; 0 is no limit. */
  readonly idle: number
  /** In all, from creation or login. */
  readonly absolute: number
  /** In all, when the user asked to be remembered. */
  readonly remember: number
  /** Without use, when the user asked to be remembered; 0 is no limit. */
  readonly rememberIdle: number
  /** Do cookies outlive the browser by default? */
  readonly persistent: boolean
}

/** What sessions may have that nobody has signed in to. */
export interface Anonymous {
  readonly policy: Policy
  /** For people. */
  readonly facts: { readonly idle: number; readonly absolute: number; readonly perMinute: number | null }
  /**
   * Spends one of the sessions that may be created. False when there are none left, which is then counted and told. Once refused, a
   * request stays refused: what `save()` has not stored, the response does not store either.
   */
  admits(request: { isRefused: boolean }): boolean
}

/** What one `createSessions` hands to its requests. */
export interface SessionsContext {
  readonly backing: Backing
  readonly ring: LiveKeyring
  /** The one whose sessions an operator sees and ends; null where ids are another framework's, and tell none. */
  readonly namespace: string | null
  readonly transport: Transport
  readonly clock: Clock
  readonly emit: Emit
  /** Null in a Worker. */
  readonly audit: Audit | null
  /** Told of each session that this process ends. */
  readonly ends: OwnEnds
  /** Where loads, saves and store calls can be observed. */
  readonly calls: Calls
  readonly policy: Policy
  /** Null without the option `anonymous`. */
  readonly anonymous: Anonymous | null
  readonly saveOnServerError: boolean
  readonly saveEveryRequest: boolean
  /** Is a session that was loaded saved again although nothing was changed? Unlike `saveEveryRequest`, without a new cookie. */
  readonly resaves: boolean
  /** The share of its idle limit by which a session's expiry must move before that is stored. */
  readonly touchShare: number
  /** Is the session of a page that never asks for it loaded all the same, so that it is extended? */
  readonly extendsUnused: boolean
  /** Null without the option `renewEvery`. */
  readonly renewal: Renewal | null
  /** Null without the option `credential`. */
  readonly stamps: CredentialStamps | null
  readonly serializer: Serializer | null
  /** Null without the option `dataSchema`. */
  readonly dataRules: DataRules | null
  /** Null where sessions are in cookies alone, and cannot be counted. */
  readonly userLimit: ((context: SessionsContext, login: LimitedLogin, parts: LimitParts) => SessionLimit) | null
  /** Null without the option `adoptFrom`. */
  readonly adoption: Adoption | null
  readonly onStoreError: 'throw' | 'anonymous'
  /** Names the device of a User-Agent. */
  readonly describeDevice: (userAgent: string | null) => string | null
  /** What was proved in sessions: `stepUp`, `requireFresh` and levels. A Worker refuses what needs it. */
  readonly proofs: Proofs
  /** Null where no list could show an address. */
  readonly addresses: Addresses | null
  /** Null in a Worker. */
  readonly signals: Signals | null
  /** Null without the option `deviceBound`. */
  readonly binding: DeviceBinding | null
  /** Null without the option `guessing`. */
  readonly guessing: Guessing | null
  /** Of one request, with that option. */
  readonly guesses?: Guesses | undefined
  readonly signIn: SignInPolicy
}

/** What a request tells of where it comes from. */
export interface SignalSource {
  readonly headers: HeaderSource
  /** What the framework hands to handlers; null without an adapter. */
  readonly request: object | null
}

export interface SignalledRequest extends SignalSource {
  readonly context: SessionsContext
}

/** What a request's cookies led to. */
export interface LoadedCookies {
  readonly loaded: Loaded | null
  /** Without a loaded session: a cookie that opens nothing any more. */
  readonly superseded: Superseded | null
  /** Without a loaded session: the one in which nothing was left a moment ago. */
  readonly emptied: Loaded | null
  /** Without a loaded session: all cookies of ours that were presented. Other requests under way may have them, too. */
  readonly presented: readonly VerifiedCookie[]
  /** Those of them that lead to nothing any more. */
  readonly ended: readonly VerifiedCookie[]
  /** Has this request logged out, and saved that already? */
  readonly loggedOut: boolean
  /** Other sessions that the request can prove to hold. A logout ends them, too, and a login those of its user. */
  readonly others: readonly OwnedSession[]
}

/** Is a session used from elsewhere than at its login? The option `signals`. */
export interface Signals {
  /** The meta to be stored, with where the session was seen, or without that. Never throws. */
  readonly note: (meta: Meta, source: SignalSource) => Meta
  /**
   * Compares a session that was loaded with its request. Null if nothing has changed; otherwise what the cookies lead to after what the
   * application has decided about that: to no session if it is over. Absent without the option.
   */
  readonly check?: (found: LoadedCookies, request: SignalledRequest) => Promise<LoadedCookies> | null
}

/** When tokens are renewed by time, and what happens when an old one comes back. */
export interface RenewalPolicy extends RenewalTimes {
  readonly onReuse: 'report' | 'end'
}

/** Tokens that are renewed by time: the option `renewEvery`. */
export interface Renewal {
  readonly facts: RenewalPolicy
  /** The plan for a response, which can carry a cookie: it gives an old session a new token, and remembers that its token was seen. */
  planned<P extends { readonly verb: string }>(
    context: SessionsContext,
    plan: P | null,
    loaded: Loaded | null,
  ): P | RenewalPlan | null
  /**
   * Called with what a request's cookies led to. The session whose cookie its response must send again: the request has come with the one
   * before, and none has come with that yet. Raises the alarm for a cookie that has come back too late; never rejects for the store.
   */
  meet(
    context: SessionsContext,
    found: { readonly loaded: Loaded | null; readonly superseded: Superseded | null },
    headers: HeaderSource,
  ): Awaitable<Loaded | null>
  /** Must that cookie be left out, now that the response begins? Undefined for any other cookie. */
  isLate(context: SessionsContext, ref: SessionRef | undefined): Promise<boolean> | undefined
}

/** A session that is stored again for its token's sake. Nobody misses it if another request is faster. */
export interface RenewalPlan {
  readonly verb: 'refresh'
  readonly loaded: Loaded
  readonly mayRenew: true
  readonly once: true
}

/** The addresses in lists of devices: the options `address` and `place`. */
export interface Addresses {
  /** The shortened address of a request; null if it is unknown. Never throws. Null without the option `address`. */
  readonly of: ((request: object) => string | null) | null
  /** The meta to be stored, with the shortened address of the request that saves it, or without one. Never throws. */
  readonly note: (meta: Meta, request: object | null) => Meta
  /** Names the place of a shortened address, within a time limit; never rejects. Null without the option `place`. */
  readonly placeOf: ((address: string) => Promise<string | null>) | null
}

/** The tokens of requests that open nothing: the option `guessing`. */
export interface Guessing {
  /** The same context, in which those of this request are counted; itself without a request of a framework. */
  ofRequest(context: SessionsContext, request: object | null): SessionsContext
}

/** Those of one request. */
export interface Guesses {
  /** A token of the request was refused before the store was asked. */
  refused(token: string, reason: string): void
  /** What a token of the request leads to. */
  opened(cookie: VerifiedCookie, result: LoadResult): void
  /** Counts what was added. A promise while the response is to be held back, which ends when the client leaves. Never rejects. */
  settle(context: SessionsContext, hasSession: boolean): Promise<void> | null
}

/** A request whose session is being saved. */
export interface AuditedRequest {
  readonly context: SessionsContext
  readonly state: State
  /** The framework's; null without an adapter. */
  readonly request: object | null
}

/** Tells which request it was, and who signs in and out. Nothing of it throws. */
export interface Audit {
  /** The event, with what its listeners are told beside it. */
  complete(event: SessionEvent, details: EventDetails): SessionEvent
  /** The same context, whose events tell the id of this request of the framework; itself while nobody listens. */
  ofRequest(context: SessionsContext, request: object | null): SessionsContext
  /** Called after a save that may have been a login, when nothing can undo it any more. */
  saved(task: AuditedRequest, saved: Loaded | Emptied | null): void
  /** Called for each session that a logout has ended. `userId` is whose it was: without it, only that of the request's own is known. */
  loggedOut(task: AuditedRequest, id: Id, userId?: string | null): void
  loginFailed(
    context: SessionsContext,
    request: object | null,
    attempt: Pick<LoginFailedSignal, 'userId' | 'reason'>,
  ): void
}

/** How many sessions a user may have, as one login sees it. */
export interface SessionLimit {
  /** Rejects with `SessionLimitError` if the login would be refused now. It may be refused later all the same, in its turn. */
  check(): Promise<void>
  /**
   * Runs a login that stores a new session. At the limit it rejects with `SessionLimitError` before the login runs, or ends the
   * user's oldest sessions after it. The session is ended, and the login runs again, if another one of this user was faster.
   */
  inTurn(login: () => Promise<Loaded>): Promise<Loaded>
  /**
   * Runs a login that goes on with a session which counts already. Null, and nothing done, if there are others to be ended for it,
   * because the limit is new or was lowered: then it must store a new session, in turn. Of two that went on with theirs and ended each
   * other's, none would be left.
   */
  goingOn(login: () => Promise<Loaded | null>): Promise<Loaded | null>
}

export interface LimitParts extends Required<Pick<UserIndex, 'beginTurn' | 'endOne'>> {
  /** The sessions that the new one replaces, which do not count. */
  readonly replaced: ReadonlySet<Id>
}

/** Another framework's sessions, as a request meets them: the option `adoptFrom`. */
export interface Adoption {
  /** For a request without a valid cookie of ours: what its cookie of another framework leads to; null without one. */
  find(context: SessionsContext, cookies: string | undefined, request: AdoptionRequest): Promise<Adopted | null>
  /**
   * A logout ends the other frameworks' sessions that the request names, and so does a login, because they may be somebody
   * else's. `current` is the session that the request has here. Returns the Set-Cookie lines that remove their cookies.
   */
  end(task: AuditedRequest, cookies: string | undefined, current: Id | null): Promise<readonly string[]>
  /**
   * Is this value of a cookie with our name that of another framework, whose cookie has the same name? It is expected, and no attempt
   * to make one of ours.
   */
  names(context: SessionsContext, text: string): boolean
  /** The session that a key of the source with this name stands for. */
  originOf(
    name: string,
    key: string,
  ): { readonly name: string; readonly key: string; readonly until: number; readonly stateless: boolean }
  close(): Promise<void>
}

export interface AdoptionRequest extends SignalSource {
  /** Can our cookie be sent with its response? */
  readonly responds: boolean
}

/** The result for another framework's cookie. */
export interface Adopted {
  /** Null when the session that it names is over. */
  readonly found: Loaded | Superseded | null
  /** The Set-Cookie lines that remove that cookie; none while its session could not be ended there. */
  readonly clear: readonly string[]
}

/** What `deviceBound()` returns, for the option of that name. */
export interface DeviceBound {
  /** Throws `ConfigError` for an engine, a transport or a cookie that it cannot work with. For `createSessions`. */
  bindingFor(facts: BindingFacts): DeviceBinding
}

export interface BindingFacts extends Pick<SessionsContext, 'ring' | 'clock' | 'namespace' | 'transport'> {
  /** Null if the sessions are in their visitors' cookies. */
  readonly store: object | null
  readonly cookie: CookieSettings | undefined
}

/** Of sessions that are bound to a device, in ms. */
export interface BindingPolicy {
  /** How long the cookie of a proof is good, and with it a copy of the cookies. */
  readonly refreshEvery: number
  /** The longest that a user's session lives that is not bound; null if it lives as long as others. */
  readonly unbound: { readonly idle: number; readonly absolute: number } | null
}

/** Sessions that belong to one device, as a request meets them. */
export interface DeviceBinding {
  readonly facts: BindingPolicy
  /** What was loaded; refused if it is bound, and the Cookie header has no good device cookie. */
  checked(found: LoadResult, cookies: string): LoadResult
  /** When its device made the proof that the request has brought, in ms; null for one that is not bound, or without a proof. */
  provedAt(headers: HeaderSource, loaded: Loaded | null): number | null
  /** Was the session bound while a request was under way that brings no proof? */
  isUnproven(loaded: Loaded, headers: HeaderSource): boolean
  /** The meta with the lifetimes that the session would have if it were bound. */
  unlimited(meta: Meta): Meta
  /** What is to be stored: with the key of the device, or with the shorter lifetimes of a session without one. */
  next(meta: Meta, before: Meta | null, state: State): Meta
  /** The outcome with what the response says to the browser of its device. `signedIn`: has this request stored a login? */
  outcome(outcome: Outcome, request: DeviceRequest): Outcome
  /** The requests that browsers make by themselves. */
  ownRequests(context: SessionsContext): OwnRequests
}

export interface DeviceRequest {
  readonly headers: HeaderSource
  readonly loaded: Loaded | null
  readonly signedIn: boolean
  readonly state: State | null
}
