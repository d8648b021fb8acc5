import { type AdoptionSource, ConfigError, type Id, type SessionsOptions } from 'strongroom'
import { checkOptions, clockOption, latin1Of } from 'strongroom/internal'
import { EXPIRY } from './document.ts'
import { type DjangoEngine, isSessionKey } from './engine.ts'
import { endOf, expiryIn } from './expiry.ts'
import { openForReading, type ReaderOptions, SessionReader } from './reader.ts'
import { type DjangoCookieSettings, djangoTransport, isDuplicate, LONGEST_COOKIE } from './transport.ts'

/** For the time after `npx @strongroom/cli move`, when Django's storage is no longer read. */
export interface DjangoMovedOptions extends Pick<SessionsOptions, 'clock'> {
  /** From this moment on, Django's cookie is ignored. */
  readonly until: Date
  readonly cookie?: DjangoCookieSettings | undefined
}

export interface DjangoSourceOptions extends DjangoMovedOptions, ReaderOptions {
  /** Where Django stores its sessions: `djangoSqlite(…)`, `djangoPostgres(…)` and so on. */
  readonly store: DjangoEngine
}

const MOVED = ['until', 'cookie', 'clock'] as const
const KNOWN = [
  ...MOVED,
  'store',
  'secretKey',
  'secretKeyFallbacks',
  'password',
  'cookieAge',
  'expireAtBrowserClose',
  'salt',
  'legacy',
  'maxSize',
] as const satisfies readonly (keyof DjangoSourceOptions)[]

/** The source's name. It becomes part of tokens, here and in `npx @strongroom/cli move`. */
export const SOURCE_NAME = 'django'

/**
 * Django, for the option `adoptFrom` of `createSessions`: a visitor with Django's cookie gets the same session here, and
 * Django's session ends. Without `store`, only sessions that `npx @strongroom/cli move` has copied are found, and Django's
 * database may be gone.
 */
export function django(options: DjangoSourceOptions | DjangoMovedOptions): AdoptionSource {
  const hasStore = 'store' in options && options.store !== undefined
  checkOptions(hasStore ? 'django()' : 'django() without a store', options, hasStore ? KNOWN : MOVED)
  const transport = djangoTransport(options.cookie ?? {})
  const clock = clockOption('django()', options.clock)
  const common = { name: SOURCE_NAME, until: options.until, clear: transport.clear() }
  const keyIn = (cookies: string, isKey: (value: string) => boolean) => {
    // Like Django, use the last of several.
    const value = transport.read(cookies).at(-1)
    return value !== undefined && !isDuplicate(value) && isKey(value) ? value : null
  }
  const isShortEnough = (value: string) => value.length <= LONGEST_COOKIE
  // What a key looks like depends on what was moved. One that is none leads nowhere.
  if (!hasStore) return { ...common, keyIn: (cookies) => keyIn(cookies, isShortEnough) }
  const { store: engine } = options
  if (typeof engine?.open !== 'function')
    throw new ConfigError("django(): store must be a Django engine, such as djangoSqlite('./db.sqlite3').")
  if (engine.name === 'signed_cookies') {
    const salt = 'django.contrib.sessions.backends.signed_cookies'
    const reader = new SessionReader('django()', options, { salt, clock })
    const read = readCookies(reader, clock)
    return { ...common, stateless: true, keyIn: (cookies) => keyIn(cookies, isShortEnough), read }
  }
  const { store, reader } = openForReading('django()', engine, { ...options, clock, cookieName: transport.name })
  return {
    ...common,
    keyIn: (cookies) => keyIn(cookies, isSessionKey),
    async read(key) {
      const found = await store.read(key as Id)
      return found && reader.session(latin1Of(found.entry.bytes), found.entry.expiresAt)
    },
    end: (key) => store.delete(key as Id),
    close: () => store.close(),
  }
}

/** A signed cookie cannot be ended at Django. Here, the receipt of its adoption ends it, and a logout its older copies. */
function readCookies(reader: SessionReader, clock: () => number): NonNullable<AdoptionSource['read']> {
  return async (cookie) => {
    const data = reader.decode(cookie)
    if ('refused' in data) return data
    const signedAt = data.signedAt ?? 0
    const expiresAt = endOf(expiryIn(data.document.entries.get(EXPIRY)), signedAt, reader.ages)
    const until = Math.min(expiresAt, signedAt + reader.ages.cookieAge)
    return clock() > until ? null : reader.sessionOf(data, until)
  }
}
