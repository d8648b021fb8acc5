import { randomInt } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

/**
 * Ms to wait after the n-th failure in a row, counted from 1: `first`, then twice as long each time, up to `most`. Between
 * half of that and all of it, at random, so that processes that failed together do not come back together.
 */
export function backoff(failures: number, { first, most }: { readonly first: number; readonly most: number }): number {
  const longest = Math.min(first * 2 ** Math.min(failures - 1, 30), most)
  return longest / 2 + randomInt(Math.max(Math.ceil(longest / 2), 1))
}

/** Waits before another try of what should succeed in a moment: for 1 to `most` ms, at random, so that two callers do not stay in step. */
export function pause(most = 7): Promise<void> {
  return wait(randomInt(1, most + 1))
}

/** A moment on the monotonic clock, `ms` from now. A test's manual clock must not stretch or cut a real wait. */
export function momentIn(ms: number): number {
  return performance.now() + ms
}

export function isPast(moment: number): boolean {
  return performance.now() >= moment
}

/**
 * The result of the first attempt that succeeds, with a short pause after each that failed. `errorOf` gets the error of an
 * attempt, and whether `until` has passed. It returns the error to reject with, or null to try again: a lock is held, or a
 * deadlock was resolved at our expense.
 */
export async function retryUntil<T>(
  until: number,
  attempt: () => T | Promise<T>,
  errorOf: (error: unknown, isLate: boolean) => unknown,
): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      const final = errorOf(error, isPast(until))
      if (final !== null) throw final
    }
    await pause()
  }
}
