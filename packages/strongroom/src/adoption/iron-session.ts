import type { Awaitable } from '../base/awaitable.ts'
import { booleanOption, checkOptions, clockOption, wholeNumber } from '../base/check.ts'
import { importFailure } from '../base/load-driver.ts'
import { strictBase64url } from '../crypto/cookie-seal.ts'
import { ConfigError } from '../errors.ts'
import { type CookieSettings, cookieTransport, valuesOf } from '../http/cookie.ts'
import type { Clock } from '../store.ts'
import {
  adoptable,
  COOKIE_OPTIONS,
  decoded,
  type SessionValues,
  userIdOption,
  userOf,
  valuesOption,
} from './foreign-values.ts'
import type { AdoptionSource, SourceRefusal, SourceSession } from './source.ts'

/** Options of `ironSession`. */
export interface IronSessionOptions {
  /** The option `password` of iron-session, a string or an object of them by number. Of an array, each opens any cookie. */
  readonly password: string | readonly string[] | Readonly<Record<string, string>>
  /** From this moment on, the cookie of iron-session is ignored. */
  readonly until: Date
  readonly cookieName: string
  /** The attributes of its cookie, or it could not be removed. */
  readonly cookie?: Pick<CookieSettings, 'path' | 'domain' | 'secure' | 'sameSite' | 'partitioned'> | undefined
  /** The option `chunk` of iron-session 9: are there cookies named `<cookieName>.0` and so on to be removed? Default false. */
  readonly chunk?: boolean | undefined
  /**
   * In seconds, as in iron-session: how long a session lives from now on that names no end, which is one with `ttl: 0` or
   * `maxAge: undefined`. 0 is the default, 14 days.
   */
  readonly ttl?: number | undefined
  /**
   * Whose session it is; null for a visitor who is not signed in. Without it nobody is: the data is adopted, and a logout here cannot end
   * the older cookies of the same session.
   */
  readonly userId?: ((values: SessionValues) => Awaitable<string | number | null | undefined>) | undefined
  /** What is adopted of the session's data. Default: all of it. */
  readonly values?: ((values: SessionValues) => Readonly<Record<string, unknown>>) | undefined
  /** Returns the time in ms; for tests. */
  readonly clock?: Clock | undefined
}

const WHERE = 'ironSession()'
const KNOWN = [
  'password',
  'until',
  'cookieName',
  'cookie',
  'chunk',
  'ttl',
  'userId',
  'values',
  'clock',
] as const satisfies readonly (keyof IronSessionOptions)[]

const IRON_SESSION = 'iron-session'

/** iron-session refuses a shorter one, too. */
const SHORTEST = 32
const FOURTEEN_DAYS = 14 * 86_400
/** How many cookies iron-session 9 splits a session into at most. */
const CHUNKS = 4
/** More than its cookies can hold together. */
const LONGEST = 17_000

/** What versions 8 and 9 of iron-session have in common. */
export interface IronSessionPackage {
  unsealData(seal: string, options: { password: Record<string, string> }): Promise<unknown>
}

/**
 * iron-session, for the option `adoptFrom` of `createSessions`. Its sessions are in their cookies, and are opened by the package itself,
 * which the application still has.
 */
export function ironSession(options: IronSessionOptions): AdoptionSource {
  return ironSessionSource(options, ironSessionPackage)
}

/** In a `try` block of its own, as the drivers are imported, or an application without it could not be bundled. */
async function ironSessionPackage(): Promise<IronSessionPackage> {
  try {
    return await import('iron-session')
  } catch (cause) {
    throw importFailure(WHERE, 'iron-session', cause)
  }
}

/** With another copy of the package, for tests. */
export function ironSessionSource(
  options: IronSessionOptions,
  load: () => Promise<IronSessionPackage>,
): AdoptionSource {
  checkOptions(WHERE, options, KNOWN)
  const { cookieName, until, cookie = {} } = options
  if (typeof cookieName !== 'string' || cookieName === '')
    throw new ConfigError(`${WHERE}: cookieName must be the name of the cookie, as iron-session has it.`)
  checkOptions(`${WHERE}: cookie`, cookie, COOKIE_OPTIONS)
  const chunks = Array.from({ length: CHUNKS }, (_, index) => `${cookieName}.${index}`)
  const isChunked = booleanOption(`${WHERE}: chunk`, options.chunk, false)
  const names = isChunked ? [cookieName, ...chunks] : [cookieName]
  const read = readerOf(options, load)
  return {
    name: IRON_SESSION,
    until,
    stateless: true,
    clear: names.map((name) => cookieTransport({ ...cookie, name }).clear()),
    keyIn(cookies) {
      for (const value of valuesOf(cookies, `${cookieName}=`)) {
        const seal = sealIn(value)
        if (seal !== null) return seal
      }
      const parts = chunks.map((name) => valuesOf(cookies, `${name}=`)[0])
      const gap = parts.indexOf(undefined)
      return sealIn(parts.slice(0, gap < 0 ? CHUNKS : gap).join(''))
    },
    read,
  }
}

