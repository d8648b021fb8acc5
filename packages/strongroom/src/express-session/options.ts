import { createHash, KeyObject } from 'node:crypto'
import type { Request } from 'express'
import type { Engine } from '../backing/create.ts'
import { booleanOption, checkOptions, insteadOf, oneOf } from '../base/check.ts'
import { type ConnectStore, isConnectStore } from '../base/connect.ts'
import { LONGEST, milliseconds } from '../base/duration.ts'
import { createKeyring } from '../crypto/keyring.ts'
import { ConfigError } from '../errors.ts'
import { valuesOf } from '../http/cookie.ts'
import type { Transport } from '../http/transport.ts'
import type { SessionsOptions } from '../options.ts'
import { isInProcessMemory } from '../store.ts'
import { connectEngine } from './connect-engine.ts'
import { Cookie, type CookieAttributes } from './cookie.ts'
import { isOverTls, type SessionRequest } from './request.ts'
import { MemoryStore, SessionStore } from './store.ts'

/** What express-session does and this does not, unless it is asked to; docs/express-session.md says why. */
export const QUIRKS = ['keeps-cookie', 'no-cache-headers', 'sends-unsaved'] as const
/** A fault of express-session that can be asked for. */
export type Quirk = (typeof QUIRKS)[number]

/** `cookie` of express-session. */
export interface CookieOptions extends Omit<CookieAttributes, 'secure' | 'sameSite' | 'originalMaxAge'> {
  /** `auto`: as the connection is. */
  readonly secure?: boolean | 'auto' | undefined
  /** `auto`: `none` over TLS, and `lax` otherwise. */
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined
}

/** Options of `createSessions` that have the same name here. */
const OURS = [
  'namespace',
  'idle',
  'absolute',
  'credential',
  'adoptFrom',
  'seal',
  'cipher',
  'crypto',
  'maxSize',
  'storeTimeout',
  'onStoreError',
  'saveOnServerError',
  'memo',
  'sweep',
  'device',
  'address',
  'place',
  'on',
  'eventUserIds',
  'requestId',
  'onLogin',
  'onLogout',
  'onLoginFailed',
  'clock',
] as const satisfies readonly (keyof SessionsOptions)[]

type Secret = string | Uint8Array | KeyObject

/** The options of express-session 1.19, and some of `createSessions`. */
export interface Options extends Pick<SessionsOptions, (typeof OURS)[number]> {
  /** The first makes what is new. At least 32 bytes in production. */
  readonly secret?: Secret | readonly Secret[] | undefined
  /**
   * An engine of ours, a URL such as `redis://…`, or a store of express-session, in which an end is not final against other
   * processes. Default: in memory.
   */
  readonly store?: Engine | ConnectStore | string | undefined
  /** Default `connect.sid`. */
  readonly name?: string | undefined
  /** The name that `name` had in older versions. */
  readonly key?: string | undefined
  readonly cookie?: CookieOptions | ((request: Request) => CookieOptions) | undefined
  readonly proxy?: boolean | undefined
  readonly resave?: boolean | undefined
  readonly rolling?: boolean | undefined
  readonly saveUninitialized?: boolean | undefined
  readonly unset?: 'destroy' | 'keep' | undefined
  /** Refused: session ids and tokens are made by the library. */
  readonly genid?: unknown
  /** What express-session does that is a fault, for applications that depend on it. */
  readonly quirks?: readonly Quirk[] | undefined
}

