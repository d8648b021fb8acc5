/** The same bytes, with the methods of a Buffer. No copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Each byte as one character, and so ASCII as it is. */
export const latin1Of = (bytes: Uint8Array): string => asBuffer(bytes).toString('latin1')

/** A copy of ASCII text that shares no memory with the string that it was cut from, as V8's slices do. */
export const detached = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')
