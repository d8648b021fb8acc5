import type { Entry, Version } from '../../store.ts'

/** An entry of the durable store as it was at a moment. */
export interface Copy {
  readonly entry: Entry
  readonly version: Version
  /** The moment before the durable store was asked, so that nothing that was changed later can be in it. */
  readonly readAt: number
}

/** In a place where a copy was: says that there is none, and that whoever saw the place empty before has come too late. */
export const TOMBSTONE = Uint8Array.of(0)

const FORMAT = 1
/** Bits of the second byte. */
const [TEXT_VERSION, OWNED, LABELLED] = [1, 2, 4]
/** Format, bits, readAt, expiresAt, createdAt. */
const HEAD = 26

/** format ‖ bits ‖ readAt ‖ expiresAt ‖ createdAt ‖ version ‖ owner? ‖ label? ‖ bytes: doubles, and texts behind their length. */
export function encode({ entry, version, readAt }: Copy): Uint8Array {
  const { bytes, owner, label } = entry
  const parts = [
    typeof version === 'string' ? withLength(Buffer.from(version)) : double(version),
    ...(owner === null ? [] : [withLength(Buffer.from(owner))]),
    ...(label === null ? [] : [withLength(label)]),
    bytes,
  ]
  const head = Buffer.alloc(HEAD)
  head[0] = FORMAT
  head[1] =
    (typeof version === 'string' ? TEXT_VERSION : 0) | (owner === null ? 0 : OWNED) | (label === null ? 0 : LABELLED)
  head.writeDoubleLE(readAt, 2)
  head.writeDoubleLE(entry.expiresAt, 10)
  head.writeDoubleLE(entry.createdAt, 18)
  return Buffer.concat([head, ...parts])
}

/** Null for a tombstone, and for what another release, or nobody of ours, has put there. Keeps the bytes that it is given. */
export function decode(given: Uint8Array): Copy | null {
  if (given[0] !== FORMAT || given.length < HEAD) return null
  const all = Buffer.from(given.buffer, given.byteOffset, given.byteLength)
  const bits = all[1] as number
  let at = HEAD
  const take = (length: number) => {
    at += length
    if (at > all.length) throw new RangeError('cut off')
    return all.subarray(at - length, at)
  }
  const part = () => take(take(2).readUInt16LE())
  try {
    const version = bits & TEXT_VERSION ? part().toString() : take(8).readDoubleLE()
    const owner = bits & OWNED ? part().latin1Slice() : null
    const label = bits & LABELLED ? part() : null
    const [expiresAt, createdAt] = [all.readDoubleLE(10), all.readDoubleLE(18)]
    return {
      entry: { bytes: all.subarray(at), expiresAt, owner, label, createdAt },
      version,
      readAt: all.readDoubleLE(2),
    }
  } catch {
    return null
  }
}

function withLength(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(2)
  // A label has 512 bytes at most, an owner 64, and a version is short.
  length.writeUInt16LE(bytes.length)
  return Buffer.concat([length, bytes])
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}