/**
 * Prefix, password id, salt, iv, data, end, salt, HMAC over all but the last two. The version that follows is not authenticated, and
 * base64 has several spellings of one value: a session must not have as many keys, because only those that were used are spent.
 */
function sealIn(given: string): string | null {
  const seal = decoded(given).split('~', 1)[0] as string
  const parts = seal.split('*')
  const [prefix, id = '', , , , end = ''] = parts
  if (seal.length > LONGEST || parts.length !== 8 || prefix !== 'Fe26.2') return null
  const isSeal = /^\w*$/.test(id) && /^(?:[1-9]\d{0,15})?$/.test(end) && strictBase64url(parts[7] as string) !== null
  return isSeal ? seal : null
}

type Read = (seal: string) => Promise<SourceSession | SourceRefusal | null>

function readerOf(options: IronSessionOptions, load: () => Promise<IronSessionPackage>): Read {
  const passwordsFor = passwordsOf(options.password)
  const ttl = wholeNumber(WHERE, 'ttl', options.ttl, 0, 0) || FOURTEEN_DAYS
  const clock = clockOption(WHERE, options.clock)
  const userIdOf = userIdOption(WHERE, options.userId ?? (() => null))
  const chosen = valuesOption(WHERE, options.values)
  return async (seal) => {
    const [, id = '', , , , end = ''] = seal.split('*')
    const now = clock()
    const expiresAt = end === '' ? now + ttl * 1000 : Number(end)
    if (expiresAt <= now) return null
    const passwords = passwordsFor(id)
    if (passwords.length === 0) return { refused: 'unknown-key' }
    const data = await unsealed(await loaded(load), seal, passwords)
    if (data === null) return { refused: 'forged' }
    const values = adoptable(data)
    if (values === null) return { refused: 'malformed' }
    const userId = await userOf(WHERE, userIdOf, values)
    // Neither when a session began is in it, nor when its user signed in.
    return { userId, values: chosen(values), expiresAt, persistent: end !== '' }
  }
}

/** What to try for a seal that names the password with this id. */
function passwordsOf(given: unknown): (id: string) => readonly Record<string, string>[] {
  const list = typeof given === 'string' ? [given] : given
  const isLong = (one: unknown): one is string => typeof one === 'string' && one.length >= SHORTEST
  const all: readonly unknown[] = typeof list === 'object' && list !== null ? Object.values(list) : []
  if (all.length === 0 || !all.every(isLong))
    throw new ConfigError(
      `${WHERE}: password must be the password of iron-session, a string of at least ${SHORTEST} characters, an array of them, or an object of them by number.`,
    )
  // The id of a password that has none is "default".
  if (Array.isArray(list)) return (id) => all.map((one) => ({ [id || 'default']: one as string }))
  const byId = { ...(list as Record<string, string>) }
  return (id) => (Object.hasOwn(byId, id || 'default') ? [{ [id || 'default']: byId[id || 'default'] as string }] : [])
}

/** The data; null if no password opens the seal. An empty session is no session, and iron-session says nothing else about a forged one. */
async function unsealed(
  { unsealData }: IronSessionPackage,
  seal: string,
  passwords: readonly Record<string, string>[],
): Promise<unknown> {
  for (const password of passwords) {
    // Version 8 throws for some of what does not open, and returns an empty object for the rest. Without "~2" it expects the data of version 6.
    const data = await unsealData(`${seal}~2`, { password }).catch(() => null)
    if (typeof data === 'object' && data !== null && Object.keys(data).length > 0) return data
  }
  return null
}

async function loaded(load: () => Promise<IronSessionPackage>): Promise<IronSessionPackage> {
  try {
    return await load()
  } catch (cause) {
    throw new ConfigError(
      `${WHERE} opens the cookies of iron-session with that package. Run \`npm install iron-session\`, or remove the source from adoptFrom.`,
      { cause },
    )
  }
}
