import { randomFillSync } from 'node:crypto'

/** For so many calls at a time, because one system call costs more than all that they are for. */
const DRAWN = 256

/** Returns a function that writes `length` new random bytes into a buffer, from `at`. What was given out is nowhere else. */
export function randomBytesOf(length: number): (into: Uint8Array, at: number) => void {
  const pool = Buffer.allocUnsafeSlow(length * DRAWN)
  let used = pool.length
  return (into, at) => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    for (let i = 0; i < length; i++) {
      into[at + i] = pool[used + i] as number
      pool[used + i] = 0
    }
    used += length
  }
}
