import type { Clock } from '../store.ts'

/** A clock that only a test moves. It is called like `Date.now`: `clock()` is the moment it stands at, in ms. */
export interface ManualClock extends Clock {
  /** The same clock, for options that are called `now`. */
  readonly now: Clock
  /** Moves on by so many ms and answers the new moment. */
  advance(ms: number): number
  /** Stands at this moment from now on. */
  set(moment: number): void
}

/**
 * Starts at 2 000 000 000 000 (May 2033) unless told otherwise: later than any clock on the wall, so that a backend which
 * expires entries by its own clock does not do so in the middle of a test.
 */
export function manualClock(start = 2_000_000_000_000): ManualClock {
  let moment = start
  const now = () => moment
  return Object.assign(() => moment, {
    now,
    advance: (ms: number) => {
      moment += ms
      return moment
    },
    set: (to: number) => {
      moment = to
    },
  })
}
