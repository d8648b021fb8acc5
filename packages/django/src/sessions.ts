import { createHash } from 'node:crypto'
import { ConfigError, createSessions, type Duration, type Sessions, type SessionsOptions } from 'strongroom'
import { booleanOption, checkOptions, clockOption, LONGEST, milliseconds, wholeNumber } from 'strongroom/internal'
import { Logins, type PasswordOf } from './auth.ts'
import { COOKIE_TRAITS, cookieBacking } from './cookie-backing.ts'
import { checkSessionEngine, type DjangoEngine } from './engine.ts'
import { endOfSessionData, Records } from './records.ts'
import { serverBacking } from './server-backing.ts'
import { jsonCodec, sessionCodec } from './session-data.ts'
import type { SecretKey } from './signer.ts'
import { type DjangoCookieSettings, djangoTransport } from './transport.ts'

/** Django's settings, under its names or similar ones, and some options of `createSessions`. */
export interface DjangoSessionsOptions
  extends Pick<
    SessionsOptions,
    | 'storeTimeout'
    | 'onStoreError'
    | 'saveOnServerError'
    | 'sweep'
    | 'device'
    | 'on'
    | 'eventUserIds'
    | 'requestId'
    | 'onLogin'
    | 'onLogout'
    | 'onLoginFailed'
    | 'clock'
  > {
  /**
   * Where Django has its sessions: `djangoSqlite(…)`, `djangoPostgres(…)`, `djangoMysql(…)`, `djangoCachedDb(…)`, `djangoCache(…)`,
   * `djangoFiles(…)`, `djangoRedis(…)` or `djangoCookies()`.
   */
  readonly store: DjangoEngine
  /**
   * SESSION_ENGINE, exactly as in settings.py. It is compared with `store`, because the two are easily confused: with `cached_db`,
   * Django's table looks the same as with `db`. Optional, because nothing in the storage tells which of them Django uses.
   */
  readonly sessionEngine?: string | undefined
  /** SECRET_KEY. */
  readonly secretKey: SecretKey
  /** SECRET_KEY_FALLBACKS. */
  readonly secretKeyFallbacks?: readonly SecretKey[] | undefined
  /**
   * Returns a user's password field (`auth_user.password`), or null for a user who is gone. As in Django, a login ends when it
   * changes. Pass false when the application manages `_auth_user_hash` itself; then it cannot sign anybody in.
   */
  readonly password: PasswordOf | false
  /** The authentication backend that a login here stores. Default `django.contrib.auth.backends.ModelBackend`. */
  readonly authBackend?: string | undefined
  readonly cookie?: DjangoCookieSettings | undefined
  /** SESSION_COOKIE_AGE. Default `'14d'`. */
  readonly cookieAge?: Duration | undefined
  /** SESSION_EXPIRE_AT_BROWSER_CLOSE. Default false. */
  readonly expireAtBrowserClose?: boolean | undefined
  /**
   * SESSION_SAVE_EVERY_REQUEST: every request with its cookie extends a session, used or not. It writes once per tenth of the
   * lifetime. Default false.
   */
  readonly saveEveryRequest?: boolean | undefined
  /** The salt of the session's signature, when Django's session store is a class with another name. */
  readonly salt?: string | undefined
  /** Also read what Django before 3.1 wrote: sessions, signatures and login hashes with SHA-1. Default false. */
  readonly legacy?: boolean | undefined
  /** The most bytes of one session's JSON. Default 1 MiB. */
  readonly maxSize?: number | undefined
}

const KNOWN = [
  'store',
  'sessionEngine',
  'secretKey',
  'secretKeyFallbacks',
  'password',
  'authBackend',
  'cookie',
  'cookieAge',
  'expireAtBrowserClose',
  'saveEveryRequest',
  'salt',
  'legacy',
  'maxSize',
  'storeTimeout',
  'onStoreError',
  'saveOnServerError',
  'sweep',
  'device',
  'on',
  'eventUserIds',
  'requestId',
  'onLogin',
  'onLogout',
  'onLoginFailed',
  'clock',
] as const satisfies readonly (keyof DjangoSessionsOptions)[]

const NO_ADDRESSES = "Django's sessions have no place for an address, and lists of them show none. Leave it out."

const NO_SIGNALS =
  "Django's sessions have no place for what a login came from, which signals are compared with. Leave it out."

const ELSEWHERE = { address: NO_ADDRESSES, place: NO_ADDRESSES, signals: NO_SIGNALS }

const SALTS = {
  store: 'django.contrib.sessions.SessionStore',
  cookie: 'django.contrib.sessions.backends.signed_cookies',
} as const

