let onResponse: (error: StrongroomError) => void = () => {}

/** Has it called with each error that becomes a default response, which says so little that somebody else has to say more. */
export function watchResponses(listener: (error: StrongroomError) => void): void {
  onResponse = listener
}

/** As RFC 9110 §15 names them. */
const STATUS_TEXTS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  409: 'Conflict',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/**
 * The base of every error of this library. `code` is stable across releases; `status` is the HTTP status of the response if
 * the application does not handle the error itself; `cause` is what was thrown below. A message says what happened and what to
 * do, and never contains a token, an id or session data.
 */
export abstract class StrongroomError extends Error {
  /** @internal Its name, and that of classes that extend it. */
  static readonly errorName: string | undefined = undefined
  abstract readonly code: string
  readonly status: number = 500
  /** The same number, under the name that Express, Koa and Fastify look for. */
  get statusCode(): number {
    return this.status
  }
  /**
   * May a visitor read the message? False for a server error. Nest and Koa decide by it, as for the errors of http-errors: without it,
   * Nest sends a 500 for every error.
   */
  get expose(): boolean {
    return this.status < 500
  }
  /**
   * The fields of React Router's `ErrorResponse`, by which it knows one. Without them, it responds with a 500, whatever the status.
   * `error` is what its `handleError` gets.
   */
  get statusText(): string {
    return STATUS_TEXTS[this.status] ?? ''
  }
  get internal(): boolean {
    return false
  }
  get data(): string {
    return this.publicMessage
  }
  get error(): this {
    return this
  }
  /**
   * What application code and logs go by. Each class states its own, because a class's name is shortened where an application's bundle
   * is minified; not on the prototypes, where each would stay in a bundle that never throws it.
   */
  override get name(): string {
    return (this.constructor as typeof StrongroomError).errorName ?? this.constructor.name
  }
  override set name(value: string) {
    Object.defineProperty(this, 'name', { value, configurable: true, writable: true, enumerable: true })
  }
  /**
   * What a visitor may read. In production, a server error says only that it is one: its message is for developers, and names
   * engines and keys.
   */
  get publicMessage(): string {
    if (this.status < 500 || process.env.NODE_ENV !== 'production') return this.message
    return this.statusText
  }
  /**
   * The default response: Hono sends it for an error that `app.onError` does not handle. Under Hono and fetch, a 5xx that is no
   * `StoreError` becomes a warning of the process, too, once for each message.
   */
  getResponse(): Response {
    onResponse(this)
    const headers = { 'Content-Type': 'text/plain; charset=utf-8' }
    return new Response(`${this.publicMessage}\n`, { status: this.status, headers })
  }
}

/** An option, a secret or a URL was refused: when sessions were created, or by a method that takes options or durations. */
export class ConfigError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'ConfigError'
  readonly code = 'STRONGROOM_CONFIG'
}

/**
 * The store did not answer in time, or failed; or what it has is sealed with a cipher that this runtime does not have. Nothing is
 * known about the session: it is not absent.
 */
export class StoreError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'StoreError'
  readonly code = 'STRONGROOM_STORE'
  override readonly status = 503
}

/**
 * While this request was changing the session, it ended (logout, revocation, expiry), or another request renewed it, so that it goes
 * on under a newer cookie. The changes were dropped.
 */
export class SessionGoneError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'SessionGoneError'
  readonly code = 'STRONGROOM_GONE'
  override readonly status = 409
  constructor(
    message = 'The session has ended, or goes on under a newer cookie, and the changes of this request were dropped. Load the page again, and sign in if you are asked to.',
  ) {
    super(message)
  }
}

/** So many requests changed one session in parallel that this one never succeeded. */
export class ConflictError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'ConflictError'
  readonly code = 'STRONGROOM_CONFLICT'
  override readonly status = 409
}

/** A session value cannot be stored as JSON, or a key cannot be used. `key` is the top-level key. */
export class DataError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'DataError'
  readonly code = 'STRONGROOM_DATA'
  readonly key: string
  constructor(key: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.key = key
  }
}

/** The session is larger than the limit of its store or cookie; for a session, the message names the largest keys. */
export class TooLargeError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'TooLargeError'
  readonly code = 'STRONGROOM_TOO_LARGE'
}

