import { createHash, type KeyObject } from 'node:crypto'
import { BLOCK, hmacSha512, move, type Primitives, wipe } from './primitives.ts'

interface Known {
  readonly prefix: Buffer
  readonly tag: Buffer
  /** By the length of what is put into them. */
  readonly frames: Map<number, Buffer>
}

/** Of options alone, so there are few; and a request must not hash what never changes. */
const known = new Map<string, Known>()

/**
 * What goes before everything that belongs to a namespace: its length and the namespace, so that no two pairs of a namespace and
 * what follows read the same.
 */
export const namespacePrefix = (namespace: string): Buffer => of(namespace).prefix

/**
 * The 4 bytes with which the ids of a namespace end. Of two namespaces they are the same once in four billion times; then their
 * operators see and end each other's sessions, and nobody opens one.
 */
export const namespaceTag = (namespace: string): Buffer => of(namespace).tag

/**
 * HMAC-SHA-512 over the namespace's prefix and the first `length` bytes of `data`, written into the 64 bytes of `into`. Every
 * cookie that is not remembered costs two of these.
 */
export function namespacedMac(
  primitives: Primitives,
  key: KeyObject,
  namespace: string,
  { data, length }: { readonly data: Uint8Array; readonly length: number },
  into: Uint8Array,
): void {
  const frame = frameOf(of(namespace), length)
  const at = frame.length - length
  try {
    move(data, 0, frame, at, length)
    hmacSha512(primitives, key, frame, into)
  } finally {
    // The pad, which is as good as the key, and what may be a token. The prefix stays for the next call.
    wipe(frame, 0, BLOCK)
    wipe(frame, at)
  }
}

/** Room for the pad, the prefix, and so many bytes. There are two or three lengths. */
function frameOf({ prefix, frames }: Known, length: number): Buffer {
  const known = frames.get(length)
  if (known) return known
  const frame = Buffer.alloc(BLOCK + prefix.length + length)
  frame.set(prefix, BLOCK)
  frames.set(length, frame)
  return frame
}

function of(namespace: string): Known {
  return known.get(namespace) ?? learn(namespace)
}

function learn(namespace: string): Known {
  const name = Buffer.from(namespace)
  const prefix = Buffer.alloc(4 + name.length)
  prefix.writeUInt32BE(name.length)
  prefix.set(name, 4)
  const tag = createHash('sha256').update('strongroom namespace ').update(prefix).digest().subarray(0, 4)
  const learned = { prefix, tag, frames: new Map() }
  known.set(namespace, learned)
  return learned
}