/** The options, checked and resolved. */
export interface Settings {
  readonly name: string
  /** Null: each request fails, as in express-session. */
  readonly secrets: readonly (string | Uint8Array)[] | null
  readonly engine: Engine | string
  /** `req.sessionStore`. */
  readonly store: SessionStore
  /** The application's, whose events say whether it is connected; null for an engine of ours. */
  readonly foreign: ConnectStore | null
  /** Attributes of a new session's cookie: the same object for all requests, where they are the same. */
  attributes(request: SessionRequest): CookieAttributes
  /** Attributes of a session over TLS, for what shows how cookies are set. */
  readonly standard: CookieAttributes
  /** Is the cookie of each session sent over TLS alone? */
  readonly isSecure: boolean
  /** Is `cookie` a function? Then each session keeps the attributes with which it began. */
  readonly keepsAttributes: boolean
  /** `cookie.path`, which the request's path must begin with. */
  path(request: SessionRequest): string
  readonly proxy: boolean | undefined
  readonly resave: boolean
  readonly rolling: boolean
  readonly saveUninitialized: boolean
  readonly destroysUnset: boolean
  readonly quirks: ReadonlySet<Quirk>
  /** In ms, where a session has no `maxAge`. */
  readonly idle: number
  readonly ours: Omit<SessionsOptions, 'store' | 'secrets' | 'cookie'>
}

const KNOWN = [
  'secret',
  'store',
  'name',
  'key',
  'cookie',
  'proxy',
  'resave',
  'rolling',
  'saveUninitialized',
  'unset',
  'genid',
  'quirks',
  ...OURS,
] as const satisfies readonly (keyof Options)[]

const WHERE = 'session()'

const ADVICE = {
  secrets: 'Here it is called "secret", as in express-session.',
  saveEveryRequest: 'Here it is called "rolling", as in express-session.',
  maxAge: 'Write cookie: { maxAge }.',
  secure: 'Write cookie: { secure }.',
}

/** Throws `ConfigError`, or `TypeError` where express-session does, for what cannot be honoured. */
export function settingsOf(options: Options): Settings {
  checkOptions(WHERE, options, KNOWN, ADVICE)
  const { secret, cookie = {}, proxy, unset, genid, quirks = [] } = options
  if (genid !== undefined) throw new ConfigError(GENID)
  if (unset && unset !== 'destroy' && unset !== 'keep')
    throw new TypeError('The unset option must be "destroy" or "keep".')
  if (!Array.isArray(quirks)) throw new ConfigError(`quirks must be an array of: ${QUIRKS.join(', ')}.`)
  for (const quirk of quirks) oneOf('quirks', quirk, QUIRKS)
  const name = options.name || options.key || 'connect.sid'
  if (typeof name !== 'string' || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/.test(name))
    throw new ConfigError('The name option must be the name of a cookie: letters, digits, and - . _ and the like.')
  const cookieOf = cookieFunction(cookie)
  const { engine, store, foreign } = storeOf(options)
  const { idle, longest } = lengthsOf(options)
  const isFixed = typeof cookie !== 'function'
  if (isFixed) {
    checkPrefix(name, cookie)
    warnOfCookie(name, cookie)
  }
  return {
    name,
    secrets: secretsOf(secret),
    engine,
    store,
    foreign,
    attributes(request) {
      const given = cookieOf(request)
      if (given.secure !== 'auto' && given.sameSite !== 'auto') return given as CookieAttributes
      return resolved(given, isOverTls(request, proxy))
    },
    isSecure: isFixed && cookie.secure === true,
    standard: isFixed ? resolved(cookie, true) : {},
    keepsAttributes: !isFixed,
    path: (request) => cookieOf(request).path || '/',
    proxy: proxy === undefined ? undefined : booleanOption('proxy', proxy, false),
    resave: Boolean(withDefault('resave', options.resave)),
    rolling: Boolean(options.rolling),
    saveUninitialized: Boolean(withDefault('saveUninitialized', options.saveUninitialized)),
    destroysUnset: unset === 'destroy',
    quirks: new Set(quirks),
    idle,
    ours: {
      ...Object.fromEntries(
        OURS.flatMap((option) => (options[option] === undefined ? [] : [[option, options[option]]])),
      ),
      // A maxAge above the absolute limit is no mistake here: the browser keeps the cookie of a session that has ended.
      idle: isFixed && typeof cookie.maxAge === 'number' && cookie.maxAge > 0 ? Math.min(cookie.maxAge, longest) : idle,
      absolute: longest,
      saveOnServerError: options.saveOnServerError ?? true,
    },
  }
}

const GENID =
  'The genid option cannot be honoured: a session id is the public handle here, derived from a key of the server, so that nobody who learns it can be that visitor. Leave it out, and use req.sessionID as before.'

