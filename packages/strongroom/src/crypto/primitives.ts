import type { KeyObject } from 'node:crypto'
import type { Pieces } from '../base/bytes.ts'

/** What a seal can be made with. AES-256-GCM is for those whose rules ask for it. */
export type CipherName = 'chacha20-poly1305' | 'aes-256-gcm'

/** Who computes: Node's own crypto, or libsodium through the package `sodium-native`. */
export type CryptoName = 'node' | 'sodium'

/** For one message only. */
export interface MessageKey {
  readonly key: Buffer
  readonly nonce: Buffer
}

/** Encryption with authentication: key 32, nonce 12, tag 16. */
export interface Cipher {
  /** Writes ciphertext and tag into `out`, from `at` to its end. */
  encrypt(payload: Pieces, out: Buffer, at: number, by: MessageKey, associated: Buffer): void
  /** The payload of ciphertext and tag, which are in `sealed` from `at` to its end; null if they are forged. */
  decrypt(sealed: Buffer, at: number, by: MessageKey, associated: Buffer): string | null
}

/**
 * What the seal is computed with. Both implementations give the same bytes. All calls are one-shot and synchronous, and whatever
 * they need in between is overwritten before they return: nothing of one request is left for another.
 */
export interface Primitives {
  readonly name: CryptoName
  /** Writes the SHA-512 of `input` into the 64 bytes of `into`. */
  sha512(input: Uint8Array, into: Uint8Array): void
  /** Null where the runtime has no ChaCha20-Poly1305. */
  readonly chacha20: Cipher | null
}

export const TAG = 16

/** For so few bytes a loop is faster than calling a native function. */
export function move(from: Uint8Array, start: number, into: Uint8Array, at: number, length: number): void {
  for (let i = 0; i < length; i++) into[at + i] = from[start + i] as number
}

const { fill } = Uint8Array.prototype

/** Overwrites what must not stay in memory. Not `Buffer.fill`, which first looks at what it is given. */
export function wipe(bytes: Uint8Array, start = 0, end = bytes.length): void {
  fill.call(bytes, 0, start, end)
}

/** SHA-512 works on blocks of 128 bytes. */
export const BLOCK = 128

interface Pads {
  readonly inner: Uint8Array
  /** The outer pad, and room for the inner digest. */
  readonly outer: Uint8Array
  readonly digest: Uint8Array
}

/** Made once for a key, and gone with it. */
const pads = new WeakMap<KeyObject, Pads>()

function padsOf(key: KeyObject): Pads {
  const known = pads.get(key)
  if (known) return known
  const raw = key.export()
  // A longer key would have to be hashed first; ours have 32 bytes.
  if (raw.length > BLOCK) throw new RangeError(`An HMAC key has at most ${BLOCK} bytes.`)
  const inner = new Uint8Array(BLOCK).fill(0x36)
  const outer = new Uint8Array(BLOCK + 64).fill(0x5c, 0, BLOCK)
  raw.forEach((byte, i) => {
    inner[i] = byte ^ 0x36
    outer[i] = byte ^ 0x5c
  })
  wipe(raw)
  const made = { inner, outer, digest: outer.subarray(BLOCK) }
  pads.set(key, made)
  return made
}

/**
 * HMAC-SHA-512 (RFC 2104) of two one-shot hashes, which cost less than half of a `createHmac` in a request. The message begins
 * at byte 128 of `frame`: what is before it is overwritten by the key's pad, so that the message need not be copied. The caller
 * wipes `frame`.
 */
export function hmacSha512({ sha512 }: Primitives, key: KeyObject, frame: Uint8Array, into: Uint8Array): void {
  const { inner, outer, digest } = padsOf(key)
  frame.set(inner)
  sha512(frame, digest)
  sha512(outer, into)
  wipe(digest)
}
