import type { CookieSettings } from 'strongroom'
import { type CookieTransport, cookieTransport } from 'strongroom/internal'

/** SESSION_COOKIE_NAME and its like. */
export interface DjangoCookieSettings extends Pick<CookieSettings, 'secure' | 'sameSite' | 'path' | 'domain'> {
  /** Default `sessionid`. */
  readonly name?: string | undefined
}

/** Stands before what is to be sent as the rest of its life; no cookie value can hold it. */
const MARK = ';'

/** What a ticket's text is when it is to be sent: the value and the seconds that the cookie lives (null: the browser's life). */
export const sent = (value: string, seconds: number | null) => `${value}${MARK}${seconds ?? ''}`

/** Is this one of several cookies of our name, and not the last? Django takes the last, and so do we. */
export const isDuplicate = (text: string) => text.startsWith(MARK)

/**
 * Django's session cookie. How long it lives is Django's to say, session by session, so the value comes with it (`sent`), and
 * whatever else is handed in is passed over.
 */
export function djangoTransport({ name = 'sessionid', ...settings }: DjangoCookieSettings): CookieTransport {
  const base = cookieTransport({ ...settings, name })
  return {
    name,
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
      // Signed values have colons, which need no escape and would not survive one.
      const line = base.set('', seconds === '' ? undefined : Number(seconds) * 1000)
      return `${name}=${value}${line.slice(name.length + 1)}`
    },
  }
}

/** As `django.http.cookie.parse_cookie`: names and values trimmed, and a quoted value unquoted the way Python does it. */
function valuesOf(header: string, name: string): string[] {
  return header.split(';').flatMap((pair) => {
    const equals = pair.indexOf('=')
    if (equals < 0 || pair.slice(0, equals).trim() !== name) return []
    const value = unquote(pair.slice(equals + 1).trim())
    return value === '' ? [] : [value]
  })
}

function unquote(value: string): string {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value
  return value
    .slice(1, -1)
    .replace(/\\(?:([0-3][0-7][0-7])|(.))/g, (_, octal: string | undefined, plain: string) =>
      octal === undefined ? plain : String.fromCharCode(Number.parseInt(octal, 8)),
    )
}
