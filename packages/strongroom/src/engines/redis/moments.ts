import { moment } from './record.ts'

/** How long Redis keeps a thing after its deadline, for the clocks of two applications may be minutes apart. */
const GRACE = 300_000
const DAY = 86_400_000

/** When Redis may forget it by its own clock: so many ms from now. */
export function forgetIn(deadline: number, now: number): number {
  return Math.min(Math.max(Math.ceil(deadline - now), 0) + GRACE, 2 ** 50)
}

/**
 * Until when the owner's index is to hold a session: beyond its deadline, by as much as it has to live, so that few touches
 * concern the index. Uneven by up to a second: of two moments one can tell whether they stand for the same promise.
 */
export function indexUntil(deadline: number, now: number, version: number): number {
  const ahead = Math.min(Math.max(deadline - now, 0), DAY)
  return moment(deadline + ahead + (version % 1000))
}
