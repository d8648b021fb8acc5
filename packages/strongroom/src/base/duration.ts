import { ConfigError } from '../errors.ts'

/** A length of time: whole milliseconds, or a string such as '90s', '30m', '12h', '7d' or '2w'. */
export type Duration = number | string

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** No session lives longer: browsers keep no cookie for longer (RFC 6265bis §5.5), and tombstones must outlast what they end. */
export const LONGEST = 400 * UNITS.d

/** A duration in milliseconds. Throws `ConfigError`, naming `what`, unless it is above 0 and at most 400 days. */
export function milliseconds(given: Duration, what: string): number {
  const parts = typeof given === 'string' ? /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/.exec(given.trim()) : null
  const ms = typeof given === 'number' ? given : parts ? Number(parts[1]) * UNITS[parts[2] as keyof typeof UNITS] : NaN
  if (ms > 0 && ms <= LONGEST) return Math.ceil(ms)
  throw new ConfigError(
    `${what} must be above 0 and at most 400 days: a number of milliseconds, or a string such as '30m', '12h' or '7d'.`,
  )
}
