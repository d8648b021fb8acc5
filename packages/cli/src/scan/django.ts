import { constants, inflateSync } from 'node:zlib'
import type { Row, Value } from './row.ts'

/** Is it a session of Django, whatever its table is called? */
export function isDjango(row: Row): boolean {
  let hasKey = false
  for (const value of row.values()) {
    if (hasKey && isDjangoData(value)) return true
    if (isCacheKey(value) || isSignedCookie(value) || hasSignedCookie(value)) return true
    hasKey ||= value.length >= 8 && value.length <= 40 && /^[a-z0-9]+$/.test(value.head.toString('latin1'))
  }
  return false
}

/** The key under which Django's cache has a session: a prefix, a version, where the session is from, and its key, which is the cookie. */
export const CACHE_KEY = /django\.contrib\.sessions\.(?:cached_db|cache)[a-z0-9]{8,40}$/

/** In a table of Django's DatabaseCache, or a key of Redis. The prefix may be anything. */
export const isCacheKey = (value: Value) =>
  value.length >= 36 && value.length <= 512 && CACHE_KEY.test(value.head.toString('latin1'))

/** A session in a cookie, which has no key beside it. What else Django signs in this way is not the JSON of an object. */
export function isSignedCookie(value: Value): boolean {
  if (value.length < 60 || value.isTruncated || !DJANGO_SIGNATURE.test(value.tail.toString('latin1'))) return false
  const start = value.head.toString('latin1')
  const body = /^\.?[\w-]+/.exec(start)?.[0] ?? ''
  // A body that goes on after what was kept, or ends at the time.
  return (body.length === start.length || start[body.length] === ':') && isSession(body)
}

/** The header of a request, with a session in one of its cookies, as a log of requests has it. */
function hasSignedCookie({ head }: Value): boolean {
  const at = head.length < 60 ? -1 : head.indexOf('sessionid=', 0, 'latin1')
  const body = at < 0 ? undefined : COOKIE.exec(head.toString('latin1', at))?.[1]
  return body !== undefined && isSession(body)
}

/** Is it the JSON of an object, possibly compressed? */
function isSession(body: string): boolean {
  const bytes = Buffer.from(body.replace('.', ''), 'base64url')
  if (!body.startsWith('.')) return bytes[0] === 0x7b
  try {
    return inflateSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 65_536 })[0] === 0x7b
  } catch (error) {
    // A body that was not kept to its end, or one that expands to more than that: it begins as compressed data.
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
  }
}

/** "body:time:signature", or the format before Django 3.1: base64 of "digest:JSON or pickle". */
export function isDjangoData(value: Value): boolean {
  if (value.length < 40) return false
  const start = value.head.toString('latin1', 0, 56)
  if (/^[MNOYZ][A-Za-z0-9+/]{55}$/.test(start))
    return /^[0-9a-f]{40}:/.test(Buffer.from(start, 'base64').toString('latin1'))
  if (!/^\.?[\w-]+/.test(start)) return false
  if (value.isTruncated) return /^\.?[\w-]{40,}$/.test(start)
  return DJANGO_SIGNATURE.test(value.tail.toString('latin1'))
}

const COOKIE = /^sessionid="?(\.?[\w-]+):[0-9A-Za-z]{6}:[\w-]{27}/

/** HMAC-SHA256, or HMAC-SHA1 before Django 3.1, after a time in base62. */
const DJANGO_SIGNATURE = /:[0-9A-Za-z]{6}:(?:[\w-]{43}|[\w-]{27})$/
