import { stringifySetCookie } from 'cookie'
import { checkOptions } from '../base/check.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { openValue, type Place, type SignedValue, signValue } from '../crypto/signed-value.ts'
import { ConfigError, CookieRefusedError, TooLargeError } from '../errors.ts'
import { type Duration, milliseconds } from '../session/lifetime.ts'
import type { Clock } from '../store.ts'
import { type CookieSettings, checkCookie, valuesOf } from './cookie.ts'
import { header, headersOf, type RequestSource } from './headers.ts'
import { appendTo, type ResponseTarget } from './response.ts'

/** Cookies of the application's own, signed under the secrets of its sessions. Their values can be read, and not be altered. */
export interface SignedCookies {
  readonly get: GetSignedCookie
  set(response: ResponseTarget, name: string, value: string | null, options?: SetSignedCookieOptions): void
}

interface GetSignedCookie {
  <D>(request: RequestSource, name: string, options: GetSignedCookieOptions<D> & { readonly default: D }): string | D
  (request: RequestSource, name: string, options?: GetSignedCookieOptions): string | undefined
}

export interface SetSignedCookieOptions extends Omit<CookieSettings, 'name'> {
  /** Sets cookies of one name apart: a value is worth nothing with another salt. */
  readonly salt?: string | undefined
  /** How long the browser keeps it, and how long it is taken. By default it ends with the browser. */
  readonly maxAge?: Duration | undefined
  /** Default true: scripts in the page cannot read it. */
  readonly httpOnly?: boolean | undefined
}

export interface GetSignedCookieOptions<D = undefined> {
  readonly salt?: string | undefined
  /** Refuses a value that was signed longer ago, whatever lifetime it was given. */
  readonly maxAge?: Duration | undefined
  /** The answer for a cookie that is not there or is refused, instead of an error. */
  readonly default?: D
}

interface Settings {
  readonly ring: Keyring
  readonly clock: Clock
  /** The name that belongs to the sessions. */
  readonly sessionCookie: string
  /** Whether the sessions' cookie is: http on localhost is the same for all cookies. */
  readonly secure: boolean | undefined
}

/** Browsers drop a cookie whose name and value are together longer (RFC 6265bis §5.6). */
const LIMIT = 4096
const SET = ['salt', 'maxAge', 'httpOnly', 'secure', 'sameSite', 'path', 'domain', 'partitioned']

export function signedCookies({ ring, clock, sessionCookie, secure: standard = true }: Settings): SignedCookies {
  function placeOf(where: string, name: string, salt: unknown = ''): Place {
    if (typeof salt !== 'string') throw new ConfigError(`${where}: salt is text.`)
    if (typeof name !== 'string' || name === '') throw new TypeError(`${where} takes the cookie's name as text.`)
    if (name === sessionCookie) throw new ConfigError(`${where}: this name is that of the session's cookie.`)
    return { name, salt }
  }

  function signed(place: Place, text: string, life: number | undefined): string {
    const now = Math.floor(clock())
    const value = signValue(ring, place, { text, signedAt: now, deadline: life === undefined ? 0 : now + life })
    const size = place.name.length + value.length
    if (size <= LIMIT) return value
    throw new TooLargeError(`A cookie holds ${LIMIT} bytes with its name, and this one would have ${size}.`)
  }

  function get(request: RequestSource, name: string, given: GetSignedCookieOptions<unknown> = {}): unknown {
    checkOptions('getSignedCookie()', given, ['salt', 'maxAge', 'default'])
    const place = placeOf('getSignedCookie()', name, given.salt)
    const most = given.maxAge === undefined ? null : milliseconds(given.maxAge, 'getSignedCookie: maxAge')
    const texts = valuesOf(header(headersOf(request), 'cookie') ?? '', `${name}=`)
    const found = one(texts.map((text) => openValue(ring, place, text)))
    if (found === null) return given.default
    const refused = typeof found === 'string' ? found : isOver(found, most, clock()) ? 'expired' : null
    if (refused === null) return (found as SignedValue).text
    if ('default' in given) return given.default
    throw new CookieRefusedError(refused)
  }

  return {
    get: get as GetSignedCookie,

    set(response, name, text, options = {}) {
      checkOptions('setSignedCookie()', options, SET)
      const { salt, maxAge, httpOnly = true, secure = standard, sameSite = 'lax', path = '/', ...rest } = options
      const place = placeOf('setSignedCookie()', name, salt)
      if (text !== null && typeof text !== 'string')
        throw new TypeError('setSignedCookie() takes the value as text, or null to remove the cookie.')
      const { domain, partitioned = false } = rest
      checkCookie({ name, secure, sameSite, path, domain, partitioned }, false)
      const attributes = { httpOnly, secure, sameSite, path, partitioned, ...(domain === undefined ? {} : { domain }) }
      const life = maxAge === undefined ? undefined : milliseconds(maxAge, 'setSignedCookie: maxAge')
      const line =
        text === null
          ? { name, value: '', ...attributes, maxAge: 0, expires: new Date(0) }
          : { name, value: signed(place, text, life), ...attributes, ...(life && { maxAge: Math.ceil(life / 1000) }) }
      appendTo(response, 'Set-Cookie', stringifySetCookie(line))
    },
  }
}

const isOver = ({ signedAt, deadline }: SignedValue, most: number | null, now: number) =>
  (deadline !== 0 && now >= deadline) || (most !== null && now - signedAt > most)

/**
 * Of several cookies of one name, of which a neighbouring host can plant some, the one that is ours. Two of them that say
 * different things are a question that a guess would answer in the attacker's favour.
 */
function one(opened: readonly (SignedValue | string)[]): SignedValue | CookieRefusedError['reason'] | null {
  const good = opened.filter((found) => typeof found !== 'string')
  const first = good[0]
  if (first === undefined) return (opened.at(-1) as CookieRefusedError['reason'] | undefined) ?? null
  return good.every(({ text }) => text === first.text) ? first : 'ambiguous'
}