function cookieFunction(given: NonNullable<Options['cookie']>): (request: SessionRequest) => CookieOptions {
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null)
    throw new ConfigError('The cookie option must be an object, or a function that returns one for a request.')
  if (typeof given === 'function') return given as unknown as (request: SessionRequest) => CookieOptions
  checkOptions('the cookie of session()', given, ATTRIBUTES, COOKIE_ADVICE)
  // Now, and not at the first visitor.
  new Cookie(resolved(given, true)).serialize('name', 'value')
  return () => given
}

const ATTRIBUTES = [
  'maxAge',
  'expires',
  'path',
  'domain',
  'httpOnly',
  'secure',
  'sameSite',
  'partitioned',
  'priority',
] as const satisfies readonly (keyof CookieOptions)[]

const COOKIE_ADVICE = {
  signed: 'Leave it out: the cookie is always authenticated.',
  encode: 'Leave it out: the value needs no encoding.',
  overwrite: 'Leave it out: the cookie is one.',
}

/** Throws `ConfigError` for a name that browsers refuse with these attributes: each visitor would get a new session at each request. */
function checkPrefix(name: string, { secure, path = '/', domain, sameSite, partitioned }: CookieOptions): void {
  if (secure) {
    if (!/^__host-/i.test(name) || (path === '/' && !domain)) return
    throw new ConfigError(
      `Browsers refuse the cookie ${name} with a domain, or a path other than '/': a '__Host-' cookie has neither.`,
    )
  }
  if (/^__(?:host|secure|http)-/i.test(name))
    throw new ConfigError(`Browsers refuse the cookie ${name} without secure: true, because of its name.`)
  if (sameSite === 'none' || partitioned)
    warn(
      `Browsers refuse the cookie ${name} without secure: true, because it is ${partitioned ? 'partitioned' : "sameSite: 'none'"}.`,
    )
}

/** With `auto` as it is over TLS, or without. */
const resolved = ({ secure, sameSite, ...rest }: CookieOptions, encrypted: boolean): CookieAttributes => ({
  ...rest,
  ...(secure !== undefined && { secure: secure === 'auto' ? encrypted : secure }),
  ...(sameSite !== undefined && { sameSite: sameSite === 'auto' ? (encrypted ? 'none' : 'lax') : sameSite }),
})

/** `idle` of ours, or a day, as the stores of express-session have it; and the absolute limit, which express-session does not have. */
function lengthsOf({ idle, absolute }: Options): { readonly idle: number; readonly longest: number } {
  if (idle === null) throw new ConfigError('idle: null is not possible with session(): set cookie.maxAge, or idle.')
  const longest = absolute === undefined ? LONGEST : milliseconds(absolute, 'absolute')
  return { idle: idle === undefined ? Math.min(86_400_000, longest) : milliseconds(idle, 'idle'), longest }
}

function withDefault(name: 'resave' | 'saveUninitialized', given: boolean | undefined): boolean {
  if (given !== undefined) return given
  warn(`session() has no ${name} option. It is true by default, as in express-session; false is what you want.`)
  return true
}

function storeOf({ store: given, clock, storeTimeout }: Options): Pick<Settings, 'engine' | 'store' | 'foreign'> {
  if (given === undefined || given === null || given instanceof MemoryStore) {
    const store = given ?? new MemoryStore()
    warnOfMemory(store.engine)
    return { engine: store.engine, store, foreign: null }
  }
  if (given instanceof SessionStore)
    throw new ConfigError('store got the sessionStore of another session(). Pass the engine that it was made with.')
  const isOurs = typeof given === 'string' || (typeof given === 'object' && 'traits' in given)
  if (!isOurs && isConnectStore(given))
    return {
      engine: connectEngine(given, { clock, timeout: milliseconds(storeTimeout ?? '2s', 'storeTimeout') }),
      store: new SessionStore(),
      foreign: given,
    }
  if (!isOurs)
    throw new ConfigError(
      `store must be an engine such as redis({ client }), a URL such as 'redis://localhost', or a store of express-session, which has get(), set() and destroy().${insteadOf(given)}`,
    )
  warnOfMemory(given as Engine | string)
  return { engine: given as Engine | string, store: new SessionStore(), foreign: null }
}

