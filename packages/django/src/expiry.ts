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

/** A value that makes no sense counts as absent. (In Django it leads to a 500.) */
export function expiryIn(node: Node | undefined): Expiry {
  const value = node?.kind === 'scalar' ? node.value : null
  if (value === 0 || value === false) return { kind: 'browser' }
  if (typeof value === 'number' && Number.isFinite(value)) return { kind: 'seconds', ms: value * 1000 }
  if (value === true) return { kind: 'seconds', ms: 1000 }
  const at = typeof value === 'string' ? momentOf(value) : null
  return at === null ? { kind: 'default' } : { kind: 'moment', at }
}

/** Returns when a session ends that was saved at `savedAt`. */
export function endOf(expiry: Expiry, savedAt: number, { cookieAge }: Ages): number {
  if (expiry.kind === 'moment') return expiry.at
  return savedAt + (expiry.kind === 'seconds' ? expiry.ms : cookieAge)
}

/** Whether the session's cookie ends with the browser. */
export function endsWithBrowser(expiry: Expiry, { expireAtBrowserClose }: Ages): boolean {
  return expiry.kind === 'browser' || (expiry.kind === 'default' && expireAtBrowserClose)
}

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,6})\d*)?)?)?\s?(?:(Z)|([+-])(\d\d):?(\d\d)(?::\d\d(?:\.\d+)?)?)?$/

/** Parses the output of Python's `isoformat()`. Without an offset it is UTC, in which Django stores moments. */
function momentOf(text: string): number | null {
  const match = ISO.exec(text)
  if (!match) return null
  const number = (index: number) => Number(match[index] ?? 0)
  const fraction = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3))
  const local = Date.UTC(number(1), number(2) - 1, number(3), number(4), number(5), number(6), fraction)
  const offset = (number(10) * 60 + number(11)) * 60_000
  return local - (match[9] === '-' ? -offset : offset)
}

/** Writes a moment in UTC like `isoformat()`. */
export function isoOf(at: number): string {
  const [whole = '', fraction = ''] = new Date(at).toISOString().slice(0, -1).split('.')
  return `${whole}${fraction === '000' ? '' : `.${fraction}000`}+00:00`
}
