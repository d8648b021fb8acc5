import { booleanOption, checkOptions, oneOf } from 'strongroom/internal'
import { BadSignatureError, SignatureExpiredError } from './errors.ts'
import { type AgeLimit, checkKeys, type SecretKey, TimestampSigner, type TimestampSignerOptions } from './signer.ts'

/** Options of `signCookieValue`. */
export interface SignedCookieOptions extends Pick<TimestampSignerOptions, 'key' | 'fallbackKeys' | 'clock'> {
  /** The cookie's name. A value is not valid under another one. */
  readonly name: string
  readonly salt?: string | undefined
  /**
   * `v2` (default) is the format of Django 5.2.15, 6.0.6 and later. `legacy` is that of older versions, which cannot tell the
   * salt `a` with the name `bc` from `ab` with `c` (CVE-2026-6873). Use it only for a Django that knows no other.
   */
  readonly format?: 'v2' | 'legacy' | undefined
}

/** Options of `unsignCookieValue` and `readSignedCookie`. */
export interface ReadSignedCookieOptions extends Omit<SignedCookieOptions, 'format'>, AgeLimit {
  /** SIGNED_COOKIE_LEGACY_SALT_FALLBACK: also accept values in the `legacy` format (default false). */
  readonly legacySalt?: boolean | undefined
}

/** Returns the cookie value that `response.set_signed_cookie(name, value, salt)` writes. */
export function signCookieValue(value: string, options: SignedCookieOptions): string {
  checkOptions('signCookieValue()', options, ['key', 'fallbackKeys', 'clock', 'name', 'salt', 'format'])
  const { format = 'v2', ...rest } = options
  return signerOf(rest, oneOf('signCookieValue(): format', format, ['v2', 'legacy'])).sign(value)
}

/** Returns what `request.get_signed_cookie(name, salt=…, max_age=…)` does. Throws `BadSignatureError` or `SignatureExpiredError`. */
export function unsignCookieValue(value: string, options: ReadSignedCookieOptions): string {
  const known = ['key', 'fallbackKeys', 'clock', 'name', 'salt', 'maxAge', 'legacySalt']
  checkOptions('unsignCookieValue()', options, known)
  const { maxAge, legacySalt: given, ...rest } = options
  const legacySalt = booleanOption('unsignCookieValue(): legacySalt', given, false)
  try {
    return signerOf(rest, 'v2').unsign(value, { maxAge })
  } catch (error) {
    // One that is too old gets no second chance.
    if (!legacySalt || !(error instanceof BadSignatureError) || error instanceof SignatureExpiredError) throw error
    return signerOf(rest, 'legacy').unsign(value, { maxAge })
  }
}

function signerOf({ name, salt = '', key, fallbackKeys, clock }: SignedCookieOptions, format: 'v2' | 'legacy') {
  // Here, because with its prefix an empty key is no longer empty.
  const [current, ...others] = checkKeys('signed cookies', key, fallbackKeys).map(prefixed)
  // Python counts characters, not UTF-16 units.
  const full = format === 'legacy' ? name + salt : `django.http.cookies.v2:${[...salt].length}:${salt}${name}`
  return new TimestampSigner({ key: current as SecretKey, fallbackKeys: others, clock, salt: full })
}

const prefixed = (key: SecretKey) => Buffer.concat([Buffer.from('django.http.cookies'), Buffer.from(key)])
