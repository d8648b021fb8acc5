/** Up to here memcached takes a number for a length; above, for a moment by its own clock. */
const LONGEST = 30 * 86_400
/** So far may the clocks of memcached and of this machine be apart, for lifetimes that have to be told as a moment. */
const APART = 86_400

/**
 * Seconds for memcached, which only clears away: the deadline in the record decides. So it is never too early: the length is by the
 * application's clock, rounded up, with one second for memcached's clock, which ticks once a second.
 */
export function exptimeFor(expiresAt: number, now: number, wall = Date.now()): number {
  const seconds = Math.max(Math.ceil((expiresAt - now) / 1000), 0) + 1
  return seconds <= LONGEST ? seconds : Math.min(Math.ceil(wall / 1000) + seconds + APART, 2 ** 32 - 1)
}
