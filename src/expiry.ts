import type { Meta } from './codec/json.ts'
import { type Duration, LONGEST, milliseconds } from './lifetime.ts'

/** How long this one session lives; what is left out stays as it was. */
export interface Expiry {
  /** Idle limit: a duration, or null for none. */
  readonly idle?: Duration | null | undefined
  /** The moment after which nothing keeps it alive: a date, or a duration from now. */
  readonly absolute?: Duration | Date | undefined
  /** Does the cookie stay when the browser closes? */
  readonly remember?: boolean | undefined
}

/** The part of a session's meta that an expiry sets. */
export type LifetimeChange = Partial<Pick<Meta, 'idle' | 'deadline' | 'persistent'>>

/** Throws for an end that is not ahead, or further than 400 days. */
export function lifetimeOf({ idle, absolute, remember }: Expiry, now: number): LifetimeChange {
  const until =
    absolute instanceof Date ? absolute.getTime() : absolute && now + milliseconds(absolute, 'setExpiry: absolute')
  if (until !== undefined && !(Number(until) > now && Number(until) <= now + LONGEST))
    throw new TypeError('setExpiry: the end must lie in the future, at most 400 days from now.')
  return {
    ...(idle === undefined ? {} : { idle: idle === null ? 0 : milliseconds(idle, 'setExpiry: idle') }),
    ...(until === undefined ? {} : { deadline: Number(until) }),
    ...(remember === undefined ? {} : { persistent: remember }),
  }
}
