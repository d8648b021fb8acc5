import { checkOptions } from '../base/check.ts'
import { type Duration, LONGEST, milliseconds } from '../base/duration.ts'
import type { Meta } from './content.ts'
import type { LoginOptions } from './login.ts'

/** How long a session lives: `idle` is a length in ms (0: no idle limit), `deadline` the moment that nothing can move. */
export interface Lifetime {
  readonly idle: number
  readonly deadline: number
}

/** The moment at which a session that is used at `now` expires. */
export function expiryAfter(now: number, { idle, deadline }: Lifetime): number {
  return idle === 0 ? deadline : Math.min(now + idle, deadline)
}

/** One touch per tenth of the idle limit is enough: the limit is then accurate to within a tenth. */
export const TOUCH_SHARE = 0.1

/**
 * The new expiry when a touch is due, else null: one per `share` of the idle limit. Never earlier than what was promised already, even
 * when the clock jumps back.
 */
export function touchDue(now: number, expiresAt: number, life: Lifetime, share: number): number | null {
  const next = expiryAfter(now, life)
  const step = next === life.deadline ? 1 : Math.max(1, life.idle * share)
  return next - expiresAt >= step ? next : null
}

/** When the session was last used, to within a tenth of the idle limit; null where the idle limit does not tell. */
export function lastSeen(expiresAt: number, { idle, deadline }: Lifetime): number | null {
  return idle === 0 || expiresAt >= deadline ? null : expiresAt - idle
}

/** What `setExpiry` takes: how long this one session lives. What is left out stays as it is. */
export interface Expiry {
  /** Idle limit: a duration, or null for none. */
  readonly idle?: Duration | null | undefined
  /** The moment after which nothing keeps it alive: a date, or a duration from now. */
  readonly absolute?: Duration | Date | undefined
  /** Does the cookie stay when the browser closes? */
  readonly remember?: boolean | undefined
}

/** What `setExpiry` does to a session's meta: first back to the defaults, where that was requested, then what was named. */
export interface LifetimeChange {
  readonly defaults: boolean
  readonly named: Partial<Pick<Meta, 'idle' | 'deadline' | 'persistent'>>
}

/** What a request asked for about its session's lifetime. Some formats store the request itself, not its result. */
export interface RequestedLifetime {
  /** Of a login. */
  readonly remember: LoginOptions['remember']
  /** By `setExpiry`, which is applied on top. */
  readonly change: LifetimeChange | null
}

/** Adds a call of `setExpiry` to what earlier calls of the same request changed. Throws for an end that is past or too far. */
export function withExpiry(
  before: LifetimeChange | null,
  expiry: Duration | Date | Expiry | null,
  now: number,
): LifetimeChange {
  if (expiry === null) return { defaults: true, named: {} }
  if (expiry === 'browser') return { defaults: true, named: { persistent: false } }
  const named = namedBy(expiry, now)
  return { defaults: before?.defaults ?? false, named: { ...before?.named, ...named } }
}

function namedBy(expiry: Duration | Date | Expiry, now: number): LifetimeChange['named'] {
  if (expiry instanceof Date) return { deadline: momentOf(expiry, now), idle: 0 }
  if (typeof expiry !== 'object') return { idle: milliseconds(expiry, 'setExpiry: idle') }
  checkOptions('setExpiry()', expiry, ['idle', 'absolute', 'remember'])
  const { idle, absolute, remember } = expiry
  if (remember !== undefined && typeof remember !== 'boolean')
    throw new TypeError('setExpiry: remember must be true or false.')
  return {
    ...(idle === undefined ? {} : { idle: idle === null ? 0 : milliseconds(idle, 'setExpiry: idle') }),
    ...(absolute === undefined ? {} : { deadline: momentOf(absolute, now) }),
    ...(remember === undefined ? {} : { persistent: remember }),
  }
}

function momentOf(end: Duration | Date, now: number): number {
  const moment = end instanceof Date ? end.getTime() : now + milliseconds(end, 'setExpiry: absolute')
  if (moment > now && moment <= now + LONGEST) return moment
  throw new TypeError('setExpiry: the end must be in the future, at most 400 days from now.')
}
