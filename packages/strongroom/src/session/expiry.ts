import { checkOptions } from '../base/check.ts'
import type { Meta } from './content.ts'
import { type Duration, LONGEST, milliseconds } from './lifetime.ts'
import type { LoginOptions } from './login.ts'

/** How long this one session lives; what is left out stays as it was. */
export interface Expiry {
  /** Idle limit: a duration, or null for none. */
  readonly idle?: Duration | null | undefined
  /** The moment after which nothing keeps it alive: a date, or a duration from now. */
  readonly absolute?: Duration | Date | undefined
  /** Does the cookie stay when the browser closes? */
  readonly remember?: boolean | undefined
}

/** What an expiry does to a session's meta: back to the defaults first, where that was asked for, then what was named. */
export interface LifetimeChange {
  readonly defaults: boolean
  readonly named: Partial<Pick<Meta, 'idle' | 'deadline' | 'persistent'>>
}

/** What a request has asked of its session's lifetime, in the words in which it was asked. */
export interface RequestedLifetime {
  /** Of a login. */
  readonly remember: LoginOptions['remember']
  /** By `setExpiry`, which comes on top. */
  readonly change: LifetimeChange | null
}

/** Lays an expiry over what an earlier one of the same request said. Throws for an end that is not ahead, or too far. */
export function lifetimeChangeOver(
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
    throw new TypeError('setExpiry: remember is true or false.')
  return {
    ...(idle === undefined ? {} : { idle: idle === null ? 0 : milliseconds(idle, 'setExpiry: idle') }),
    ...(absolute === undefined ? {} : { deadline: momentOf(absolute, now) }),
    ...(remember === undefined ? {} : { persistent: remember }),
  }
}

function momentOf(end: Duration | Date, now: number): number {
  const moment = end instanceof Date ? end.getTime() : now + milliseconds(end, 'setExpiry: absolute')
  if (moment > now && moment <= now + LONGEST) return moment
  throw new TypeError('setExpiry: the end must lie in the future, at most 400 days from now.')
}
