import { type Clock, ConfigError, type Former, type Id, type SessionsOptions, type Store } from 'strongroom'
import { checkOptions, clockOption } from 'strongroom/internal'
import type { DjangoEngine } from './engine.ts'
import { endOf, expiryIn } from './expiry.ts'
import { isKey } from './key.ts'
import { Reader, type ReaderOptions } from './reader.ts'
import { endOfText } from './records.ts'
import { type DjangoCookieSettings, djangoTransport, isDuplicate } from './transport.ts'

/** For the time after `strongroom move`, when Django's storage is not asked any more. */
export interface DjangoMovedOptions extends Pick<SessionsOptions, 'clock'> {
  /** From this moment on Django's cookie is ignored. */
  readonly until: Date
  readonly cookie?: DjangoCookieSettings | undefined
}

export interface DjangoSourceOptions extends DjangoMovedOptions, ReaderOptions {
  /** Where Django keeps its sessions: `djangoSqlite(…)`, `djangoPostgres(…)` and so on. */
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

/** Goes into tokens, here and in `strongroom move`. */
export const NAME = 'django'

/** Longer than any cookie that a browser keeps. */
const LONGEST_TEXT = 8192

/**
 * Django, for the option `formerly` of `createSessions`: whoever comes with its cookie has the same session here, and Django's
 * ends. Without `store` only what `strongroom move` has brought over is found, and Django's database may be gone.
 */
export function django(options: DjangoSourceOptions | DjangoMovedOptions): Former {
  const reads = 'store' in options && options.store !== undefined
  checkOptions(reads ? 'django()' : 'django() without a store', options, reads ? KNOWN : MOVED)
  const transport = djangoTransport(options.cookie ?? {})
  const clock = clockOption('django()', options.clock)
  const common = { name: NAME, until: options.until, clear: transport.clear() }
  const lastOf = (cookies: string, fits: (text: string) => boolean) => {
    // As Django: the last of several.
    const text = transport.read(cookies).at(-1)
    return text !== undefined && !isDuplicate(text) && fits(text) ? text : null
  }
  if (!reads) {
    // What a key is depends on what was moved; nothing is found under what is none.
    return { ...common, keyIn: (cookies) => lastOf(cookies, (text) => text.length <= LONGEST_TEXT) }
  }
  const { store: engine } = options
  if (typeof engine?.open !== 'function')
    throw new ConfigError("django(): store is one of Django's, such as djangoSqlite('./db.sqlite3').")
  if (engine.name === 'signed_cookies') {
    const salt = 'django.contrib.sessions.backends.signed_cookies'
    const reader = new Reader('django()', options, { salt, clock })
    return {
      ...common,
      keyIn: (cookies) => lastOf(cookies, (text) => text.length <= LONGEST_TEXT),
      read: carried(reader, clock),
    }
  }
  const { store, reader } = opened('django()', engine, { ...options, clock, cookieName: transport.name })
  return {
    ...common,
    keyIn: (cookies) => lastOf(cookies, isKey),
    async read(key) {
      const found = await store.read(key as Id)
      return found && reader.session(Buffer.from(found.entry.bytes).toString('latin1'), found.entry.expiresAt)
    },
    end: (key) => store.delete(key as Id),
    close: () => store.close(),
  }
}

/** A store of Django's, and what reads it. */
export function opened(
  where: string,
  engine: DjangoEngine,
  { clock, cookieName, ...options }: ReaderOptions & { readonly clock: Clock; readonly cookieName: string },
): { readonly store: Store; readonly reader: Reader } {
  const reader = new Reader(where, options, { salt: 'django.contrib.sessions.SessionStore', clock })
  const endOf = (text: string, savedAt: number) => endOfText(text, savedAt, { ...reader.ages, codec: reader.codec })
  return { reader, store: engine.open({ clock, cookieName, endOf }) as Store }
}

/** Nothing ends such a cookie at Django's; here, the receipt of its take-over does. */
function carried(reader: Reader, clock: () => number): NonNullable<Former['read']> {
  return async (text) => {
    const data = reader.codec.decode(text)
    if ('refused' in data) return data
    const signedAt = data.signedAt ?? 0
    const expiresAt = endOf(expiryIn(data.document.entries.get('_session_expiry')), signedAt, reader.ages)
    const until = Math.min(expiresAt, signedAt + reader.ages.cookieAge)
    return clock() > until ? null : reader.sessionOf(data, until)
  }
}
