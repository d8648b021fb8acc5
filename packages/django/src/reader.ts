import { type Clock, ConfigError, type SourceRefusal, type SourceSession, type Store } from 'strongroom'
import { booleanOption, milliseconds, type Refused, wholeNumber } from 'strongroom/internal'
import { type AuthKeys, type PasswordOf, verifySessionAuthHash } from './auth.ts'
import { EXPIRY, scalarIn, USER_HASH, userIn, valuesOf } from './document.ts'
import type { DjangoEngine } from './engine.ts'
import { type Ages, endsWithBrowser, expiryIn } from './expiry.ts'
import { endOfSessionData } from './records.ts'
import { jsonCodec, NotAnObjectError, type SessionCodec, type SessionData, sessionCodec } from './session-data.ts'
import type { DjangoSessionsOptions } from './sessions.ts'

/** What is needed to read Django's sessions, as for `createDjangoSessions`. */
export type ReaderOptions = Pick<
  DjangoSessionsOptions,
  'secretKey' | 'secretKeyFallbacks' | 'password' | 'cookieAge' | 'expireAtBrowserClose' | 'salt' | 'legacy' | 'maxSize'
>

/** Reads Django's sessions so that they can be adopted. It writes nothing. */
export class SessionReader {
  readonly codec: SessionCodec
  readonly ages: Ages
  readonly #keys: AuthKeys
  readonly #password: PasswordOf | false

  /** `where` is named in errors. `salt` is the engine's default salt. */
  constructor(
    where: string,
    options: ReaderOptions,
    { salt, clock, unsigned = false }: { salt: string; clock: Clock; unsigned?: boolean | undefined },
  ) {
    const { secretKey, secretKeyFallbacks, password } = options
    const legacy = booleanOption(`${where}: legacy`, options.legacy, false)
    const expireAtBrowserClose = booleanOption(`${where}: expireAtBrowserClose`, options.expireAtBrowserClose, false)
    if (password !== false && typeof password !== 'function')
      throw new ConfigError(
        `${where}: password must be a function that returns a user's password field (auth_user.password), or null. Without it, sessions that a password change has ended would come back. Pass false only if no password has ever changed.`,
      )
    this.#keys = { secretKey, secretKeyFallbacks, legacy }
    this.#password = password
    this.ages = { cookieAge: milliseconds(options.cookieAge ?? '14d', 'cookieAge'), expireAtBrowserClose }
    const maxSize = wholeNumber(where, 'maxSize', options.maxSize, 1024 * 1024, 256)
    const signing = { secretKey, secretKeyFallbacks, salt: options.salt ?? salt, legacy, clock }
    this.codec = unsigned ? jsonCodec(maxSize) : sessionCodec({ ...signing, maxSize })
  }

  /** The session in `session_data`. Refused when it is not signed with the key, or its login is no longer valid. */
  async session(sessionData: string, expiresAt: number): Promise<SourceSession | SourceRefusal> {
    const data = this.decode(sessionData)
    return 'refused' in data ? data : this.sessionOf(data, expiresAt)
  }

  /** Data that is no session, not even for Django, is one that cannot be adopted. */
  decode(sessionData: string): SessionData | Refused {
    try {
      return this.codec.decode(sessionData)
    } catch (error) {
      if (error instanceof NotAnObjectError) return { refused: 'malformed' }
      throw error
    }
  }

  async sessionOf(
    { document }: Pick<SessionData, 'document'>,
    expiresAt: number,
  ): Promise<SourceSession | SourceRefusal> {
    const userId = userIn(document)
    if (userId !== null && this.#password !== false) {
      const field = await this.#password(userId)
      const hash = scalarIn(document, USER_HASH)
      if (field === null || verifySessionAuthHash(hash, field, this.#keys) === null)
        return { refused: 'credential', userId }
    }
    const { [EXPIRY]: _, ...values } = valuesOf(document)
    const persistent = !endsWithBrowser(expiryIn(document.entries.get(EXPIRY)), this.ages)
    // Django stores neither when a session began nor when its user signed in.
    return { userId, values, expiresAt, persistent }
  }
}

/** Opens one of Django's stores, together with a reader for its sessions. */
export function openForReading(
  where: string,
  engine: DjangoEngine,
  { clock, cookieName, ...options }: ReaderOptions & { readonly clock: Clock; readonly cookieName: string },
): { readonly store: Store; readonly reader: SessionReader } {
  const { unsigned } = engine
  const reader = new SessionReader(where, options, { salt: 'django.contrib.sessions.SessionStore', clock, unsigned })
  const endOf = (sessionData: string, savedAt: number) =>
    endOfSessionData(sessionData, savedAt, { ...reader.ages, codec: reader.codec })
  return { reader, store: engine.open({ clock, cookieName, endOf }) as Store }
}
