import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import type { Awaitable } from '../base/awaitable.ts'
import { booleanOption, checkOptions, clockOption } from '../base/check.ts'
import { type ConnectStore, destroyIn, getFrom, insteadOfConnectStore, isReadableStore } from '../base/connect.ts'
import { type Duration, milliseconds } from '../base/duration.ts'
import { warnOnce } from '../base/warn.ts'
import { equal } from '../crypto/keyring.ts'
import { ConfigError } from '../errors.ts'
import { type CookieSettings, cookieTransport, MOST_TRIED, valuesOf } from '../http/cookie.ts'
import type { Clock } from '../store.ts'
import { keysOf } from './connect-keys.ts'
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
import { Strays } from './strays.ts'

/** For the time after `npx @strongroom/cli move`, when the store of express-session is no longer read. */
export interface ExpressSessionMovedOptions {
  /** The option `secret` of express-session: any of several verifies a cookie. */
  readonly secret: ExpressSecret | readonly ExpressSecret[]
  /** From this moment on, the cookie of express-session is ignored. */
  readonly until: Date
  /** The name of its cookie. Default `connect.sid`. */
  readonly name?: string | undefined
  /** The attributes of its cookie, or it could not be removed. */
  readonly cookie?: Pick<CookieSettings, 'path' | 'domain' | 'secure' | 'sameSite' | 'partitioned'> | undefined
}

export interface ExpressSessionOptions extends ExpressSessionMovedOptions {
  /** The store that express-session has: one of connect-redis, connect-pg-simple, session-file-store and so on. */
  readonly store: Pick<ConnectStore, 'get' | 'destroy' | 'all' | 'ids'>
  /** How long a session lives that has no `cookie.maxAge`, as its store counts it. Default `'1d'`. */
  readonly lifetime?: Duration | undefined
  /**
   * The option `rolling` of express-session. Then each request has extended the session, which most stores note beside the record, and
   * not in it: a record that says that it has expired counts for as long as the store returns it. Here, `maxAge` is the idle limit then.
   */
  readonly rolling?: boolean | undefined
  /** With `rolling`: when the adopted session ends, however much it is used. Default `'12h'`, and at least `maxAge`. */
  readonly absolute?: Duration | undefined
  /** Whose session it is; null for a visitor who is not signed in. Default: the user that Passport has stored, if that is an id. */
  readonly userId?: ((values: SessionValues) => Awaitable<string | number | null | undefined>) | undefined
  /** What is adopted of the session's data. Default: all of it. */
  readonly values?: ((values: SessionValues) => Readonly<Record<string, unknown>>) | undefined
  /** Returns the time in ms; for tests. */
  readonly clock?: Clock | undefined
}

/** A secret of express-session, as its option `secret` has it. */
export type ExpressSecret = string | Uint8Array

const WHERE = 'expressSession()'
const MOVED = ['secret', 'until', 'name', 'cookie'] as const satisfies readonly (keyof ExpressSessionMovedOptions)[]
const KNOWN = [
  ...MOVED,
  'store',
  'lifetime',
  'rolling',
  'absolute',
  'userId',
  'values',
  'clock',
] as const satisfies readonly (keyof ExpressSessionOptions)[]

/** The source's name. It becomes part of tokens, here and in `npx @strongroom/cli move`. */
export const EXPRESS_SESSION = 'express-session'

/**
 * express-session, for the option `adoptFrom` of `createSessions`: a visitor with its cookie gets the same session here, and the one
 * in its store ends. Without `store`, only sessions that `npx @strongroom/cli move` has copied are found.
 */
export function expressSession(options: ExpressSessionOptions | ExpressSessionMovedOptions): AdoptionSource {
  if (hasStore(options)) checkOptions(WHERE, options, KNOWN)
  else checkOptions(`${WHERE} without a store`, options, MOVED)
  const { name = 'connect.sid', cookie = {}, until } = options
  checkOptions(`${WHERE}: cookie`, cookie, COOKIE_OPTIONS)
  const keys = keysFrom(options.secret)
  const strays = new Strays()
  const common: AdoptionSource = {
    name: EXPRESS_SESSION,
    until,
    clear: cookieTransport({ ...cookie, name }).clear(),
    keyIn: (cookies) => {
      // Like every cookie, it can be there twice, and a neighbouring host can plant one.
      const values = new Set(valuesOf(cookies, `${name}=`).slice(0, MOST_TRIED))
      for (const value of values) {
        const sid = sidIn(value, keys)
        if (sid === null && looksSigned(value)) strays.unsigned(value)
        if (sid === null) continue
        strays.signed()
        return sid
      }
      return null
    },
  }
  if (!hasStore(options)) return common
  const { store } = options
  if (!isReadableStore(store))
    throw new ConfigError(
      `${WHERE}: store must be the store that express-session has, an object with get and destroy, such as new RedisStore({ client }). Without its own, express-session makes a MemoryStore, which nobody else can read.${insteadOfConnectStore(store)}`,
    )
  const read = readerOf(options)
  return {
    ...common,
    read: async (sid) => {
      const record = await getFrom(store, sid)
      if (record === null) strays.absent(sid)
      else strays.found()
      return read(record)
    },
    end: (sid) => destroyIn(store, sid),
    ...keysOf(store),
  }
}

/** One that is undefined was forgotten, and is no reason to read copies alone. */
const hasStore = (options: ExpressSessionOptions | ExpressSessionMovedOptions): options is ExpressSessionOptions =>
  isObject(options) && 'store' in options

