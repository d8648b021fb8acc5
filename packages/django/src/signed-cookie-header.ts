import type { Duration } from 'strongroom'
import { checkOptions, cookieTransport, milliseconds } from 'strongroom/internal'
import { BadSignatureError, SignatureExpiredError } from './errors.ts'
import { quote, unquote } from './quoting.ts'
import {
  type ReadSignedCookieOptions,
  type SignedCookieOptions,
  signCookieValue,
  unsignCookieValue,
} from './signed-cookie.ts'
import { type DjangoCookieSettings, rawValuesOf } from './transport.ts'

/** Options of `writeSignedCookie`: those of the signature, and the attributes of the cookie. */
export interface WriteSignedCookieOptions extends SignedCookieOptions {
  /** How long the browser keeps it. Without it, until the browser closes. */
  readonly maxAge?: Duration | undefined
  /** `path`, `domain`, `secure` and `sameSite`, with the defaults of this library. It is always HttpOnly. */
  readonly cookie?: Omit<DjangoCookieSettings, 'name'> | undefined
}

/**
 * Returns the Set-Cookie line of `response.set_signed_cookie(name, value, salt)`, quoted like Django's own. The line must be sent as
 * it is: `response.cookie()` of Express would escape it again, in a way that Django does not read. Throws `DataError` for
 * characters beyond Latin-1.
 */
export function writeSignedCookie(value: string, options: WriteSignedCookieOptions): string {
  const known = ['key', 'fallbackKeys', 'clock', 'name', 'salt', 'format', 'maxAge', 'cookie']
  checkOptions('writeSignedCookie()', options, known)
  const { maxAge, cookie = {}, ...signing } = options
  checkOptions('writeSignedCookie(): cookie', cookie, ['path', 'domain', 'secure', 'sameSite'])
  const { name } = signing
  const transport = cookieTransport({ ...cookie, name })
  const empty = transport.set(
    '',
    maxAge === undefined ? undefined : milliseconds(maxAge, 'writeSignedCookie(): maxAge'),
  )
  return `${name}=${quote(name, signCookieValue(value, signing))}${empty.slice(name.length + 1)}`
}

/**
 * Returns what `request.get_signed_cookie(name, salt=…, max_age=…)` does for a request with this Cookie header, or undefined when it
 * has no such cookie. It reads what Django wrote, quoted, and what `response.cookie()` of Express wrote, in per cent. Throws
 * `BadSignatureError` or `SignatureExpiredError`.
 */
export function readSignedCookie(
  header: string | null | undefined,
  options: ReadSignedCookieOptions,
): string | undefined {
  const { name } = options
  // As in Django, the last of several counts.
  const raw = rawValuesOf(header ?? '', name).at(-1)
  if (raw === undefined) return undefined
  try {
    return unsignCookieValue(unquote(raw), options)
  } catch (error) {
    const decoded = decodedFromPercent(raw)
    if (decoded === null || !(error instanceof BadSignatureError) || error instanceof SignatureExpiredError) throw error
    return unsignCookieValue(decoded, options)
  }
}

function decodedFromPercent(value: string): string | null {
  if (!value.includes('%')) return null
  try {
    return decodeURIComponent(value)
  } catch {
    return null
  }
}
