import { type Duration, milliseconds } from './lifetime.ts'

export interface LoginOptions {
  /** The device as the user's list of sessions will show it (at most 120 characters); by default told from the User-Agent. */
  readonly label?: string | null | undefined
  /**
   * Keep the cookie when the browser closes; a duration also sets how long the session lives at the most. False ends it with
   * the browser also where the option `expireAtBrowserClose` is false.
   */
  readonly remember?: boolean | Duration | undefined
  /**
   * What happens to the data that is there: all of it stays, none, or these keys. By default all of an anonymous session
   * and of the same user's stays, and none of another user's, so that one person never sees the basket of the one before.
   */
  readonly keep?: 'all' | 'none' | readonly string[] | undefined
  /** Most sessions that this user may have, this one included. */
  readonly limit?: number | undefined
  /** At the limit: `end-oldest` (default) ends the user's oldest sessions, `refuse` throws `SessionLimit`. */
  readonly atLimit?: 'end-oldest' | 'refuse' | undefined
  /**
   * The credential that was just proven, as the option `credential` of `createSessions` would answer it; by default it is
   * asked. Handed in, a password that is changed at this very moment ends this login, too.
   */
  readonly credential?: string | undefined
}

const LOGIN = ['label', 'remember', 'keep', 'limit', 'atLimit', 'credential']

/** Throws `TypeError` for what cannot name a user: half a surrogate pair has no form in UTF-8, and two of them would be one. */
export function checkUserId(where: string, userId: unknown): void {
  if (typeof userId === 'string' && userId !== '' && !/\p{Surrogate}/u.test(userId)) return
  throw new TypeError(`${where} takes the user id as a non-empty string of whole characters.`)
}

/** Throws `TypeError` for an option that is unknown or of the wrong shape. */
export function checkLogin(options: LoginOptions): void {
  const unknown = Object.keys(options).find((name) => !LOGIN.includes(name))
  if (unknown) throw new TypeError(`login() has no option '${unknown}'. Known: ${LOGIN.join(', ')}.`)
  const { limit, atLimit, label, remember, keep } = options
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0))
    throw new TypeError('login: limit is a whole number above 0.')
  if (atLimit !== undefined && atLimit !== 'end-oldest' && atLimit !== 'refuse')
    throw new TypeError("login: atLimit is 'end-oldest' or 'refuse'.")
  if (label != null && (typeof label !== 'string' || label.length > 120))
    throw new TypeError('login: label is text of at most 120 characters.')
  if (options.credential !== undefined) checkCredential('login: credential', options.credential)
  if (remember !== undefined && typeof remember !== 'boolean') milliseconds(remember, 'login: remember')
  if (keep !== undefined && keep !== 'all' && keep !== 'none' && !isKeys(keep))
    throw new TypeError("login: keep is 'all', 'none' or a list of keys.")
}

/** Throws `TypeError` for what no login can stand on. */
export function checkCredential(where: string, credential: unknown): void {
  if (typeof credential !== 'string' || credential === '') throw new TypeError(`${where} is non-empty text.`)
}

const isKeys = (keep: unknown) => Array.isArray(keep) && keep.every((key) => typeof key === 'string')