function keysFrom(given: ExpressSessionMovedOptions['secret']): readonly KeyObject[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  const isSecret = (one: unknown): one is ExpressSecret =>
    (typeof one === 'string' || one instanceof Uint8Array) && one.length > 0
  if (list.length === 0 || !list.every(isSecret))
    throw new ConfigError(
      `${WHERE}: secret must be the secret of express-session, a string or a Buffer that is not empty, or an array of them.`,
    )
  return list.map((one) => createSecretKey(Buffer.from(one as Uint8Array)))
}

/** `s:` + id + `.` + HMAC-SHA-256 in base64 without padding, percent-encoded. Null for anything that no secret signed. */
function sidIn(given: string, keys: readonly KeyObject[]): string | null {
  const value = decoded(given)
  const dot = value.lastIndexOf('.')
  if (!value.startsWith('s:') || dot <= 2) return null
  const [sid, signature] = [value.slice(2, dot), Buffer.from(value.slice(dot + 1))]
  const isSigned = keys.some((key) => {
    const expected = createHmac('sha256', key).update(sid).digest('base64').replace(/=+$/, '')
    return equal(Buffer.from(expected), signature)
  })
  return isSigned ? sid : null
}

/** Has it the form, signed by anyone or by nobody? */
const looksSigned = (given: string) => /^s(?::|%3a)[^.]+\./i.test(given)

/** `endsAt`: when the store drops the record, where that is known. */
export type ExpressReader = (record: unknown, endsAt?: number | null) => Promise<SourceSession | SourceRefusal | null>

/** Reads what a store returned for a session. */
export function readerOf(options: Omit<ExpressSessionOptions, 'store' | 'secret' | 'until'>): ExpressReader {
  const lifetime = milliseconds(options.lifetime ?? '1d', `${WHERE}: lifetime`)
  warnOfSeconds({ lifetime: options.lifetime, absolute: options.absolute })
  const rolling = booleanOption(`${WHERE}: rolling`, options.rolling, false)
  if (options.absolute !== undefined && !rolling)
    throw new ConfigError(`${WHERE}: absolute is for rolling: true. Without it, a session ends when its cookie says.`)
  const absolute = milliseconds(options.absolute ?? '12h', `${WHERE}: absolute`)
  const clock = clockOption(WHERE, options.clock)
  const userIdOf = userIdOption(WHERE, options.userId ?? passportUsers())
  const chosen = valuesOption(WHERE, options.values)
  return async (record, endsAt = null) => {
    if (record === null) return null
    const life = isObject(record) ? lifeOf(record.cookie) : null
    const values = adoptable(record)
    // No session of express-session: it would fail, too, and adopting what is not understood would guess.
    if (life === null || values === null) return { refused: 'malformed' }
    const now = clock()
    if (life.expiresAt !== null && life.expiresAt <= now && !rolling) return null
    // The second is what session-file-store notes for itself.
    const { cookie: _, __lastAccess: __, ...data } = values
    const length = life.length ?? lifetime
    // In a move it is read again and again, and must not live longer for that.
    const ends: Pick<SourceSession, 'expiresAt' | 'idle'> =
      rolling && endsAt === null
        ? { idle: length, expiresAt: now + Math.max(length, absolute) }
        : { expiresAt: (rolling ? endsAt : (life.expiresAt ?? endsAt)) ?? now + length }
    return {
      userId: await userOf(WHERE, userIdOf, data),
      values: chosen(data),
      ...ends,
      persistent: life.expiresAt !== null,
    }
  }
}

interface Life {
  /** Null for a cookie that ends with the browser. */
  readonly expiresAt: number | null
  /** `maxAge`, which each request begins again. */
  readonly length: number | null
}

/** Of the cookie's attributes in a record. `expires` is a string or a Date; null or false if there is no maxAge. Null for none of these. */
function lifeOf(cookie: unknown): Life | null {
  if (!isObject(cookie)) return null
  const { expires, originalMaxAge } = cookie
  const length = typeof originalMaxAge === 'number' && originalMaxAge > 0 ? originalMaxAge : null
  if (expires === null || expires === undefined || expires === false) return { expiresAt: null, length }
  const expiresAt = typeof expires === 'string' || expires instanceof Date ? new Date(expires).getTime() : Number.NaN
  return Number.isNaN(expiresAt) ? null : { expiresAt, length }
}

/** The stores of express-session count in seconds. A length in ms that is meant as one is a number of minutes as a rule. */
function warnOfSeconds(lengths: Pick<ExpressSessionOptions, 'lifetime' | 'absolute'>): void {
  for (const [name, given] of Object.entries(lengths))
    if (typeof given === 'number' && given < 3_600_000 && given % 60_000 !== 0)
      process.emitWarning(
        `${WHERE} has ${name}: ${given}. A number is milliseconds, so that is less than an hour; for as many seconds, write '${given}s'.`,
        { code: 'STRONGROOM_LIFETIME' },
      )
}

/** The user that Passport has stored. With one warning if that is an object: then these visitors are signed in for Passport alone. */
function passportUsers(): (values: SessionValues) => string | number | null {
  const warn = warnOnce('STRONGROOM_ADOPT_FROM')
  return ({ passport }) => {
    const user = isObject(passport) ? passport.user : null
    if ((typeof user === 'string' && user !== '') || typeof user === 'number') return user
    if (isObject(user))
      warn(
        `The serializeUser of the application has made an object, in which ${WHERE} finds no id: such sessions are adopted with their data, and as nobody's. Name the id, such as userId: ({ passport }) => passport?.user?.id.`,
      )
    return null
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null
