import type { Node } from './json/read.ts'

/**
 * The meaning of `_session_expiry`, in the forms that `set_expiry` writes: absent (the site's defaults), 0 (the cookie ends
 * with the browser), seconds from each save on, or a moment.
 */
export type Expiry =
  | { readonly kind: 'default' | 'browser' }
  | { readonly kind: 'seconds'; readonly ms: number }
  | { readonly kind: 'moment'; readonly at: number }

export interface Ages {
  /** SESSION_COOKIE_AGE, in ms. */
  readonly cookieAge: number
  /** SESSION_EXPIRE_AT_BROWSER_CLOSE. */
  readonly expireAtBrowserClose: boolean
}

/** What Python's dates and Django's columns can hold: the years from 1 to 9999, in ms. */
export const LATEST = Date.parse('9999-12-31T23:59:59.999Z')
const EARLIEST = Date.parse('0001-01-01T00:00:00Z')
/** In ms. From now on, it leads to a year before 10000. */
const LONGEST_AGE = 7000 * 365 * 86_400_000

/** A value that makes no sense counts as absent. (In Django it leads to a 500.) */
export function expiryIn(node: Node | undefined): Expiry {
  const value = node?.kind === 'scalar' ? node.value : null
  if (value === 0 || value === false) return { kind: 'browser' }
  if (typeof value === 'number' && Math.abs(value * 1000) <= LONGEST_AGE) return { kind: 'seconds', ms: value * 1000 }
  if (value === true) return { kind: 'seconds', ms: 1000 }
  const at = typeof value === 'string' ? momentOf(value) : null
  return at === null ? { kind: 'default' } : { kind: 'moment', at }
}

/** Returns when a session ends that was saved at `savedAt`. */
export function endOf(expiry: Expiry, savedAt: number, { cookieAge }: Ages): number {
  if (expiry.kind === 'moment') return expiry.at
  return Math.max(EARLIEST, savedAt + (expiry.kind === 'seconds' ? expiry.ms : cookieAge))
}

/** Whether the session's cookie ends with the browser. */
export function endsWithBrowser(expiry: Expiry, { expireAtBrowserClose }: Ages): boolean {
  return expiry.kind === 'browser' || (expiry.kind === 'default' && expireAtBrowserClose)
}

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,6})\d*)?)?)?\s?(?:(Z)|([+-])(\d\d):?(\d\d)(?::\d\d(?:\.\d+)?)?)?$/

/**
 * Parses the output of Python's `isoformat()`. Without an offset it is UTC, in which Django stores moments. Null for what is no
 * date: JavaScript would take the 31st of February for one in March.
 */
function momentOf(text: string): number | null {
  const match = ISO.exec(text)
  if (!match) return null
  const number = (index: number) => Number(match[index] ?? 0)
  const fraction = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3))
  const local = new Date(0)
  // Not Date.UTC(), for which the year 50 is 1950.
  local.setUTCFullYear(number(1), number(2) - 1, number(3))
  local.setUTCHours(number(4), number(5), number(6), fraction)
  const isDate = local.getUTCMonth() === number(2) - 1 && local.getUTCDate() === number(3)
  const isTime = number(4) < 24 && number(5) < 60 && number(6) < 60 && number(10) < 24 && number(11) < 60
  if (!isDate || !isTime) return null
  const offset = (number(10) * 60 + number(11)) * 60_000
  const at = local.getTime() - (match[9] === '-' ? -offset : offset)
  return at >= EARLIEST && at <= LATEST ? at : null
}

/** Writes a moment in UTC like `isoformat()`. */
export function isoOf(at: number): string {
  const [whole = '', fraction = ''] = new Date(at).toISOString().slice(0, -1).split('.')
  return `${whole}${fraction === '000' ? '' : `.${fraction}000`}+00:00`
}
