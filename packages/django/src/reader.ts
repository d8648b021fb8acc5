import { type Clock, ConfigError, type FormerSession } from 'strongroom'
import { milliseconds, type Refused, wholeNumber } from 'strongroom/internal'
import { verifySessionAuthHash } from './auth.ts'
import { EXPIRY, scalarIn, USER_HASH, userIn, valuesOf } from './document.ts'
import { endsWithBrowser, expiryIn } from './expiry.ts'
import type { PasswordOf } from './logins.ts'
import { type SessionCodec, type SessionData, sessionCodec } from './session-data.ts'
import type { DjangoSessionsOptions } from './sessions.ts'

/** What is needed to read what Django has written, as `createDjangoSessions` has it. */
export type ReaderOptions = Pick<
  DjangoSessionsOptions,
  'secretKey' | 'secretKeyFallbacks' | 'password' | 'cookieAge' | 'expireAtBrowserClose' | 'salt' | 'legacy' | 'maxSize'
>

/** Reads Django's sessions, for those who take them over; nothing is written. */
export class Reader {
  readonly codec: SessionCodec
  readonly ages: { readonly cookieAge: number; readonly expireAtBrowserClose: boolean }
  readonly #options: ReaderOptions
  readonly #password: PasswordOf | false

  /** `salt` is what the engine's text is salted with where nothing else is said. */
  constructor(where: string, options: ReaderOptions, { salt, clock }: { salt: string; clock: Clock }) {
    const { secretKey, secretKeyFallbacks, password, legacy = false, expireAtBrowserClose = false } = options
    if (typeof legacy !== 'boolean' || typeof expireAtBrowserClose !== 'boolean')
      throw new ConfigError(`${where}: legacy and expireAtBrowserClose are true or false.`)
    if (password !== false && typeof password !== 'function')
      throw new ConfigError(
        `${where}: password is a function that answers a user's password field (auth_user.password), or null. Without it, sessions that a change of the password has ended come back; false says that there are none.`,
      )
    this.#options = { ...options, legacy }
    this.#password = password
    this.ages = { cookieAge: milliseconds(options.cookieAge ?? '14d', 'cookieAge'), expireAtBrowserClose }
    const maxSize = wholeNumber(where, 'maxSize', options.maxSize, 1024 * 1024, 256)
    this.codec = sessionCodec({ secretKey, secretKeyFallbacks, salt: options.salt ?? salt, legacy, maxSize, clock })
  }

  /** The session that a text of Django's holds; refused when it is not signed with the key, or its login is over. */
  async session(text: string, expiresAt: number): Promise<FormerSession | Refused> {
    const data = this.codec.decode(text)
    return 'refused' in data ? data : this.sessionOf(data, expiresAt)
  }

  async sessionOf({ document }: Pick<SessionData, 'document'>, expiresAt: number): Promise<FormerSession | Refused> {
    const userId = userIn(document)
    if (userId !== null && this.#password !== false) {
      const field = await this.#password(userId)
      const hash = scalarIn(document, USER_HASH)
      if (field === null || verifySessionAuthHash(hash, field, this.#options) === null) return { refused: 'credential' }
    }
    const { [EXPIRY]: _, ...values } = valuesOf(document)
    const persistent = !endsWithBrowser(expiryIn(document.entries.get(EXPIRY)), this.ages)
    // Django keeps neither when a session began nor when its user signed in.
    return { userId, values, expiresAt, persistent }
  }
}
