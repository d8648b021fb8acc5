import { asBuffer } from '../../base/bytes.ts'
import type { Entry, Found, Version } from '../../store.ts'

const FORMAT = 1
/** Bits of the second byte. */
const [TEXT_VERSION, OWNED, LABELLED] = [1, 2, 4]
/** Format, bits, expiresAt, createdAt. */
const HEAD = 18

/**
 * An entry and its version in one piece, for backends that keep nothing but bytes:
 * format ‖ bits ‖ expiresAt ‖ createdAt ‖ version ‖ owner? ‖ label? ‖ bytes; numbers are doubles, texts stand behind their length.
 */
export function pack({ bytes, owner, label, expiresAt, createdAt }: Entry, version: Version): Buffer {
  const head = Buffer.alloc(HEAD)
  head[0] = FORMAT
  head[1] =
    (typeof version === 'string' ? TEXT_VERSION : 0) | (owner === null ? 0 : OWNED) | (label === null ? 0 : LABELLED)
  head.writeDoubleLE(expiresAt, 2)
  head.writeDoubleLE(createdAt, 10)
  return Buffer.concat([
    head,
    ...(typeof version === 'string' ? withLength(Buffer.from(version)) : [double(version)]),
    ...(owner === null ? [] : withLength(Buffer.from(owner))),
    ...(label === null ? [] : withLength(label)),
    bytes,
  ])
}

/** Null for what was not packed here. The entry is made of the given bytes, from a place in them on, and not of copies. */
export function unpack(given: Uint8Array, from = 0): Found | null {
  if (given[from] !== FORMAT || given.length < from + HEAD) return null
  const all = asBuffer(given)
  const bits = all[from + 1] as number
  let at = from + HEAD
  const part = () => {
    const start = at + 2
    at = start + ((all[at] as number) | ((all[at + 1] as number) << 8))
    return all.subarray(start, at)
  }
  let version: Version = 0
  if (bits & TEXT_VERSION) version = part().toString()
  else {
    at += 8
    if (at <= all.length) version = all.readDoubleLE(at - 8)
  }
  const owner = bits & OWNED ? part().toString('latin1') : null
  const label = bits & LABELLED ? part() : null
  if (at > all.length) return null
  const [expiresAt, createdAt] = [all.readDoubleLE(from + 2), all.readDoubleLE(from + 10)]
  return { entry: { bytes: all.subarray(at), expiresAt, owner, label, createdAt }, version }
}

/** A label has 512 bytes at most, an owner 64, and a version is short. */
function withLength(bytes: Uint8Array): [Buffer, Uint8Array] {
  const length = Buffer.alloc(2)
  length.writeUInt16LE(bytes.length)
  return [length, bytes]
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}
