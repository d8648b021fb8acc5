import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { CopyKeys } from '../../store.ts'

const TAG = 32

/** For a store that was not given keys: they are its own, and last as long as it does. What anyone else has written is no copy. */
export function randomCopyKeys(): CopyKeys {
  const key = randomBytes(32)
  const tagOf = (name: string, bytes: Uint8Array) =>
    createHmac('sha256', key).update(`${name}\n`).update(bytes).digest()
  return {
    sign: (name, bytes) => Buffer.concat([tagOf(name, bytes), bytes]),
    open(name, signed) {
      if (signed.length < TAG) return null
      const bytes = signed.subarray(TAG)
      return timingSafeEqual(tagOf(name, bytes), signed.subarray(0, TAG)) ? bytes : null
    },
  }
}

/** For copies in this process's memory, where nobody else can write. */
export const NO_KEYS: CopyKeys = { sign: (_, bytes) => bytes, open: (_, bytes) => bytes }
