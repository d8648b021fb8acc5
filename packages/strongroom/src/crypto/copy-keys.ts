import { asBuffer } from '../base/bytes.ts'
import { equal, type LiveKeyring, type Master } from './keyring.ts'
import { BLOCK, hmacSha512, type Primitives, wipe } from './primitives.ts'

const VERSION = 7
const TAG = 32
const HEAD = 2 + TAG
const DIGEST = 64

/**
 * Signs copies of what a store has, for caches in which others can write, too:
 *
 *     version 1 ‖ kid 1 ‖ tag 32 ‖ bytes          the tag is the beginning of HMAC-SHA-512(copy key, namespace ‖ name ‖ SHA-512(bytes))
 *
 * Line feeds end namespace and name, which have none. Always under the current master; a retired one still opens what it has
 * signed. The scratch memory is shared by all requests, and nothing waits while it is in use.
 */
export function createCopyKeys(ring: LiveKeyring, primitives: Primitives, namespace: string) {
  const scratch = Buffer.alloc(DIGEST)

  /** Valid until the next call. */
  function tagOf({ copy }: Master, name: string, bytes: Uint8Array): Buffer {
    const bound = `${namespace}\n${name}\n`
    const length = Buffer.byteLength(bound)
    const frame = Buffer.allocUnsafe(BLOCK + length + DIGEST)
    try {
      frame.write(bound, BLOCK)
      primitives.sha512(bytes, frame.subarray(BLOCK + length))
      hmacSha512(primitives, copy, frame, scratch)
    } finally {
      wipe(frame, 0, BLOCK)
    }
    return scratch.subarray(0, TAG)
  }

  return {
    sign(name: string, bytes: Uint8Array): Buffer | null {
      if (!ring.hasKeys) return null
      const signed = Buffer.allocUnsafe(HEAD + bytes.length)
      signed[0] = VERSION
      signed[1] = ring.current.kid
      signed.set(tagOf(ring.current, name, bytes), 2)
      signed.set(bytes, HEAD)
      return signed
    },
    open(name: string, signed: Uint8Array): Buffer | null {
      if (signed.length < HEAD || signed[0] !== VERSION || !ring.hasKeys) return null
      const master = ring.get(signed[1] as number)
      if (!master) return null
      const bytes = asBuffer(signed.subarray(HEAD))
      return equal(tagOf(master, name, bytes), signed.subarray(2, HEAD)) ? bytes : null
    },
  }
}
