import type { Cookie } from './cookie.ts'
import type { Callback, SessionRequest } from './request.ts'

/** What a `req.session` does its work with. */
export interface Owner {
  readonly request: SessionRequest
  readonly id: string
  onSave(session: RequestSession, callback?: Callback): void
  onReload(session: RequestSession, callback?: Callback): void
  onDestroy(session: RequestSession, callback?: Callback): void
  onRegenerate(session: RequestSession, callback?: Callback): void
}

/** Lets it keep its id when the request goes on with another session. */
export let retire: (session: RequestSession, id: string) => void

/**
 * `req.session` of express-session: its own enumerable properties are the application's data, and `cookie`. Everything else is on the
 * prototype, where it costs a request nothing.
 */
export class RequestSession {
  [key: string]: unknown
  declare cookie: Cookie
  readonly #owner: Owner
  /** Once another one has taken its place. */
  #id: string | null = null

  static {
    retire = (session, id) => {
      session.#id = id
    }
  }

  /** @internal */
  constructor(owner: Owner, cookie: Cookie) {
    this.#owner = owner
    this.cookie = cookie
  }

  get req(): SessionRequest {
    return this.#owner.request
  }

  /** The public handle of the session: it opens nothing. */
  get id(): string {
    return this.#id ?? this.#owner.id
  }

  touch(): this {
    return this.resetMaxAge()
  }

  resetMaxAge(): this {
    this.cookie.reset()
    return this
  }

  /** Saves it now instead of when the response begins. Also after the response, for a connection that lasts. */
  save(callback?: Callback): this {
    this.#owner.onSave(this, checked(callback))
    return this
  }

  /** Puts what is stored now into `req.session`, as another object. */
  reload(callback: Callback): this {
    this.#owner.onReload(this, checked(callback))
    return this
  }

  /** Ends it for good, and unsets `req.session`. */
  destroy(callback?: Callback): this {
    this.#owner.onDestroy(this, checked(callback))
    return this
  }

  /** Ends it for good, and begins another one. */
  regenerate(callback: Callback): this {
    this.#owner.onRegenerate(this, checked(callback))
    return this
  }
}

// As in express-session, for those who read a log.
Object.defineProperty(RequestSession, 'name', { value: 'Session' })

/** What a `req.session` has by itself: data of such a name are kept in the store, but cannot be shown. */
export const isReserved = (key: string): boolean => key === 'cookie' || key in RequestSession.prototype

/** Throws `TypeError`, to its caller, for what cannot be called back. */
function checked(callback: Callback | null | undefined): Callback | undefined {
  if (callback == null || typeof callback === 'function') return callback ?? undefined
  throw new TypeError('The methods of req.session take a callback, which must be a function.')
}
