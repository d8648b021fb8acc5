import type { Outcome } from '../../request/visit.ts'

/** What a session needs of a response's headers. */
export interface ResponseHeaders {
  get(name: string): string | undefined
  set(name: string, value: string): void
  /** Adds a line to those that are there. */
  append(name: string, value: string): void
  delete(name: string): void
  names(): Iterable<string>
}

/**
 * Headers that a cache between the visitor and this server obeys instead of Cache-Control: CDN-Cache-Control and those of one
 * vendor alone, such as Vercel-CDN-Cache-Control (RFC 9213 §3), Surrogate-Control, nginx's and Akamai's.
 */
const CACHE_HEADERS = /^(.+-cache-control|surrogate-control|x-accel-expires|edge-control)$/i

/** Sets the headers that a session's outcome requires, without weakening what the application has set itself. */
export function applyOutcome(outcome: Outcome, headers: ResponseHeaders): void {
  if (!outcome.used) return
  if (outcome.leavesCaching === true) {
    appendCookies(outcome, headers)
    return
  }
  const { noStore, vary: by = 'Cookie' } = outcome
  const vary = headers.get('vary')
  // A shared cache must not send one visitor's page to another (RFC 9110 §12.5.5).
  if (!vary) headers.set('Vary', by)
  else if (!vary.split(',').some((name) => isNamed(name.trim(), by))) headers.set('Vary', `${vary}, ${by}`)
  if (!hasLines(outcome) && noStore !== true) return
  appendCookies(outcome, headers)
  // Set, because an error page may have the line already, of the response that it replaces.
  for (const [name, value] of outcome.headers ?? []) headers.set(name, value)
  // Beside what the application clears itself.
  const { clearSiteData } = outcome
  if (clearSiteData && !headers.get('clear-site-data')?.includes(clearSiteData))
    headers.append('Clear-Site-Data', clearSiteData)
  // Nor must it store one visitor's cookie (OWASP Session Management Cheat Sheet, "Web Content Caching").
  if (!/\bno-store\b/i.test(headers.get('cache-control') ?? '')) headers.set('Cache-Control', 'no-store')
  // A CDN that finds one of these does not look at Cache-Control, and would hand the cookie to everybody.
  dropCacheHeaders(headers)
}

/** Does it change the visitor's token, or cookies of another framework? */
export const hasLines = ({ setCookie, clearCookies, headers, clearSiteData }: Outcome): boolean =>
  setCookie !== null ||
  (clearCookies !== undefined && clearCookies.length > 0) ||
  headers !== undefined ||
  clearSiteData !== undefined

const isNamed = (name: string, by: string) => name === '*' || name.toLowerCase() === by.toLowerCase()

function appendCookies({ setCookie, clearCookies = [] }: Outcome, headers: ResponseHeaders): void {
  // Ours comes last: a client that does not know Partitioned, such as curl, takes a line that removes the other spelling of it for one
  // that removes ours.
  for (const line of clearCookies) headers.append('Set-Cookie', line)
  if (setCookie !== null) headers.append('Set-Cookie', setCookie)
}

function dropCacheHeaders(headers: ResponseHeaders): void {
  for (const name of [...headers.names()]) if (CACHE_HEADERS.test(name)) headers.delete(name)
}

/** The headers of a Fetch response, which can be changed only if it was made here. */
export const fetchHeaders = (headers: Headers): ResponseHeaders => ({
  get: (name) => headers.get(name) ?? undefined,
  set: (name, value) => headers.set(name, value),
  append: (name, value) => headers.append(name, value),
  delete: (name) => headers.delete(name),
  names: () => headers.keys(),
})

/** The status that decides what is saved. `Response.error()` has none, and its visitor sees a failure. */
export const statusOf = ({ status }: Response): number => (status === 0 ? 500 : status)

/** For an error page: drops what describes a body that will not be sent, how long to cache it, or where to redirect to. */
export function dropBodyHeaders(headers: ResponseHeaders): void {
  for (const name of BODY_HEADERS) headers.delete(name)
  dropCacheHeaders(headers)
}

const BODY_HEADERS = [
  'Accept-Ranges',
  'Cache-Control',
  'Content-Disposition',
  'Content-Encoding',
  'Content-Language',
  'Content-Length',
  'Content-Range',
  'Content-Type',
  'ETag',
  'Expires',
  'Last-Modified',
  'Location',
  'Trailer',
  'Transfer-Encoding',
]
