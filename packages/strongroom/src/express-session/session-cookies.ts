import { LONGEST } from '../base/duration.ts'
import type { Policy } from '../context.ts'
import { header } from '../http/headers.ts'
import type { Outcome } from '../request/visit.ts'
import type { Meta, Values } from '../session/content.ts'
import { setInternal } from '../session/internal.ts'
import { type Session, stateOf } from '../session/session.ts'
import type { State } from '../session/state.ts'
import { own } from '../session/values.ts'
import { assertCookie, Cookie, OWN_ATTRIBUTES } from './cookie.ts'
import { isSame } from './edits.ts'
import { type Settings, warn } from './options.ts'
import { isOverTls, type SessionRequest } from './request.ts'

/**
 * In each session of this layer: the attributes of its cookie that are not those of the option. Also what keeps a session that is left
 * empty, as express-session does.
 */
const COOKIE = '~cookie'

type OwnAttributes = { [name in (typeof OWN_ATTRIBUTES)[number]]?: unknown }

const NO_ATTRIBUTES: OwnAttributes = {}

/** The cookies of a request's sessions, one after another: what is stored of them, and what is sent. */
export class SessionCookies {
  readonly #settings: Settings
  readonly #request: SessionRequest
  readonly #policy: Policy
  #standard: Cookie | null = null
  /** The `originalMaxAge` of `req.session.cookie`, until the application sets another. */
  #shownMaxAge: number | null | undefined = null
  /** That of a session which this request has ended, to remove it by the same attributes. */
  ended: Cookie | null = null

  constructor(settings: Settings, request: SessionRequest, policy: Policy) {
    this.#settings = settings
    this.#request = request
    this.#policy = policy
  }

  /** Of a new session. */
  fresh(): Cookie {
    this.#standard ??= new Cookie(this.#settings.attributes(this.#request))
    return this.#standard.copy()
  }

  /** Of the session as it is. */
  of(state: State): Cookie {
    const cookie = this.fresh()
    if (state.meta !== null && !state.loggedOut) {
      const attributes = own(state.values, COOKIE) as OwnAttributes | undefined
      if (attributes) Object.assign(cookie, attributes)
      const end = endOf(state.meta)
      if (end) cookie._expires = end
      else if (typeof cookie.originalMaxAge === 'number') cookie._expires = new Date(state.expiresAt)
      else if (attributes) cookie._expires = null
    }
    this.#shownMaxAge = cookie.originalMaxAge
    return cookie
  }

  /**
   * Stores the attributes that are the session's own, and how long it lives by them. False if its `maxAge` is over. Throws `TypeError` for
   * a cookie that could not be sent: now, and not after the session was saved, nor for ever after.
   */
  store(session: Session<Values>, cookie: Cookie, isSaved: boolean): boolean {
    assertCookie(cookie)
    const state = stateOf(session)
    const meta = state.loggedOut ? null : state.meta
    const attributes = ownAttributes(cookie, this.#settings.keepsAttributes ? null : this.#standard)
    const before = own(state.values, COOKIE)
    // All others have what is stored here, or had a login of ours.
    const isAdopted = before === undefined && meta !== null && meta.authenticatedAt === null
    if (!isSame(attributes, before ?? NO_ATTRIBUTES) || (before === undefined && isSaved) || isAdopted) {
      cookie.serialize(this.#settings.name, '')
      setInternal(state, COOKIE, attributes)
    }
    return this.#setLifetime(session, cookie, isAdopted)
  }

  /**
   * A `maxAge` is how long the session lives without use. Where the application has set it through the session of ours, as
   * `login(userId, { remember: true })` does, that counts.
   */
  #setLifetime(session: Session<Values>, { originalMaxAge }: Cookie, isAdopted: boolean): boolean {
    const { meta: stored, lifetime, loggedOut } = stateOf(session)
    const meta = loggedOut ? null : stored
    const isSet = originalMaxAge !== this.#shownMaxAge
    if (!isSet && (lifetime !== null || (meta !== null && !isAdopted))) return true
    const idle = typeof originalMaxAge === 'number' ? originalMaxAge : this.#settings.idle
    if (idle <= 0) return false
    const wanted = Math.min(idle, LONGEST)
    // The end of an adopted session is that of its time elsewhere, where use would have moved it.
    if (isAdopted) session.setExpiry({ idle: wanted, absolute: this.#policy.absolute })
    else if (Math.abs((meta?.idle ?? this.#policy.idle) - wanted) >= 1) session.setExpiry({ idle: wanted })
    return true
  }

  /** The outcome with the Set-Cookie line as express-session writes it. `cookie` is that of `req.session`; null without one. */
  send(given: Outcome, { ref, meta }: State, { cookie, isUnset, isExtended }: Sent): Outcome {
    const { quirks, name, proxy } = this.#settings
    const outcome = quirks.has('no-cache-headers') ? { ...given, leavesCaching: true } : given
    const without: Outcome = outcome.setCookie === null ? outcome : { ...outcome, setCookie: null }
    if (!ref) {
      if (outcome.setCookie === null || quirks.has('keeps-cookie')) return without
      return { ...outcome, setCookie: (this.ended ?? this.fresh()).clearing(name) }
    }
    const { text } = ref.cookie
    const isKnown = header(this.#request.headers, 'cookie')?.includes(text) === true
    const isDue = isKnown ? cookie !== null && isExtended : outcome.setCookie !== null && !isUnset
    if (!isDue) return without
    const sent = cookie ?? this.fresh()
    if (sent.secure && !isOverTls(this.#request, proxy)) {
      warnOfSecure(name)
      return without
    }
    const end = endOf(meta)
    if (end) sent._expires = end
    else sent.reset()
    return { ...outcome, setCookie: sent.serialize(name, text) }
  }
}

interface Sent {
  readonly cookie: Cookie | null
  /** Did the application unset a `req.session` that there was? */
  readonly isUnset: boolean
  /** Is the cookie sent again to a browser that has it? */
  readonly isExtended: boolean
}

/** Those that are not as in `standard`; all of them without one. */
function ownAttributes(cookie: Cookie, standard: Cookie | null): OwnAttributes {
  const attributes: OwnAttributes = {}
  for (const name of OWN_ATTRIBUTES)
    if (!standard || (cookie[name] ?? null) !== (standard[name] ?? null)) attributes[name] = cookie[name] ?? null
  return attributes
}

/** The end of a session whose user asked to be remembered: its cookie lives as long. */
const endOf = (meta: Meta | null): Date | null =>
  meta?.persistent && meta.idle === 0 && meta.authenticatedAt !== null ? new Date(meta.deadline) : null

function warnOfSecure(name: string): void {
  warn(
    `The cookie ${name} is secure, and a request came without TLS, so it was not sent, and its visitor gets a new session each time. Behind a proxy that ends TLS, set Express' "trust proxy", or proxy: true.`,
  )
}
