import { ConfigError, UnsupportedError } from '../errors.ts'

/**
 * What a browser can be asked to clear of a site, by the header Clear-Site-Data (W3C Clear Site Data §3.1). All but `cookies` is about the
 * origin alone; `cookies` is about the whole registrable domain, with the cookies of every other application on it.
 */
export type SiteData =
  | 'cache'
  | 'clientHints'
  | 'cookies'
  | 'executionContexts'
  | 'prefetchCache'
  | 'prerenderCache'
  | 'storage'

/** Options of `session.logout`. */
export interface LogoutOptions {
  /**
   * What the browser clears with the response to this logout; an empty list is nothing. Default: the option `clearSiteData` of
   * `createSessions`. Not sent where the option `cookie` has `secure: false`: browsers obey it over https alone.
   */
  readonly clearSiteData?: readonly SiteData[] | undefined
}

/** The value of the header for one logout; null for none. Throws `TypeError` for a wrong option. */
export type SiteDataOf = (options: LogoutOptions | undefined) => string | null

const KINDS: readonly unknown[] = [
  'cache',
  'clientHints',
  'cookies',
  'executionContexts',
  'prefetchCache',
  'prerenderCache',
  'storage',
] satisfies SiteData[]

/** How tokens are sent. */
interface Sending {
  /** Over TLS alone? */
  readonly secure: boolean
  /** Not in cookies, so that clients are no browsers? */
  readonly other?: object | undefined
}

/** What is cleared at logouts, by the option `clearSiteData`. Throws `ConfigError` for a wrong option. */
export function siteDataOf(given: readonly SiteData[] | undefined, { secure, other }: Sending): SiteDataOf {
  const mistake = given === undefined ? null : mistakeIn(given)
  if (mistake) throw new ConfigError(`clearSiteData ${mistake}`)
  const standard = headerOf(given ?? [])
  return (options) => {
    const kinds = options && checked(options)
    if (kinds && other)
      throw new UnsupportedError('logout: clearSiteData is for browsers, and these sessions have bearer().')
    if (!secure || other) return null
    return kinds ? headerOf(kinds) : standard
  }
}

function checked(options: LogoutOptions): readonly SiteData[] | undefined {
  if (typeof options !== 'object' || options === null)
    throw new TypeError("logout() takes its options as an object: logout({ clearSiteData: ['storage'] }).")
  const unknown = Object.keys(options).find((name) => name !== 'clearSiteData')
  if (unknown) throw new TypeError(`logout() has no option '${unknown}'. Known: clearSiteData.`)
  const { clearSiteData } = options
  const mistake = clearSiteData === undefined ? null : mistakeIn(clearSiteData)
  if (mistake) throw new TypeError(`logout: clearSiteData ${mistake}`)
  return clearSiteData
}

/** Null if there is none. */
function mistakeIn(given: unknown): string | null {
  if (!Array.isArray(given)) return "must be a list, such as ['storage']; an empty one is nothing."
  // It would clear the cookies of the whole domain, and does not say so.
  if (given.includes('*')) return "does not take '*', which clears cookies, too: name what is to be cleared."
  return given.every((kind) => KINDS.includes(kind)) ? null : `can have these: ${KINDS.join(', ')}.`
}

/** Of quoted strings: anything else is ignored by browsers. */
const headerOf = (kinds: readonly SiteData[]) =>
  kinds.length === 0 ? null : [...new Set(kinds)].map((kind) => `"${kind}"`).join(', ')
