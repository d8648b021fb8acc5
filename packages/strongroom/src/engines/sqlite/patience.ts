import { randomInt } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

/** Waits before another try for a lock: briefly, and unevenly, so that two who collided once do not go on colliding. */
export function pause(): Promise<void> {
  return wait(randomInt(1, 8))
}

/** A moment on the monotonic clock, `ms` from now. A test's manual clock must not stretch or cut a real wait. */
export function momentIn(ms: number): number {
  return performance.now() + ms
}

export function isPast(moment: number): boolean {
  return performance.now() >= moment
}
