import { parseSetCookie, stringifySetCookie } from 'cookie'
import { checkOptions } from '../base/check.ts'
import { ConfigError } from '../errors.ts'
import type { Transport } from './transport.ts'

/** The session cookie's name and attributes: the option `cookie`. */
export interface CookieSettings {
  /** Default `__Host-id`, which browsers accept only over https, for this host alone, and never from a subdomain. */
  readonly name?: string | undefined
  /** Default true. False is for http on localhost, needs a name without prefix, and is refused in production. */
  readonly secure?: boolean | undefined
  /** Default `lax`. `none` needs `secure`, and is for applications in frames of other sites. */
  readonly sameSite?: 'lax' | 'strict' | 'none' | undefined
  /** Default `/`. */
  readonly path?: string | undefined
  /** Shares the cookie with subdomains; needs another name prefix, such as `__Secure-id`. */
  readonly domain?: string | undefined
  /** A separate cookie jar for each top-level site (CHIPS). */
  readonly partitioned?: boolean | undefined
  /**
   * What the cookie was called before: it is read, too, and removed when a new one is set. Needs the option
   * `namespace`: the old name, unless the old cookies had another namespace.
   */
  readonly formerName?: string | undefined
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const DOMAIN = /^\.?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i
const PREFIXED = /^__(host|secure|http)-/i
const NONE: readonly string[] = []

/** How many cookies of one name are tried: each costs an HMAC, and a header of 16 KB has room for hundreds. */
export const MOST_TRIED = 8

/** What to write instead of settings that cookies have elsewhere. */
const LIFETIME = 'How long a cookie lives is said by the options "absolute" and "expireAtBrowserClose".'
const ELSEWHERE: Readonly<Record<string, string>> = {
  maxAge: LIFETIME,
  expires: LIFETIME,
  httpOnly: 'Leave it out: the cookie is always HttpOnly.',
  signed: 'Leave it out: the cookie is always authenticated.',
}

export function cookieTransport(given: CookieSettings = {}, production = false): Transport {
  checkOptions(
    'cookie',
    given,
    ['name', 'secure', 'sameSite', 'path', 'domain', 'partitioned', 'formerName'],
    ELSEWHERE,
  )
  const { name = '__Host-id', secure = true, sameSite = 'lax', path = '/', domain, partitioned = false } = given
  const { formerName } = given
  if (formerName !== undefined && (typeof formerName !== 'string' || !NAME.test(formerName) || formerName === name))
    throw new ConfigError('cookie.formerName must be the name of a cookie, and another one than cookie.name.')
  checkCookie({ name, secure, sameSite, path, domain, partitioned }, production)
  if (production && !PREFIXED.test(name))
    throw new ConfigError(`cookie.name needs the prefix '__Host-' (or '__Secure-' with a domain) in production.`)
  const attributes = {
    httpOnly: true,
    secure,
    sameSite,
    path,
    partitioned,
    ...(domain === undefined ? {} : { domain }),
  }
  const empty = stringifySetCookie({ name, value: '', ...attributes })
  const tail = empty.slice(name.length + 1)
  const start = `${name}=`
  const former = formerName === undefined ? null : `${formerName}=`
  const valuesIn = (header: string) =>
    former === null ? valuesOf(header, start) : [...valuesOf(header, start), ...valuesOf(header, former)]
  return {
    name,
    secure,
    read: (header) => (header ? valuesIn(header) : NONE),
    hasOthers: (header) =>
      header !== undefined &&
      (valuesOf(header, start).length > 1 || (former !== null && valuesOf(header, former).length > 0)),
    clearOthers(host) {
      const all = spellingsOf({ names: formerName === undefined ? [name] : [name, formerName], path, domain, host })
      const isOurs = (one: Spelling) =>
        one.name === name && one.path === path && one.domain === domain && one.partitioned === partitioned
      return all
        .filter((one) => !isOurs(one))
        .map(({ domain, ...one }) =>
          stringifySetCookie({
            value: '',
            httpOnly: true,
            secure: secure || one.partitioned || PREFIXED.test(one.name),
            sameSite,
            ...one,
            ...(domain !== undefined && { domain }),
            maxAge: 0,
            expires: new Date(0),
          }),
        )
    },
    set: (value, maxAge) =>
      maxAge === undefined
        ? start + value + tail
        : stringifySetCookie({ name, value, ...attributes, maxAge: Math.max(0, Math.floor(maxAge / 1000)) }),
    clear: () => stringifySetCookie({ name, value: '', ...attributes, maxAge: 0, expires: new Date(0) }),
  }
}

/** A Set-Cookie line in parts, for a framework that writes the line itself. The value is as it was in the line. */
export const partsOf = (line: string) => parseSetCookie(line, { decode: (value) => value })

/** The name of the cookie that a Set-Cookie line is about. */
export const nameOf = (line: string): string => parseSetCookie(line).name

/**
 * Do two Set-Cookie lines mean the same cookie of a browser? Without a path, the browser takes one from the URL of the request, which
 * may be any.
 */
export function isSameCookie(one: string, other: string): boolean {
  const [a, b] = [parseSetCookie(one), parseSetCookie(other)]
  const domainOf = ({ domain = '' }: { domain?: string | undefined }) => domain.replace(/^\./, '').toLowerCase()
  return (
    a.name === b.name &&
    domainOf(a) === domainOf(b) &&
    (a.path === undefined || b.path === undefined || a.path === b.path) &&
    (a.partitioned === true) === (b.partitioned === true)
  )
}

/** In the order of RFC 6265 §5.4. Only the exact name counts: `x__Host-id=` and `=__Host-id=` are other cookies. */
export function valuesOf(header: string, start: string): readonly string[] {
  const values: string[] = []
  let at = 0
  while (at < header.length) {
    const end = header.indexOf(';', at)
    const stop = end < 0 ? header.length : end
    while (at < stop && (header.charCodeAt(at) === 32 || header.charCodeAt(at) === 9)) at++
    if (header.startsWith(start, at)) {
      const value = header.slice(at + start.length, stop).trim()
      if (value) values.push(value)
    }
    at = stop + 1
  }
  return values
}

/** What tells cookies of one browser apart. */
interface Spelling {
  readonly name: string
  readonly path: string
  readonly domain: string | undefined
  readonly partitioned: boolean
}

/** All that browsers accept for these names on this host. */
function spellingsOf({
  names,
  path,
  domain,
  host,
}: {
  readonly names: readonly string[]
  readonly path: string
  readonly domain: string | undefined
  readonly host: string | undefined
}): readonly Spelling[] {
  const domains = [...new Set([undefined, domain, ...domainsOf(host)])]
  const paths = [...new Set(['/', path])]
  return names.flatMap((name) => {
    const isHostOnly = /^__host-/i.test(name)
    return (isHostOnly ? [undefined] : domains).flatMap((domain) =>
      (isHostOnly ? ['/'] : paths).flatMap((path) =>
        [false, true].map((partitioned) => ({ name, path, domain, partitioned })),
      ),
    )
  })
}

/** The domains that a host may set cookies for: itself and those above it, but no top-level one. At most four. */
function domainsOf(host: string | undefined): readonly string[] {
  // The visitor writes it: what is no host name, or a very long one, names no domain.
  const name = host !== undefined && host.length <= 260 ? host.replace(/:\d{1,5}$/, '').toLowerCase() : ''
  if (!DOMAIN.test(name) || name.startsWith('.') || /^[\d.]+$/.test(name)) return []
  const labels = name.split('.').slice(-5)
  return labels.slice(0, -1).map((_, i) => labels.slice(i).join('.'))
}

interface Checked {
  name: string
  secure: boolean
  sameSite: string
  path: string
  domain: string | undefined
  partitioned: boolean
}

/** Throws `ConfigError` for a cookie that no browser would accept, or that would be sent unencrypted in production. */
export function checkCookie(cookie: Checked, production: boolean): void {
  const { name, secure, sameSite, path, domain, partitioned } = cookie
  if (typeof name !== 'string' || !NAME.test(name) || name.length > 256)
    throw new ConfigError(
      'cookie.name must be 1 to 256 characters of a token (RFC 9110 §5.6.2): letters, digits, and - . _ and the like.',
    )
  if (!['lax', 'strict', 'none'].includes(sameSite))
    throw new ConfigError("cookie.sameSite must be 'lax', 'strict' or 'none'.")
  if (typeof secure !== 'boolean' || typeof partitioned !== 'boolean')
    throw new ConfigError('cookie.secure and cookie.partitioned must be true or false.')
  // Browsers ignore an attribute that is longer (RFC 6265bis §5.6), and take the path of the page instead.
  if (typeof path !== 'string' || !/^\/[ -:=-~]{0,1023}$/.test(path))
    throw new ConfigError(
      "cookie.path must begin with '/' and contain at most 1024 printable ASCII characters without ';' and '<'.",
    )
  if (domain !== undefined && !(typeof domain === 'string' && domain.length <= 253 && DOMAIN.test(domain)))
    throw new ConfigError("cookie.domain must be a host name, such as 'example.com'.")
  if (!secure && (production || PREFIXED.test(name) || sameSite === 'none' || partitioned))
    throw new ConfigError(
      production
        ? 'cookie.secure: false is refused in production: the cookie would be sent unencrypted.'
        : "cookie.secure: false is for http on localhost: it needs a plain name (cookie: { name: 'id', secure: false }), sameSite 'lax' or 'strict', and no partitioned.",
    )
  if (/^__host-/i.test(name) && (domain !== undefined || path !== '/'))
    throw new ConfigError(
      "A '__Host-' cookie must have path '/' and no domain, or browsers refuse it. Name it '__Secure-id' instead.",
    )
}
