import { equal } from 'strongroom/internal'
import { type Algorithm, type SecretKey, saltedHmac } from './signer.ts'

const SALT = 'django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash'

export interface AuthKeys {
  readonly secretKey: SecretKey
  readonly secretKeyFallbacks?: readonly SecretKey[] | undefined
  /** Also take hashes that Django before 3.1 made, with SHA-1 (default false). */
  readonly legacy?: boolean | undefined
}

/**
 * `user.get_session_auth_hash()`: what a login keeps in the session as `_auth_user_hash`, so that it ends when the password
 * changes. `password` is the user's password field as it stands in the table (`auth_user.password`).
 */
export function sessionAuthHash(password: string, { secretKey }: AuthKeys): string {
  return hashUnder(password, secretKey, 'sha256')
}

/**
 * Does a session's `_auth_user_hash` fit the password field? `fallback` when it does under an older key: such a session goes on,
 * and its hash should be made anew. Null when it does not.
 */
export function verifySessionAuthHash(hash: unknown, password: string, keys: AuthKeys): 'current' | 'fallback' | null {
  if (typeof hash !== 'string') return null
  const given = Buffer.from(hash)
  const fits = (key: SecretKey, algorithm: Algorithm) => equal(given, Buffer.from(hashUnder(password, key, algorithm)))
  if (fits(keys.secretKey, 'sha256')) return 'current'
  const all = [keys.secretKey, ...(keys.secretKeyFallbacks ?? [])]
  const fallback = all.some((key) => fits(key, 'sha256') || (keys.legacy === true && fits(key, 'sha1')))
  return fallback ? 'fallback' : null
}

const hashUnder = (password: string, key: SecretKey, algorithm: Algorithm) =>
  saltedHmac(SALT, password, key, algorithm).toString('hex')
