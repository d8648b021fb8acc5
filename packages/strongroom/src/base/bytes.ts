/** The same bytes, with the methods of a Buffer. No copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Each byte as one character, and so ASCII as it is. */
export const latin1Of = (bytes: Uint8Array): string => asBuffer(bytes).toString('latin1')

const SLAB = 8192
let slab = Buffer.allocUnsafeSlow(SLAB)
let used = 0

/**
 * A copy that may stay for long. `Buffer.from` takes memory from slabs of 64 KB, which all Buffers of the process share: one that
 * stays would keep all of its slab. These slabs are small, and hold nothing else.
 */
export function lastingCopy(bytes: Uint8Array): Buffer {
  const { length } = bytes
  if (used + length > slab.length) {
    slab = Buffer.allocUnsafeSlow(Math.max(length, SLAB))
    used = 0
  }
  slab.set(bytes, used)
  used += length
  return slab.subarray(used - length, used)
}

/** A copy of ASCII text that shares no memory with the string that it was cut from, as V8's slices do. */
export const detached = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')

/** A string, or the pieces that it consists of, between which no character is cut: joining them would copy all of it once more. */
export type Pieces = string | readonly string[]

/** Bytes as UTF-8. */
export function lengthOf(text: Pieces): number {
  if (typeof text === 'string') return Buffer.byteLength(text)
  let length = 0
  for (const piece of text) length += Buffer.byteLength(piece)
  return length
}

/** Writes a text as UTF-8, from `at`. Returns where it ends. */
export function writeText(text: Pieces, into: Buffer, at: number): number {
  if (typeof text === 'string') return at + into.write(text, at, 'utf8')
  for (const piece of text) at += into.write(piece, at, 'utf8')
  return at
}
