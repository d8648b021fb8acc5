import type { Awaitable } from '../base/awaitable.ts'
import { booleanOption, checkOptions, insteadOf } from '../base/check.ts'
import { type CsrfSubject, isTokenOf } from '../crypto/csrf.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { ConfigError, CsrfError, type CsrfRefusal } from '../errors.ts'
import { type HeaderSource, header as headerOf } from './headers.ts'

/** Options of `csrf`. */
export interface CsrfOptions {
  /**
   * The application's own origin, such as `https://shop.example`, or several. By default it is taken from the request's `Host`; needed
   * behind a proxy that changes `Host`. `X-Forwarded-Host` and `X-Forwarded-Proto` are never read: a visitor can write them.
   */
  readonly origin?: string | readonly string[] | undefined
  /** Other origins whose pages may change something here. `https://*.shop.example` is every subdomain. */
  readonly trustedOrigins?: readonly string[] | undefined
  /** The header that a token is looked for in. Default `x-csrf-token`. */
  readonly header?: string | undefined
  /** The form field that a token is looked for in, when there is no such header. Default `_csrf`. */
  readonly field?: string | undefined
  /**
   * May a request pass that says nothing of where it comes from and carries no session cookie, as those of webhooks and API clients?
   * Default true. With false it needs a token, too, and so does every login form, for browsers from before 2020.
   */
  readonly allowWithoutCookie?: boolean | undefined
}

/**
 * The options, checked once, and what judges by them: sessions find it here, so that the bundle of an application without `csrf` has
 * none of it.
 */
export interface CsrfPolicy {
  /** Null to take it from the request. */
  readonly own: ReadonlySet<string> | null
  readonly trusts: (origin: string) => boolean
  readonly header: string
  readonly field: string
  readonly allowWithoutCookie: boolean
  /** Where does the request come from? `secureCookie`: is the session cookie Secure? */
  judge(request: CsrfRequest, secureCookie: boolean): CsrfVerdict
  /** What is wrong with the token of a request that does not say where it comes from; null for nothing. */
  refuseToken(request: CsrfRequest, ring: Keyring, subject: CsrfSubject | null): Promise<CsrfRefusal | null>
  refusal(reason: CsrfRefusal): CsrfError
}

/** What an adapter knows of a request. */
export interface CsrfRequest {
  readonly method: string
  readonly headers: HeaderSource
  /** The host that the request was made for, with its port. */
  readonly host: string | undefined
  /** Did the request itself arrive over TLS? What a proxy says about that does not count. */
  readonly encrypted: boolean
  /** A field of the form that was sent; absent where nobody has read the body. */
  readonly field?: ((name: string) => Awaitable<unknown>) | undefined
}

/** `unknown` when the request does not say where it comes from. */
export type CsrfVerdict = 'pass' | 'unknown' | Exclude<CsrfRefusal, 'no-token' | 'token'>

/** They change nothing (RFC 9110 §9.2.1), in an application that keeps to that. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** Judges by what browsers write and no page can: `Sec-Fetch-Site`, `Origin`, `Referer`. `secureCookie`: is the session cookie Secure? */
export function judgeOrigin(
  request: CsrfRequest,
  policy: Pick<CsrfPolicy, 'own' | 'trusts'>,
  secureCookie: boolean,
): CsrfVerdict {
  const { method, headers } = request
  if (SAFE.has(method) && !isHandshake(headers)) return 'pass'
  const origin = headerOf(headers, 'origin')
  if (origin !== undefined && policy.trusts(origin)) return 'pass'
  const site = headerOf(headers, 'sec-fetch-site')
  // With an Origin of null, too: that is what browsers send from a page with Referrer-Policy: no-referrer.
  if (site === 'same-origin') return 'pass'
  // Not a word that only a newer browser knows, either. `none` is said of what the user typed or opened: browsers do not post
  // that way, so what does is judged by the rest.
  if (site !== undefined && site !== 'none') return 'cross-site'
  const own = (given: string) => isOwn(given, request, policy, secureCookie)
  if (origin !== undefined) return own(origin) ? 'pass' : 'origin'
  const referer = headerOf(headers, 'referer')
  if (!referer) return 'unknown'
  const from = URL.parse(referer)?.origin ?? 'null'
  // Ours proves nothing: a proxy or a page may have removed it from others.
  return policy.trusts(from) || own(from) ? 'unknown' : 'referer'
}

/** A WebSocket is opened by a GET, and its page may then read and write with the visitor's session. */
const isHandshake = (headers: HeaderSource) => WEBSOCKET.test(headerOf(headers, 'upgrade') ?? '')

/** Among others, too: a list of protocols is allowed (RFC 9110 §7.8), and some servers take the first that they know. */
const WEBSOCKET = /(?:^|[\s,;])websocket(?:$|[\s,;/])/i

function isOwn(origin: string, request: CsrfRequest, { own }: Pick<CsrfPolicy, 'own'>, secureCookie: boolean): boolean {
  if (own !== null) return own.has(origin)
  const url = originUrl(origin)
  const { host, encrypted } = request
  if (!url || !host || !HOST.test(host) || URL.parse(`${url.protocol}//${host}/`)?.host !== url.host) return false
  // Behind a proxy that ends TLS, https arrives as http. The reverse is an attacker on the network, who can write any page of
  // http://, except on this machine or where the application itself is not encrypted.
  return url.protocol === 'https:' || (!encrypted && (!secureCookie || isLoopback(url.hostname)))
}

