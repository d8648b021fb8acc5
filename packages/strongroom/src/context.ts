import type { Backing, Loaded, Superseded, UserIndex } from './backing/backing.ts'
import type { OwnEnds } from './backing/ends.ts'
import type { CredentialStamps } from './credential.ts'
import type { LiveKeyring } from './crypto/keyring.ts'
import type { Id } from './crypto/token.ts'
import type { Emit } from './events.ts'
import type { CookieTransport } from './http/cookie.ts'
import type { Serializer } from './session/serializer.ts'
import type { LimitedLogin } from './session/state.ts'
import type { Clock } from './store.ts'

/** How long sessions live, in ms. */
export interface Policy {
  /** Without use; 0 is no limit. */
  readonly idle: number
  /** In all, from creation or login. */
  readonly absolute: number
  /** In all, when the user asked to be remembered. */
  readonly remember: number
  /** Do cookies outlive the browser by default? */
  readonly persistent: boolean
}

/** What one `createSessions` hands to its requests. */
export interface SessionsContext {
  readonly backing: Backing
  readonly ring: LiveKeyring
  /** The one whose sessions an operator sees and ends; null where ids are another framework's, and tell none. */
  readonly namespace: string | null
  readonly transport: CookieTransport
  readonly clock: Clock
  readonly emit: Emit
  /** Told of each session that this process ends. */
  readonly ends: OwnEnds
  readonly policy: Policy
  readonly saveOnServerError: boolean
  readonly saveEveryRequest: boolean
  /** Is a session that was loaded saved again although nothing was changed? Unlike `saveEveryRequest`, without a new cookie. */
  readonly resaves: boolean
  /** The share of its idle limit by which a session's expiry must move before that is stored. */
  readonly touchShare: number
  /** Is the session of a page that never asks for it loaded all the same, so that it is extended? */
  readonly extendsUnused: boolean
  /** Null without the option `credential`. */
  readonly stamps: CredentialStamps | null
  readonly serializer: Serializer | null
  /** Null where sessions are in cookies alone, and cannot be counted. */
  readonly userLimit: ((context: SessionsContext, login: LimitedLogin, parts: LimitParts) => SessionLimit) | null
  /** Null without the option `adoptFrom`. */
  readonly adoption: Adoption | null
  readonly onStoreError: 'throw' | 'anonymous'
  /** Names the device of a User-Agent. */
  readonly describeDevice: (userAgent: string | null) => string | null
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
  end(context: SessionsContext, cookies: string | undefined, current: Id | null): Promise<readonly string[]>
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

export interface AdoptionRequest {
  /** Names the visitor's device. */
  readonly device: () => string | null
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
