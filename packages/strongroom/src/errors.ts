/**
 * Every error of this library. `code` is stable across releases, `status` is the HTTP status an adapter answers with when
 * the application does not handle the error itself, `cause` keeps what was thrown below. A message says what happened and
 * what to do; it never holds a token, an id or session data.
 */
export abstract class StrongroomError extends Error {
  abstract readonly code: string
  readonly status: number = 500
  /** The same number under the name that Express, Koa and Fastify look for. */
  get statusCode(): number {
    return this.status
  }
  override get name(): string {
    return this.constructor.name
  }
  /**
   * What a visitor may read. In production a fault of the server says no more than that it is one: its message speaks to
   * the developer, and names engines and keys.
   */
  get publicMessage(): string {
    if (this.status < 500 || process.env.NODE_ENV !== 'production') return this.message
    return this.status === 503 ? 'Service Unavailable' : 'Internal Server Error'
  }
  /** The answer for whoever has none of their own: Hono sends it for an error that `app.onError` does not handle. */
  getResponse(): Response {
    const headers = { 'Content-Type': 'text/plain; charset=utf-8' }
    return new Response(`${this.publicMessage}\n`, { status: this.status, headers })
  }
}

/** An option, a secret or a URL was refused: when sessions were created, or by a verb that takes options. */
export class ConfigError extends StrongroomError {
  readonly code = 'STRONGROOM_CONFIG'
}

/** The store could not answer in time, or answered with a fault. Nothing is known about the session: it is not absent. */
export class StoreError extends StrongroomError {
  readonly code = 'STRONGROOM_STORE'
  override readonly status = 503
}

/** The session ended (logout, revoke, renewal, expiry) while this request was changing it. The changes were dropped. */
export class SessionGoneError extends StrongroomError {
  readonly code = 'STRONGROOM_GONE'
  override readonly status = 409
  constructor(
    message = 'The session ended while this request was changing it; its changes were dropped. Start again.',
  ) {
    super(message)
  }
}

/** So many requests changed one session at once that this one never got its turn. */
export class ConflictError extends StrongroomError {
  readonly code = 'STRONGROOM_CONFLICT'
  override readonly status = 409
}

/** A session value cannot be kept as JSON, or a key cannot be used. `key` is the top-level key. */
export class DataError extends StrongroomError {
  readonly code = 'STRONGROOM_DATA'
  readonly key: string
  constructor(key: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.key = key
  }
}

/** The session is larger than the limit of its store or cookie; the message names the largest keys and their sizes. */
export class TooLargeError extends StrongroomError {
  readonly code = 'STRONGROOM_TOO_LARGE'
}

/** A signed cookie of the application's that is not to be taken: altered, too old, or made for another name or salt. */
export class CookieRefusedError extends StrongroomError {
  readonly code = 'STRONGROOM_COOKIE'
  override readonly status = 400
  /** `unknown-key`: by a secret that was not given; `ambiguous`: two good ones that say different things. */
  readonly reason: 'malformed' | 'unknown-key' | 'forged' | 'expired' | 'ambiguous'
  constructor(reason: CookieRefusedError['reason']) {
    super(`The signed cookie is refused (${reason}). Treat it as absent, or name a default.`)
    this.reason = reason
  }
}

/** The session was changed when that could not be kept: after the response had begun, or while a save was under way. */
export class SessionClosedError extends StrongroomError {
  readonly code = 'STRONGROOM_CLOSED'
}

/** The session is a read-only stand-in: the store was down (`onStoreError: 'anonymous'`), or it was opened by `read()`. */
export class ReadOnlyError extends StrongroomError {
  readonly code = 'STRONGROOM_READ_ONLY'
  override readonly status = 503
}

/** `login` was refused because the user already has as many sessions as the limit allows. */
export class SessionLimitError extends StrongroomError {
  readonly code = 'STRONGROOM_LIMIT'
  override readonly status = 409
}

/** The chosen engine cannot do what was asked; the message names what can. */
export class UnsupportedError extends StrongroomError {
  readonly code = 'STRONGROOM_UNSUPPORTED'
}

/** `get` was called with a request that did not come through one of the adapters. */
export class NotAttachedError extends StrongroomError {
  readonly code = 'STRONGROOM_NOT_ATTACHED'
}