/** Without what ends a host in a URL: the rest of the value would be read as something else. */
const HOST = /^[^\s/\\?#@]+$/

const isLoopback = (name: string) => /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\])$/.test(name)

/** Null for what is not exactly an origin as browsers write it. */
function originUrl(origin: string): URL | null {
  const url = URL.parse(origin)
  return url && /^https?:$/.test(url.protocol) && url.origin === origin ? url : null
}

const OPTIONS = ['origin', 'trustedOrigins', 'header', 'field', 'allowWithoutCookie']

/** Of other libraries, and what they are here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  cookie: 'There is no cookie of its own: the token belongs to the session.',
  secret: 'Tokens are made under the secrets of the sessions.',
  getSecret: 'Tokens are made under the secrets of the sessions.',
  ignoreMethods: 'GET, HEAD, OPTIONS and TRACE pass, and others never do.',
  ignoredMethods: 'GET, HEAD, OPTIONS and TRACE pass, and others never do.',
  value: 'Write header or field.',
  trustProxy: "Write origin: 'https://…', the address that visitors see.",
}

/** For adapters: the options of their `csrf`, as `checkCsrf` takes them. Throws `ConfigError` for an option that is unknown or wrong. */
export function csrfPolicy(given: CsrfOptions = {}): CsrfPolicy {
  checkOptions('csrf()', given, OPTIONS, ELSEWHERE)
  const { origin, trustedOrigins = [], header = 'x-csrf-token', field = '_csrf' } = given
  const own = origin === undefined ? null : new Set(listOf('origin', origin).map((one) => exactOrigin('origin', one)))
  const trusted = trustedBy(listOf('trustedOrigins', trustedOrigins))
  if (typeof header !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(header))
    throw new ConfigError('Option "header" of csrf() must be the name of a header, such as \'x-csrf-token\'.')
  if (typeof field !== 'string' || field === '')
    throw new ConfigError('Option "field" of csrf() must be the name of a form field, such as \'_csrf\'.')
  const origins = {
    own,
    // What the application calls its own is its own, even where the browser sees a request from a neighbouring host.
    trusts: (one: string) => own?.has(one) === true || trusted(one),
  }
  const name = header.toLowerCase()
  return {
    ...origins,
    header: name,
    field,
    allowWithoutCookie: booleanOption('allowWithoutCookie', given.allowWithoutCookie, true),
    judge: (request, secureCookie) => judgeOrigin(request, origins, secureCookie),
    async refuseToken({ headers, field: read }, ring, subject) {
      // Before the body is read: a cookie that is made up must not make the server wait for a form, and hold it.
      if (!subject) return 'token'
      const sent = headerOf(headers, name) ?? (await read?.(field))
      if (typeof sent !== 'string' || sent === '') return 'no-token'
      return isTokenOf(ring, subject, sent) ? null : 'token'
    },
    refusal: (reason) => new CsrfError(reason),
  }
}

function listOf(name: string, given: unknown): readonly unknown[] {
  const list = typeof given === 'string' ? [given] : given
  if (Array.isArray(list) && (name !== 'origin' || list.length > 0)) return list
  throw new ConfigError(`Option "${name}" of csrf() must be an origin, or an array of origins.${insteadOf(given)}`)
}

function exactOrigin(name: string, given: unknown): string {
  // A host may have a star in it for a URL, and no browser has such an origin: the option would be accepted and do nothing.
  if (typeof given === 'string' && given.includes('*'))
    throw new ConfigError(
      `Option "${name}" of csrf(): a star stands for all subdomains, in trustedOrigins alone and as the first part of a host: 'https://*.shop.example'.`,
    )
  if (typeof given === 'string' && originUrl(given)) return given
  const meant = typeof given === 'string' ? originUrl(URL.parse(given)?.origin ?? '')?.origin : undefined
  throw new ConfigError(
    `Option "${name}" of csrf() takes origins as browsers write them: scheme, host and, if it is unusual, port.${meant ? ` Write '${meant}'.` : " Write 'https://shop.example'."}`,
  )
}

function trustedBy(list: readonly unknown[]): (origin: string) => boolean {
  const exact = new Set<string>()
  const suffixes: { readonly scheme: string; readonly end: string }[] = []
  for (const one of list) {
    const [, scheme = '', rest = ''] = /^(https?:\/\/)\*\.(.+)$/.exec(String(one)) ?? []
    if (scheme === '') exact.add(exactOrigin('trustedOrigins', one))
    else suffixes.push({ scheme, end: `.${exactOrigin('trustedOrigins', scheme + rest).slice(scheme.length)}` })
  }
  const matches = (origin: string) =>
    suffixes.some(({ scheme, end }) => origin.startsWith(scheme) && origin.endsWith(end)) && originUrl(origin) !== null
  return (origin) => exact.has(origin) || (suffixes.length > 0 && matches(origin))
}
