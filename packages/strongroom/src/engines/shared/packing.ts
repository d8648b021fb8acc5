import { asBuffer } from '../../base/bytes.ts'
import type { Entry, Found, Version } from '../../store.ts'

const FORMAT = 1
/** Flags in the second byte. */
const [STRING_VERSION, HAS_OWNER, HAS_LABEL] = [1, 2, 4]
/** Length of format, flags, expiresAt and createdAt. */
const HEAD = 18

/**
 * An entry and its version in one buffer, for backends that store nothing but bytes: format ‖ flags ‖ expiresAt ‖
 * createdAt ‖ version ‖ owner? ‖ label? ‖ bytes. Numbers are doubles. A length precedes each string.
 */
export function pack({ bytes, owner, label, expiresAt, createdAt }: Entry, version: Version): Buffer {
  const head = Buffer.alloc(HEAD)
  head[0] = FORMAT
  head[1] =
    (typeof version === 'string' ? STRING_VERSION : 0) |
    (owner === null ? 0 : HAS_OWNER) |
    (label === null ? 0 : HAS_LABEL)
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

/**
 * Null for anything that `pack` did not make. Reads from the offset `from`. The entry's bytes are a view of the given
 * ones, not a copy.
 */
export function unpack(given: Uint8Array, from = 0): Found | null {
  if (given[from] !== FORMAT || given.length < from + HEAD) return null
  const all = asBuffer(given)
  const flags = all[from + 1] as number
  let at = from + HEAD
  const part = () => {
    const start = at + 2
    at = start + ((all[at] as number) | ((all[at + 1] as number) << 8))
    return all.subarray(start, at)
  }
  let version: Version = 0
  if (flags & STRING_VERSION) version = part().toString()
  else {
    at += 8
    if (at <= all.length) version = all.readDoubleLE(at - 8)
  }
  const owner = flags & HAS_OWNER ? part().toString('latin1') : null
  const label = flags & HAS_LABEL ? part() : null
  if (at > all.length) return null
  const [expiresAt, createdAt] = [all.readDoubleLE(from + 2), all.readDoubleLE(from + 10)]
  return { entry: { bytes: all.subarray(at), expiresAt, owner, label, createdAt }, version }
}

/** Two bytes of length are enough: a label has at most 512 bytes, an owner 64, and a version is short. */
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
