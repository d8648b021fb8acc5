import { type Duration, milliseconds } from '../base/duration.ts'
import type { ProofOptions } from './proof.ts'

/**
 * When a login begins, for `login(id, { asOf })`: made by `sessions.of(id).moment()`, before the password is checked. If all of
 * the user's sessions are ended after it, this login ends with them.
 */
export class LoginMoment {
  readonly userId: string
  /** In ms since 1970. */
  readonly at: number
  /** For each key id, the user's epoch. Not for applications. */
  readonly nonces: ReadonlyMap<number, string | null>

  /** @internal Made by `moment()`. */
  constructor(userId: string, at: number, nonces: LoginMoment['nonces']) {
    this.userId = userId
    this.at = at
    this.nonces = nonces
  }

  /**
   * Did nobody else end the user's sessions between this moment and an end, which replaced `before` by `after`? Under each key
   * by itself: if the moment was read while they moved, it has the old values of some and the new ones of others.
   *
   * @internal
   */
  goesOnTo({ before, after }: { readonly before: LoginMoment; readonly after: LoginMoment }): boolean {
    const isKnown = ([kid, nonce]: [number, string | null]) =>
      nonce === before.nonces.get(kid) || nonce === after.nonces.get(kid)
    return before.nonces.size === this.nonces.size && [...this.nonces].every(isKnown)
  }
}

/** For engines with a format of their own, to which the constructor is not declared. */
export const loginMoment = (userId: string, at: number, nonces: LoginMoment['nonces']): LoginMoment =>
  new LoginMoment(userId, at, nonces)

/** Which login asks, for a function that decides what to keep. */
export interface KeepLogin {
  readonly userId: string
  /** Whose session it was before; null for an anonymous one. */
  readonly previousUserId: string | null
}

/**
 * Returns the data that the session has after a login, from those that it had. It may run again, on what a parallel request has saved
 * meanwhile, so it must only compute: no I/O, no clock, no promise. It may change what it is given.
 */
export type KeepData = {
  of(data: Record<string, unknown>, login: KeepLogin): object
}['of']

/** What becomes of a session's data at a login. */
export type Keep = 'all' | 'none' | readonly string[] | KeepData

/** What is wrong with it; null for nothing. */
export const mistakeInKeep = (keep: unknown): string | null =>
  keep === 'all' || keep === 'none' || typeof keep === 'function' || isKeys(keep)
    ? null
    : "must be 'all', 'none', an array of keys, or a function that returns the data to keep."

const isKeys = (keep: unknown) => Array.isArray(keep) && keep.every((key) => typeof key === 'string')

/** Options of `session.login`. */
export interface LoginOptions extends ProofOptions {
  /** The device as the user's list of sessions shows it (cut to 120 characters). By default derived from the User-Agent. */
  readonly label?: string | null | undefined
  /**
   * Keep the cookie when the browser closes; a duration also sets how long the session lives at most. False ends the cookie
   * with the browser, even where the option `expireAtBrowserClose` is false.
   */
  readonly remember?: boolean | Duration | undefined
  /**
   * What happens to the session's data: all of it stays, none, these keys, or what a function returns. By default, the option `keep` of
   * `createSessions` decides about an anonymous session's, all data of the same user's stays, and none of another user's, so that nobody
   * sees the basket of the person before.
   */
  readonly keep?: Keep | undefined
  /** How many sessions this user may have at most, this one included. */
  readonly limit?: number | undefined
  /** At the limit: `end-oldest` (default) ends the user's oldest sessions, `refuse` throws `SessionLimitError`. */
  readonly atLimit?: 'end-oldest' | 'refuse' | undefined
  /**
   * The credential that was just verified, as the option `credential` of `createSessions` would return it; by default that is
   * called. If it is passed, a password that is changed at this very moment ends this login, too.
   */
  readonly credential?: string | undefined
  /**
   * When the login began, from `await sessions.of(id).moment()` before the password was checked; at most an hour ago. By default
   * it begins with the call of `login`, and a "log out everywhere" between the check and the call is not noticed.
   */
  readonly asOf?: LoginMoment | undefined
}

export const LOGIN_OPTIONS = ['label', 'remember', 'keep', 'limit', 'atLimit', 'credential', 'asOf', 'method', 'level']

/**
 * Throws `TypeError` for what cannot name a user. Half a surrogate pair cannot: it has no form in UTF-8, so that two different
 * ids would become one.
 */
export function checkUserId(where: string, userId: unknown): void {
  if (typeof userId === 'string' && userId !== '' && !/\p{Surrogate}/u.test(userId)) return
  if (typeof userId === 'number' || typeof userId === 'bigint')
    throw new TypeError(`${where} takes the user id as a string, and got a ${typeof userId}. Write String(id).`)
  const got = userId === '' ? 'an empty one' : typeof userId === 'string' ? 'one with half a character' : kindOf(userId)
  throw new TypeError(`${where} takes the user id as a non-empty string, and got ${got}.`)
}

const kindOf = (value: unknown) =>
  value == null ? `${value}` : `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`

/** Throws `TypeError` for an option that is unknown or wrong, and `ConfigError` for a `remember` that is not a duration. */
export function checkLogin(userId: string, options: LoginOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`login() takes its options as an object: ${LOGIN_OPTIONS.join(', ')}.`)
  const unknown = Object.keys(options).find((name) => !LOGIN_OPTIONS.includes(name))
  if (unknown) throw new TypeError(`login() has no option '${unknown}'. Known: ${LOGIN_OPTIONS.join(', ')}.`)
  const { limit, atLimit, label, remember, keep } = options
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0))
    throw new TypeError('login: limit must be a whole number above 0.')
  if (atLimit !== undefined && atLimit !== 'end-oldest' && atLimit !== 'refuse')
    throw new TypeError("login: atLimit must be 'end-oldest' or 'refuse'.")
  // However long: it is often a User-Agent, and the visitor decides how long that is.
  if (label != null && typeof label !== 'string') throw new TypeError('login: label must be a string or null.')
  if (options.asOf !== undefined && !(options.asOf instanceof LoginMoment && options.asOf.userId === userId))
    throw new TypeError('login: asOf must come from `await sessions.of(id).moment()`, with the id of this user.')
  if (options.credential !== undefined) checkCredential('login: credential', options.credential)
  if (remember !== undefined && typeof remember !== 'boolean') milliseconds(remember, 'login: remember')
  const mistake = keep === undefined ? null : mistakeInKeep(keep)
  if (mistake) throw new TypeError(`login: keep ${mistake}`)
}

/** Throws `TypeError` for what no login can belong to. */
export function checkCredential(where: string, credential: unknown): void {
  if (typeof credential !== 'string' || credential === '') throw new TypeError(`${where} must be a non-empty string.`)
}
