import { StoreError, StrongroomError, UnsupportedError } from 'strongroom'
import { booleanOption, checkOptions, equal, TimeLimit } from 'strongroom/internal'
import { scalarIn, USER_BACKEND, USER_HASH, USER_ID, userIn } from './document.ts'
import type { ObjectNode } from './json/read.ts'
import { type Algorithm, checkKeys, type SecretKey, saltedHmac } from './signer.ts'

const SALT = 'django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash'

/** The secrets under which Django hashes a password for `session_auth_hash`. */
export interface AuthKeys {
  readonly secretKey: SecretKey
  readonly secretKeyFallbacks?: readonly SecretKey[] | undefined
  /** Also accept the SHA-1 hashes of Django before 3.1 (default false). */
  readonly legacy?: boolean | undefined
}

const KEYS = ['secretKey', 'secretKeyFallbacks', 'legacy'] as const satisfies readonly (keyof AuthKeys)[]

/**
 * `user.get_session_auth_hash()`: what a login stores in the session as `_auth_user_hash`, so that the session ends when the
 * password changes. `password` is the user's password field as it is in the table (`auth_user.password`).
 */
export function sessionAuthHash(password: string, keys: AuthKeys): string {
  checkOptions('sessionAuthHash()', keys, KEYS)
  const [current] = checkKeys('sessionAuthHash()', keys.secretKey, keys.secretKeyFallbacks)
  return hashUnder(password, current as SecretKey, 'sha256')
}

/**
 * Checks a session's `_auth_user_hash` against the password field. Returns `'fallback'` when it matches under an older key
 * only: the session is still valid, and its hash should be replaced. Returns null when it does not match.
 */
export function verifySessionAuthHash(hash: unknown, password: string, keys: AuthKeys): 'current' | 'fallback' | null {
  checkOptions('verifySessionAuthHash()', keys, KEYS)
  const legacy = booleanOption('verifySessionAuthHash(): legacy', keys.legacy, false)
  const all = checkKeys('verifySessionAuthHash()', keys.secretKey, keys.secretKeyFallbacks)
  if (typeof hash !== 'string') return null
  const given = Buffer.from(hash)
  const matches = (key: SecretKey, algorithm: Algorithm) =>
    equal(given, Buffer.from(hashUnder(password, key, algorithm)))
  if (matches(all[0] as SecretKey, 'sha256')) return 'current'
  const fallback = all.some((key) => matches(key, 'sha256') || (legacy && matches(key, 'sha1')))
  return fallback ? 'fallback' : null
}

const hashUnder = (password: string, key: SecretKey, algorithm: Algorithm) =>
  saltedHmac(SALT, password, key, algorithm).toString('hex')

/** Returns a user's password field as it is in Django's table, or null when the user no longer exists. */
export type PasswordOf = (userId: string) => string | null | Promise<string | null>

export interface LoginSettings {
  /** False when the application manages `_auth_user_hash` itself. */
  readonly password: PasswordOf | false
  /** How long `password` may take, in ms. */
  readonly timeout: number
  readonly keys: AuthKeys
  readonly authBackend: string
}

/** Which user a session document names, and whether that login is still valid: the rules of `django.contrib.auth`. */
export class Logins {
  readonly #settings: LoginSettings
  readonly #limit: TimeLimit

  constructor(settings: LoginSettings) {
    this.#settings = settings
    const tooLate = () => new StoreError(`The option "password" did not answer within ${settings.timeout} ms.`)
    this.#limit = new TimeLimit(settings.timeout, tooLate)
  }

  /** Under which key the user's hash matches the password field; null when it matches under none, or the user is gone. */
  async check(userId: string, document: ObjectNode): Promise<'current' | 'fallback' | null> {
    const { password, keys } = this.#settings
    if (password === false) return 'current'
    const field = await this.#fieldOf(password, userId)
    return field === null ? null : verifySessionAuthHash(scalarIn(document, USER_HASH), field, keys)
  }

  /** The keys to write for a user who was not signed in before, or whose hash is outdated. */
  async changes(
    userId: string | null,
    before: { readonly document: ObjectNode; readonly hashIsOutdated: boolean } | null,
  ): Promise<Record<string, string>> {
    const { password, keys, authBackend } = this.#settings
    const same = before !== null && userIn(before.document) === userId
    if (userId === null || (same && !before.hashIsOutdated)) return {}
    if (password === false)
      throw new UnsupportedError(
        'login() and credentialChanged() need the user\'s password field, because Django accepts no login without a hash of it: give createDjangoSessions() the option "password".',
      )
    const field = await this.#fieldOf(password, userId)
    if (field === null) throw new UnsupportedError('login(): the option "password" returned null for this user.')
    const hash = { [USER_HASH]: sessionAuthHash(field, keys) }
    return same ? hash : { [USER_ID]: userId, [USER_BACKEND]: authBackend, ...hash }
  }

  async #fieldOf(password: PasswordOf, userId: string): Promise<string | null> {
    // A database that does not answer must not sign anybody out.
    const asStoreError = (cause: unknown) =>
      cause instanceof StrongroomError ? cause : new StoreError('The option "password" failed.', { cause })
    const field: unknown = await this.#limit.call(async () => password(userId), asStoreError)
    if (field === null || typeof field === 'string') return field
    // Nor must a query that forgot to select the column.
    throw new StoreError('The option "password" must return a string, or null for a user who does not exist.')
  }
}
