import type { CookieSettings } from 'strongroom'
import { cookieTransport, type Transport } from 'strongroom/internal'
import { unquote } from './quoting.ts'

/** SESSION_COOKIE_NAME and its like. */
export interface DjangoCookieSettings extends Pick<CookieSettings, 'secure' | 'sameSite' | 'path' | 'domain'> {
  /** Default `sessionid`. */
  readonly name?: string | undefined
}

/** Longer than any cookie that a browser stores. A header can be much longer, so this is checked before a signature. */
export const LONGEST_COOKIE = 8192

/** Separates a cookie's value from its lifetime, and marks duplicates. No cookie value can contain it. */
const MARK = ';'

/** The text of a cookie that is to be sent: its value and its lifetime in seconds (null: until the browser closes). */
export const withLifetime = (value: string, seconds: number | null) => `${value}${MARK}${seconds ?? ''}`

/** Whether this is one of several cookies with our name, and not the last. Like Django, we use the last. */
export const isDuplicate = (text: string) => text.startsWith(MARK)

/**
 * Django's session cookie. Django decides for each session how long its cookie lives, so the lifetime comes with the value
 * (`withLifetime`), and the one that is passed to `set` is ignored.
 */
export function djangoTransport({ name = 'sessionid', ...settings }: DjangoCookieSettings): Transport {
  const base = cookieTransport({ ...settings, name })
  return {
    name,
    secure: base.secure,
    clear: base.clear,
    read(header) {
      const values = header ? valuesOf(header, name) : []
      const last = values.at(-1)
      if (last === undefined) return []
      const others = values.filter((value) => value !== last)
      return others.length === 0 ? [last] : [...others.map((value) => MARK + value), last]
    },
    set(text) {
      const [value = '', seconds = ''] = text.split(MARK)
      // Signed values contain colons. They need no escaping, and Django would not unescape them.
      const line = base.set('', seconds === '' ? undefined : Number(seconds) * 1000)
      return `${name}=${value}${line.slice(name.length + 1)}`
    },
  }
}

/** Like `django.http.cookie.parse_cookie`: trims names and values, and unquotes a quoted value the way Python does. */
const valuesOf = (header: string, name: string) =>
  rawValuesOf(header, name)
    .map(unquote)
    .filter((value) => value !== '')

/** The values of the cookies with this name, in order and as they are in the header. */
export function rawValuesOf(header: string, name: string): string[] {
  return header.split(';').flatMap((pair) => {
    const equals = pair.indexOf('=')
    return equals < 0 || pair.slice(0, equals).trim() !== name ? [] : [pair.slice(equals + 1).trim()]
  })
}
