import { StoreError, StrongroomError, UnsupportedError } from 'strongroom'
import { TimeLimit } from 'strongroom/internal'
import { type AuthKeys, sessionAuthHash, verifySessionAuthHash } from './auth.ts'
import { scalarIn, USER_BACKEND, USER_HASH, USER_ID, userIn } from './document.ts'
import type { ObjectNode } from './json/read.ts'

/** The user's password field, as it stands in Django's table; null when there is no such user any more. */
export type PasswordOf = (userId: string) => string | null | Promise<string | null>

export interface LoginSettings {
  /** False: the application itself looks after `_auth_user_hash`. */
  readonly password: PasswordOf | false
  /** Ms in which `password` answers. */
  readonly timeout: number
  readonly keys: AuthKeys
  readonly authBackend: string
}

/** Who a document says is signed in, and whether that still holds: the rules of `django.contrib.auth`. */
export class Logins {
  readonly #settings: LoginSettings
  readonly #limit: TimeLimit

  constructor(settings: LoginSettings) {
    this.#settings = settings
    const late = () => new StoreError(`The option "password" did not answer within ${settings.timeout} ms.`)
    this.#limit = new TimeLimit(settings.timeout, late)
  }

  /** By which secret a user's hash fits the password field; null when it does by none, or the user is gone. */
  async check(userId: string, document: ObjectNode): Promise<'current' | 'fallback' | null> {
    const { password, keys } = this.#settings
    if (password === false) return 'current'
    const field = await this.#fieldOf(password, userId)
    return field === null ? null : verifySessionAuthHash(scalarIn(document, USER_HASH), field, keys)
  }

  /** The keys to write for a user who was not signed in before, or whose hash is to be made anew (`restamp`). */
  async change(
    userId: string | null,
    was: { readonly document: ObjectNode; readonly restamp: boolean } | null,
  ): Promise<Record<string, string>> {
    const { password, keys, authBackend } = this.#settings
    const same = was !== null && userIn(was.document) === userId
    if (userId === null || (same && !was.restamp)) return {}
    if (password === false)
      throw new UnsupportedError(
        'login() stamps the session with a hash of the password field, or Django would not take it: give createDjangoSessions() the option "password".',
      )
    const field = await this.#fieldOf(password, userId)
    if (field === null) throw new UnsupportedError('login(): the option "password" knows no such user.')
    const hash = { [USER_HASH]: sessionAuthHash(field, keys) }
    return same ? hash : { [USER_ID]: userId, [USER_BACKEND]: authBackend, ...hash }
  }

  async #fieldOf(password: PasswordOf, userId: string): Promise<string | null> {
    const asked = new Promise<unknown>((resolve, reject) =>
      this.#limit.run(async () => password(userId), resolve, reject),
    )
    // Not known is not "wrong": nobody is signed out by a database that does not answer.
    const field = await asked.catch((cause) => {
      throw cause instanceof StrongroomError ? cause : new StoreError('The option "password" failed.', { cause })
    })
    if (field === null || typeof field === 'string') return field
    // Nor by a column that a query has left out.
    throw new StoreError('The option "password" answers text, or null for a user that is gone.')
  }
}
