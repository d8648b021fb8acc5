import { createHash } from 'node:crypto'
import { type BaseSessions, ConfigError, createSessions, type Duration, type SessionsOptions } from 'strongroom'
import { checkOptions, clockOption, LONGEST, milliseconds, wholeNumber } from 'strongroom/internal'
import { COOKIE_TRAITS, djangoCarried } from './carried.ts'
import type { DjangoEngine } from './engine.ts'
import { Logins, type PasswordOf } from './logins.ts'
import { endOfText, Records } from './records.ts'
import { sessionCodec } from './session-data.ts'
import type { SecretKey } from './signer.ts'
import { djangoStored } from './stored.ts'
import { type DjangoCookieSettings, djangoTransport } from './transport.ts'

/** Settings of Django's, under its own names or near to them, and what `createSessions` has beside. */
export interface DjangoSessionsOptions
  extends Pick<
    SessionsOptions,
    'storeTimeout' | 'onStoreError' | 'saveOnServerError' | 'sweep' | 'device' | 'on' | 'clock'
  > {
  /** SESSION_ENGINE: `djangoSqlite(…)`, `djangoPostgres(…)`, `djangoMysql(…)`, `djangoFiles(…)`, `djangoRedis(…)`, `djangoCookies()`. */
  readonly store: DjangoEngine
  /** SECRET_KEY. */
  readonly secretKey: SecretKey
  /** SECRET_KEY_FALLBACKS. */
  readonly secretKeyFallbacks?: readonly SecretKey[] | undefined
  /**
   * Answers a user's password field (`auth_user.password`), or null for a user that is gone: a login ends when it changes, as in
   * Django. False when the application itself looks after `_auth_user_hash`; then it cannot sign anybody in.
   */
  readonly password: PasswordOf | false
  /** What a login here writes as the backend that it came from. Default `django.contrib.auth.backends.ModelBackend`. */
  readonly authBackend?: string | undefined
  readonly cookie?: DjangoCookieSettings | undefined
  /** SESSION_COOKIE_AGE. Default `'14d'`. */
  readonly cookieAge?: Duration | undefined
  /** SESSION_EXPIRE_AT_BROWSER_CLOSE. Default false. */
  readonly expireAtBrowserClose?: boolean | undefined
  /** SESSION_SAVE_EVERY_REQUEST: sessions that are only read live on, too; written once in a tenth of their life. Default false. */
  readonly saveEveryRequest?: boolean | undefined
  /** What the session's signature is salted with, when Django's store is a class of another name. */
  readonly salt?: string | undefined
  /** Also read what Django before 3.1 has written: rows, signatures and login hashes with SHA-1. Default false. */
  readonly legacy?: boolean | undefined
  /** Most bytes of one session's JSON. Default 1 MiB. */
  readonly maxSize?: number | undefined
}

const KNOWN = [
  'store',
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
  'clock',
] as const satisfies readonly (keyof DjangoSessionsOptions)[]

const SALTS = {
  store: 'django.contrib.sessions.SessionStore',
  cookie: 'django.contrib.sessions.backends.signed_cookies',
} as const

/**
 * Sessions that a running Django shares: read and written where Django keeps them, under its cookie, so that either side signs a
 * user in and the other sees it. Everything else is as `createSessions` has it: the same verbs, adapters, events and errors.
 *
 * They are as safe as Django's: signed, not sealed, and whoever reads the storage has the keys of all sessions.
 */
export function createDjangoSessions<Data extends object = Record<string, unknown>>(
  options: DjangoSessionsOptions,
): BaseSessions<Data> {
  checkOptions('createDjangoSessions()', options, KNOWN)
  const { store: engine, secretKey, secretKeyFallbacks, cookie, legacy = false } = options
  if (typeof engine?.open !== 'function')
    throw new ConfigError("createDjangoSessions(): store is one of Django's, such as djangoSqlite('./db.sqlite3').")
  const clock = clockOption('createDjangoSessions()', options.clock)
  const transport = djangoTransport(cookie ?? {})
  const cookieAge = milliseconds(options.cookieAge ?? '14d', 'cookieAge')
  const saveEveryRequest = flag('saveEveryRequest', options.saveEveryRequest)
  const maxSize = wholeNumber('createDjangoSessions()', 'maxSize', options.maxSize, 1024 * 1024, 256)
  const codec = sessionCodec({
    secretKey,
    secretKeyFallbacks,
    salt: options.salt ?? SALTS[engine.name === 'signed_cookies' ? 'cookie' : 'store'],
    legacy: flag('legacy', legacy),
    maxSize,
    clock,
  })
  const expireAtBrowserClose = flag('expireAtBrowserClose', options.expireAtBrowserClose)
  const ages = { cookieAge, expireAtBrowserClose }
  const login = {
    password: passwordOf(options.password),
    keys: { secretKey, secretKeyFallbacks, legacy },
    authBackend: options.authBackend ?? 'django.contrib.auth.backends.ModelBackend',
  }
  const store = engine.open({
    clock,
    cookieName: transport.name,
    endOf: (sessionData, savedAt) => endOfText(sessionData, savedAt, { ...ages, codec }),
  })
  const { storeTimeout, onStoreError, saveOnServerError, device, on, sweep } = options
  const sessions = createSessions<Data>({
    ...{ storeTimeout, onStoreError, saveOnServerError, device, on, clock, expireAtBrowserClose },
    // Not unasked: the rows are Django's, and so is clearsessions.
    sweep: sweep ?? false,
    // Of no use to a session here, whose signature is Django's; but what is derived from keys must have some.
    secrets: createHash('sha512').update('strongroom django').update(secretKey).digest(),
    ...lifetimes(cookieAge, saveEveryRequest),
    store: {
      kind: 'backing',
      traits: store?.traits ?? COOKIE_TRAITS,
      transport,
      swept: store,
      backing({ timeout }) {
        const logins = new Logins({ ...login, timeout })
        const records = new Records({ ...ages, codec, logins, maxSize, clock, saveEveryRequest })
        if (store) return djangoStored({ store, records, codec, clock, timeout })
        return djangoCarried({ records, codec, cookieName: transport.name, cookieAge, clock })
      },
    },
  })
  return {
    ...sessions,
    async close() {
      await sessions.close()
      await store?.close()
    },
  }
}

/** Without `saveEveryRequest` a session ends so long after it was last saved, used or not. */
const lifetimes = (cookieAge: number, saveEveryRequest: boolean) => ({
  idle: saveEveryRequest ? cookieAge : null,
  absolute: saveEveryRequest ? LONGEST : cookieAge,
  remember: cookieAge,
})

function passwordOf(given: unknown): PasswordOf | false {
  if (given === false || typeof given === 'function') return given as PasswordOf | false
  throw new ConfigError(
    "createDjangoSessions(): password is a function that answers a user's password field (auth_user.password), or null. Without it a login would outlive a change of the password; false says that you see to that yourself.",
  )
}

function flag(name: string, given: unknown): boolean {
  if (given === undefined || typeof given === 'boolean') return given ?? false
  throw new ConfigError(`createDjangoSessions(): ${name} is true or false.`)
}