/** A signed cookie of the application's must not be trusted: altered, too old, or made for another name, salt or namespace. */
export class CookieRefusedError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'CookieRefusedError'
  readonly code = 'STRONGROOM_COOKIE'
  override readonly status = 400
  /** `unknown-key`: signed under a secret that is not in the ring; `ambiguous`: two valid ones with different values. */
  readonly reason: 'malformed' | 'unknown-key' | 'forged' | 'expired' | 'ambiguous'
  constructor(reason: CookieRefusedError['reason']) {
    super(`The signed cookie was refused (${reason}). Treat it as absent, or pass a default.`)
    this.reason = reason
  }
}

/** Why `csrf(sessions)` refused a request. */
export type CsrfRefusal =
  /** By its `Sec-Fetch-Site`, another site or subdomain began it. */
  | 'cross-site'
  /** Its `Origin` is neither the application's nor trusted. */
  | 'origin'
  /** The same of its `Referer`, where there is no `Origin`. */
  | 'referer'
  /** It says nothing of where it comes from, and has no token. */
  | 'no-token'
  /** Its token is not one of this session, as that is since its last login. */
  | 'token'

const TRUST = 'If its pages may do that, add its origin to the option trustedOrigins of csrf().'

const CSRF_ADVICE: Readonly<Record<CsrfRefusal, string>> = {
  'cross-site': `Its Sec-Fetch-Site says that the page of another site or subdomain made it. ${TRUST}`,
  origin: `Its Origin is not the application's own. ${TRUST} Behind a proxy that changes Host, set the option origin.`,
  referer: `It has no Origin, and its Referer is not the application's own. ${TRUST} Behind a proxy that changes Host, set the option origin.`,
  'no-token':
    'It has a session cookie, and neither Sec-Fetch-Site nor Origin. Put `await sessions.csrfToken(request)` into the form or a header, and parse forms before csrf(); a client that is no browser can send Origin itself.',
  token: 'Its CSRF token is not one of its session, which has ended, or has had a login since. Load the form again.',
}

/** `csrf(sessions)` refused a request that the page of another site may have made. The handler did not run. */
export class CsrfError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'CsrfError'
  readonly code = 'STRONGROOM_CSRF'
  override readonly status = 403
  readonly reason: CsrfRefusal
  constructor(reason: CsrfRefusal) {
    super(`The request was refused (${reason}). ${CSRF_ADVICE[reason]}`)
    this.reason = reason
  }
  /** Its message is for developers, although the status is below 500. */
  override get expose(): boolean {
    return false
  }
  /** For a visitor whose form was open during a login, or whose browser is old. It tells an attacker's page nothing. */
  override get publicMessage(): string {
    return 'This request may come from another site, and was refused. Load the page again, and try once more.'
  }
}

/** The session was changed when the change could not be saved: after the response had begun, or during a save. */
export class SessionClosedError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'SessionClosedError'
  readonly code = 'STRONGROOM_CLOSED'
}

/** The session is a read-only stand-in: the store was down (`onStoreError: 'anonymous'`), or it was opened by `read()`. */
export class ReadOnlyError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'ReadOnlyError'
  readonly code = 'STRONGROOM_READ_ONLY'
  override readonly status = 503
}

/** Why a connection is over, or was refused. */
export type SessionEndReason =
  /** Nobody is signed in, where the connection is for users alone. */
  | 'signed-out'
  | 'logout'
  /** By `revoke`, `revokeOthers`, `revokeAll`, or a limit of sessions. */
  | 'revoked'
  /** A login has put another session in its place, such as that of another user. */
  | 'login'
  /** It reached its idle or its absolute deadline. */
  | 'expired'
  /** The credential that its login belongs to has changed. */
  | 'credential'
  /** In another process, so that nobody here knows how; or its secret was removed; or nothing was left in an anonymous one. */
  | 'ended'
  /** The store did not answer for so long that the session may have ended. */
  | 'unknown'
  /** This server closes its connections. */
  | 'closed'

const CLOSE_CODES: Partial<Record<SessionEndReason, number>> = { unknown: 1013, closed: 1001 }