/**
 * Sessions that are shared with a running Django: they are read and written in Django's storage, under its cookie, so that a
 * user who signs in on either side is signed in on the other. Everything else is the same as with `createSessions`: the methods,
 * adapters, events and errors.
 *
 * They are as secure as Django's: signed, not sealed, and anyone who can read the storage has the keys of all sessions.
 */
export function createDjangoSessions<Data extends object = Record<string, unknown>>(
  options: DjangoSessionsOptions,
): Sessions<Data> {
  checkOptions('createDjangoSessions()', options, KNOWN, ELSEWHERE)
  const { store: engine, secretKey, secretKeyFallbacks, cookie } = options
  if (typeof engine?.open !== 'function')
    throw new ConfigError(
      "createDjangoSessions(): store must be a Django engine, such as djangoSqlite('./db.sqlite3').",
    )
  checkSessionEngine(options.sessionEngine, engine)
  const clock = clockOption('createDjangoSessions()', options.clock)
  const transport = djangoTransport(cookie ?? {})
  const cookieAge = milliseconds(options.cookieAge ?? '14d', 'cookieAge')
  const flag = (name: 'saveEveryRequest' | 'legacy' | 'expireAtBrowserClose') =>
    booleanOption(`createDjangoSessions(): ${name}`, options[name], false)
  const [saveEveryRequest, legacy] = [flag('saveEveryRequest'), flag('legacy')]
  const maxSize = wholeNumber('createDjangoSessions()', 'maxSize', options.maxSize, 1024 * 1024, 256)
  const salt = options.salt ?? SALTS[engine.name === 'signed_cookies' ? 'cookie' : 'store']
  const codec = engine.unsigned
    ? jsonCodec(maxSize)
    : sessionCodec({ secretKey, secretKeyFallbacks, salt, legacy, maxSize, clock })
  const expireAtBrowserClose = flag('expireAtBrowserClose')
  const ages = { cookieAge, expireAtBrowserClose }
  const login = {
    password: passwordOf(options.password),
    keys: { secretKey, secretKeyFallbacks, legacy },
    authBackend: options.authBackend ?? 'django.contrib.auth.backends.ModelBackend',
  }
  const store = engine.open({
    clock,
    cookieName: transport.name,
    endOf: (sessionData, savedAt) => endOfSessionData(sessionData, savedAt, { ...ages, codec }),
  })
  const { storeTimeout, onStoreError, saveOnServerError, device, sweep } = options
  const { on, eventUserIds, requestId, onLogin, onLogout, onLoginFailed } = options
  // `of` is always there, and says what is missing where the storage has no column for users.
  const sessions = createSessions<Data>({
    ...{ storeTimeout, onStoreError, saveOnServerError, device, clock, expireAtBrowserClose },
    ...{ on, eventUserIds, requestId, onLogin, onLogout, onLoginFailed },
    // Off by default: the rows are Django's, and so is the job of clearing them.
    sweep: sweep ?? false,
    // These sessions are signed with Django's key. Signed cookies and handles need a key of ours.
    secrets: createHash('sha512').update('strongroom django').update(secretKey).digest(),
    ...lifetimes(cookieAge, saveEveryRequest),
    store: {
      kind: 'backing',
      traits: store?.traits ?? COOKIE_TRAITS,
      transport,
      swept: store,
      extendsUnused: saveEveryRequest,
      backing({ timeout, calls }) {
        const logins = new Logins({ ...login, timeout })
        const records = new Records({ ...ages, codec, logins, maxSize, clock, saveEveryRequest })
        if (store) return serverBacking({ store, records, codec, clock, cookieAge, timeout, calls })
        return cookieBacking({ records, codec, cookieName: transport.name, cookieAge, clock })
      },
    },
  }) as Sessions<Data>
  return {
    ...sessions,
    async close() {
      await sessions.close()
      await store?.close()
    },
  }
}

/** Without `saveEveryRequest`, a session ends a fixed time after it was last saved, used or not. */
const lifetimes = (cookieAge: number, saveEveryRequest: boolean) => ({
  idle: saveEveryRequest ? cookieAge : null,
  absolute: saveEveryRequest ? LONGEST : cookieAge,
  remember: cookieAge,
})

function passwordOf(given: unknown): PasswordOf | false {
  if (given === false || typeof given === 'function') return given as PasswordOf | false
  throw new ConfigError(
    "createDjangoSessions(): password must be a function that returns a user's password field (auth_user.password), or null. Without it, a login would outlive a password change. Pass false if the application manages _auth_user_hash itself.",
  )
}