/** As express-session does: what it has there by default is not meant for production. */
function warnOfMemory(engine: Engine | string): void {
  const isMemory = typeof engine === 'string' ? engine.startsWith('memory:') : isInProcessMemory(engine.traits)
  if (isMemory && process.env.NODE_ENV === 'production')
    warn(
      'session() keeps its sessions in memory: they end with this process, and no other process has them. Pass a store.',
    )
}

/** Null without one: that is an error of each request, as in express-session. */
function secretsOf(given: Options['secret']): Settings['secrets'] {
  if (!given) return null
  const list = Array.isArray(given) ? given : [given]
  if (list.length === 0) throw new TypeError('The secret option must be an array of one or more strings.')
  return list.flatMap((secret, i) => {
    const bytes = secret instanceof KeyObject ? bytesOf(secret) : secret
    return checkedSecrets(bytes, list.length > 1 ? `number ${i + 1} of ${list.length}: ` : '')
  })
}

function bytesOf(key: KeyObject): Uint8Array {
  if (key.type === 'secret') return key.export()
  throw new ConfigError('The secret option takes a KeyObject of type secret, and no public or private key.')
}

/** Several, where the string is a list as an environment variable has it, which createSessions() takes for a list, too. */
function checkedSecrets(secret: string | Uint8Array, which: string): readonly (string | Uint8Array)[] {
  if (typeof secret === 'string' && isList(secret)) return secret.split(/[\s,]+/).filter(Boolean)
  try {
    createKeyring([secret])
    return [secret]
  } catch (error) {
    if (process.env.NODE_ENV === 'production' || !(typeof secret === 'string' || secret instanceof Uint8Array))
      throw new ConfigError(`The secret option: ${which}${ofSecret((error as Error).message)}`)
  }
  warn(
    'The secret of session() is short or guessable, and production refuses it. Make one with `npx @strongroom/cli keys new`.',
  )
  return [createHash('sha256').update('strongroom weak secret ').update(secret).digest()]
}

function isList(secret: string): boolean {
  try {
    return createKeyring(secret).masters.length > 1
  } catch {
    return false
  }
}

/** In the words of this option. */
const ofSecret = (message: string) => message.replace('Secret 1 ', 'it ').replace('`secrets`', '`secret`')

/** The defaults are those of express-session, which are not what one would choose today. */
function warnOfCookie(name: string, { secure, sameSite }: CookieOptions): void {
  const lacks = [secure === undefined && 'secure', sameSite === undefined && 'sameSite'].filter(Boolean)
  if (lacks.length > 0)
    warn(
      `The cookie ${name} of session() lacks ${lacks.join(' and ')}, as by default in express-session. Where the site has https, write cookie: { secure: true, sameSite: 'lax' }, and name: '__Host-id'.`,
    )
}

const warned = new Set<string>()

/** Once in a process, however many sites it serves. */
export function warn(message: string): void {
  if (warned.has(message)) return
  warned.add(message)
  process.emitWarning(message, { code: 'STRONGROOM_EXPRESS_SESSION' })
}

const NONE: readonly string[] = []

/** Some clients write a value between quotation marks (RFC 6265 §4.1.1). */
const unquoted = (value: string) => (value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value)

/** One of express-session may have the same name. */
const isOwnValue = (value: string) => !/^s(?::|%3a)/i.test(value)

/** The cookie in requests. What is set is written by the visit, because each session has attributes of its own. */
export function transportOf({ name, isSecure, standard }: Pick<Settings, 'name' | 'isSecure' | 'standard'>): Transport {
  const start = `${name}=`
  return {
    name,
    secure: isSecure,
    read: (header) => (header ? valuesOf(header, start).map(unquoted).filter(isOwnValue) : NONE),
    set: (value) => new Cookie(standard).serialize(name, value),
    clear: () => new Cookie(standard).clearing(name),
  }
}