/** The session of a connection has ended, or there is none for it. The reason of an `AbortSignal`, and what an upgrade is refused with. */
export class SessionEndedError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'SessionEndedError'
  readonly code = 'STRONGROOM_ENDED'
  override readonly status = 401 as number
  readonly reason: SessionEndReason
  /** For a WebSocket: 4401, as HTTP's 401; 1013 (try again later) for `unknown`, and 1001 (going away) for `closed`. */
  readonly closeCode: number
  constructor(reason: SessionEndReason) {
    const closeCode = CLOSE_CODES[reason] ?? 4401
    super(
      closeCode === 4401
        ? `There is no session for this connection (${reason}). Sign in, and connect again.`
        : `The connection was closed (${reason}). Connect again.`,
    )
    this.reason = reason
    this.closeCode = closeCode
    if (closeCode !== 4401) this.status = 503
  }
}

/** `login` was refused because the user already has as many sessions as the limit allows. */
export class SessionLimitError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'SessionLimitError'
  readonly code = 'STRONGROOM_LIMIT'
  override readonly status = 409
}

/** Why `session.requireFresh` refused. */
export type FreshLoginReason =
  /** Nobody is signed in. */
  | 'anonymous'
  /** The last proof of the level that is needed is older than `maxAge`, or nobody knows how old it is. */
  | 'stale'
  /** There is no proof of that level in this session. */
  | 'level'
  /** The session is bound to no device. */
  | 'unbound'
  /** Its device has to prove again that it has the key, and is asked to by this response. */
  | 'device'

const FRESH_ADVICE: Readonly<Record<FreshLoginReason, string>> = {
  anonymous: 'Sign in, and try again.',
  stale: 'Confirm again who you are, and then try once more.',
  level: 'Confirm who you are in a stronger way, and then try once more.',
  unbound: 'This needs a session that is bound to its device. Sign in with a browser that can do that.',
  device: 'This device has to be checked again. Try once more.',
}

/** What a `FreshLoginRequiredError` tells: nothing that names the session or its user. */
export interface FreshLoginFacts {
  readonly reason: FreshLoginReason
  /** When the user last proved who they are with at least `requiredLevel`; null if never, or if nobody knows. */
  readonly authenticatedAt: Date | null
  /** How long ago that may be, in ms. */
  readonly maxAge: number
  /** `session.level`; null while anonymous. */
  readonly level: number | null
  readonly requiredLevel: number
  /** Must the session be bound to its device? */
  readonly deviceBound: boolean
}

/** `session.requireFresh` refused: the user has to prove who they are, and then to try again. */
export class FreshLoginRequiredError extends StrongroomError implements FreshLoginFacts {
  /** @internal */
  static override readonly errorName = 'FreshLoginRequiredError'
  readonly code = 'STRONGROOM_FRESH_LOGIN'
  override readonly status = 401
  readonly reason: FreshLoginReason
  readonly authenticatedAt: Date | null
  readonly maxAge: number
  readonly level: number | null
  readonly requiredLevel: number
  readonly deviceBound: boolean
  constructor({ reason, authenticatedAt, maxAge, level, requiredLevel, deviceBound }: FreshLoginFacts) {
    super(FRESH_ADVICE[reason])
    this.reason = reason
    this.authenticatedAt = authenticatedAt
    this.maxAge = maxAge
    this.level = level
    this.requiredLevel = requiredLevel
    this.deviceBound = deviceBound
  }
  /** For the script of a page, which then asks for the proof. */
  toJSON(): FreshLoginFacts & { readonly code: string } {
    const { code, reason, authenticatedAt, maxAge, level, requiredLevel, deviceBound } = this
    return { code, reason, authenticatedAt, maxAge, level, requiredLevel, deviceBound }
  }
}

/** The chosen engine cannot do what was asked; the message names what can. */
export class UnsupportedError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'UnsupportedError'
  readonly code = 'STRONGROOM_UNSUPPORTED'
}

/** `get` was called with a request that did not come through an adapter. */
export class NotAttachedError extends StrongroomError {
  /** @internal */
  static override readonly errorName = 'NotAttachedError'
  readonly code = 'STRONGROOM_NOT_ATTACHED'
}
