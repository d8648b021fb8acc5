import { ConfigError } from '../errors.ts'

/** A length of time: whole milliseconds, or text such as '90s', '30m', '12h', '7d', '2w'. */
export type Duration = number | string

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** No session outlives this: browsers keep no cookie longer (RFC 6265bis §5.5), and marks must outlast what they end. */
export const LONGEST = 400 * UNITS.d

/** Milliseconds of a duration; throws `ConfigError` (naming `what`) unless it is above 0 and at most 400 days. */
export function milliseconds(given: Duration, what: string): number {
  const parts = typeof given === 'string' ? /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/.exec(given.trim()) : null
  const ms = typeof given === 'number' ? given : parts ? Number(parts[1]) * UNITS[parts[2] as keyof typeof UNITS] : NaN
  if (ms > 0 && ms <= LONGEST) return Math.ceil(ms)
  throw new ConfigError(
    `${what} must be above 0 and at most 400 days, in milliseconds or as text such as '30m', '12h' or '7d'.`,
  )
}

/** How long a session lives: `idle` is a length (0: no idle limit), `deadline` the moment that nothing can move. */
export interface Lifetime {
  readonly idle: number
  readonly deadline: number
}

/** The moment at which a session that was used at `now` ends. */
export function expiryAfter(now: number, { idle, deadline }: Lifetime): number {
  return idle === 0 ? deadline : Math.min(now + idle, deadline)
}

/**
 * The new deadline when a touch is due, else null. One touch for each tenth of the idle time is enough: the idle limit is
 * then kept to within a tenth. Never earlier than what is already promised, even when the clock jumps back.
 */
export function touchDue(now: number, expiresAt: number, life: Lifetime): number | null {
  const next = expiryAfter(now, life)
  const step = next === life.deadline ? 1 : life.idle / 10
  return next - expiresAt >= step ? next : null
}

/** When the session was last used, to within a tenth of the idle time; null where the idle limit does not tell. */
export function lastSeen(expiresAt: number, { idle, deadline }: Lifetime): number | null {
  return idle === 0 || expiresAt >= deadline ? null : expiresAt - idle
}
