import type { Clock } from '../store.ts'

/** A clock that only the test moves. Like `Date.now`, `clock()` returns the current moment in ms. */
export interface ManualClock extends Clock {
  /** The same clock, for options named `now`. */
  readonly now: Clock
  /** Moves the clock forward by this many ms and returns the new moment. */
  advance(ms: number): number
  /** Sets the clock to this moment. */
  set(moment: number): void
}

/**
 * Starts at 2 000 000 000 000 (May 2033) by default. That is later than any real clock, so a backend that expires entries by
 * its own clock does not do so in the middle of a test.
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
