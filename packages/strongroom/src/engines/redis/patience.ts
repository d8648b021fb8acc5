import { randomInt } from 'node:crypto'

/** Ms before the n-th attempt to connect: soon at first, and never in step with the other processes. */
export function patience(attempts: number): number {
  const most = Math.min(25 * 2 ** Math.min(attempts, 6), 1000)
  return most / 2 + randomInt(most / 2)
}
