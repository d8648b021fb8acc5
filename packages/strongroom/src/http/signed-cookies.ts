import { stringifySetCookie } from 'cookie'
import { checkOptions } from '../base/check.ts'
import { type Duration, milliseconds } from '../base/duration.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { openValue, type Purpose, type SignedValue, signValue } from '../crypto/signed-value.ts'
import { ConfigError, CookieRefusedError, TooLargeError } from '../errors.ts'
import type { Clock } from '../store.ts'
import { type CookieSettings, checkCookie, MOST_TRIED, valuesOf } from './cookie.ts'
import { header, headersOf, type RequestSource } from './headers.ts'
import { appendTo, type ResponseTarget } from './response.ts'

/**
 * Cookies of the application's own, signed under the secrets of its sessions, in its namespace. Their values can be read, but not
 * altered.
 */
export interface SignedCookies {
  readonly get: GetSignedCookie
  set(response: ResponseTarget, name: string, value: string | null, options?: SetSignedCookieOptions): void
}

interface GetSignedCookie {
  <D>(request: RequestSource, name: string, options: GetSignedCookieOptions<D> & { readonly default: D }): string | D
  (request: RequestSource, name: string, options?: GetSignedCookieOptions): string | undefined
}

/** Options of `setSignedCookie`: the attributes of the cookie, and what is signed. */
export interface SetSignedCookieOptions extends Omit<CookieSettings, 'name'> {
  /** Separates cookies of one name: a value is worthless with another salt. */
  readonly salt?: string | undefined
  /** How long the browser keeps it, and how long it is accepted. By default it ends with the browser. */
  readonly maxAge?: Duration | undefined
  /** Default true: scripts of the page cannot read it. */
  readonly httpOnly?: boolean | undefined
}

/** Options of `getSignedCookie`. */
export interface GetSignedCookieOptions<D = undefined> {
  readonly salt?: string | undefined
  /** Refuses a value that was signed longer ago, whatever lifetime it was given. */
  readonly maxAge?: Duration | undefined
  /** Returned for a cookie that is absent or refused, instead of an error. */
  readonly default?: D
}

interface Settings {
  readonly ring: Keyring
  readonly clock: Clock
  /** A cookie of another application with the same secrets is refused. */
  readonly namespace: string
  /** The name that is taken by the session cookie. */
  readonly sessionCookie: string
  /** `secure` of the session cookie, as the default: on http://localhost no cookie can be secure. */
  readonly secure: boolean | undefined
  /** Then no cookie may be sent unencrypted. */
  readonly production: boolean
}

/** Browsers drop a cookie whose name and value are longer than this together (RFC 6265bis §5.6). */
const LIMIT = 4096
const SET = ['salt', 'maxAge', 'httpOnly', 'secure', 'sameSite', 'path', 'domain', 'partitioned']

export function signedCookies({
  ring,
  clock,
  namespace,
  sessionCookie,
  secure: standard = true,
  production,
}: Settings): SignedCookies {
  function purposeOf(where: string, name: string, salt: unknown = ''): Purpose {
    if (typeof salt !== 'string') throw new ConfigError(`${where}: salt must be a string.`)
    if (typeof name !== 'string' || name === '')
      throw new TypeError(`${where} takes the cookie's name as a non-empty string.`)
    if (name === sessionCookie)
      throw new ConfigError(`${where}: this is the name of the session cookie. Choose another.`)
    return { namespace, name, salt }
  }

  function signed(purpose: Purpose, text: string, life: number | undefined): string {
    const now = Math.floor(clock())
    const value = signValue(ring, purpose, { text, signedAt: now, deadline: life === undefined ? 0 : now + life })
    const size = purpose.name.length + value.length
    if (size <= LIMIT) return value
    throw new TooLargeError(
      `A cookie holds ${LIMIT} bytes with its name, and this one needs ${size}. Store large values in a database.`,
    )
  }

  function get(request: RequestSource, name: string, given: GetSignedCookieOptions<unknown> = {}): unknown {
    checkOptions('getSignedCookie()', given, ['salt', 'maxAge', 'default'])
    const purpose = purposeOf('getSignedCookie()', name, given.salt)
    const most = given.maxAge === undefined ? null : milliseconds(given.maxAge, 'getSignedCookie: maxAge')
    const texts = valuesOf(header(headersOf(request), 'cookie') ?? '', `${name}=`)
    const found = one(texts.slice(0, MOST_TRIED).map((text) => openValue(ring, purpose, text)))
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
      const purpose = purposeOf('setSignedCookie()', name, salt)
      if (text !== null && typeof text !== 'string')
        throw new TypeError('setSignedCookie() takes the value as a string, or null to remove the cookie.')
      const { domain, partitioned = false } = rest
      checkCookie({ name, secure, sameSite, path, domain, partitioned }, production)
      const attributes = { httpOnly, secure, sameSite, path, partitioned, ...(domain === undefined ? {} : { domain }) }
      const life = maxAge === undefined ? undefined : milliseconds(maxAge, 'setSignedCookie: maxAge')
      const line =
        text === null
          ? { name, value: '', ...attributes, maxAge: 0, expires: new Date(0) }
          : { name, value: signed(purpose, text, life), ...attributes, ...(life && { maxAge: Math.ceil(life / 1000) }) }
      appendTo(response, 'Set-Cookie', stringifySetCookie(line))
    },
  }
}

const isOver = ({ signedAt, deadline }: SignedValue, most: number | null, now: number) =>
  (deadline !== 0 && now >= deadline) || (most !== null && now - signedAt > most)

/**
 * Of several cookies of one name, some of which a neighbouring host can plant, the valid one. With two valid ones that differ,
 * a guess would let the attacker decide.
 */
function one(opened: readonly (SignedValue | string)[]): SignedValue | CookieRefusedError['reason'] | null {
  const good = opened.filter((found) => typeof found !== 'string')
  const first = good[0]
  if (first === undefined) return (opened.at(-1) as CookieRefusedError['reason'] | undefined) ?? null
  return good.every(({ text }) => text === first.text) ? first : 'ambiguous'
}
