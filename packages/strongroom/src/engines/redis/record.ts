import { randomInt } from 'node:crypto'
import { StoreError } from '../../errors.ts'
import type { Entry } from '../../store.ts'

/**
 * The value of a session's key, format 1 (numbers big-endian, moments in ms):
 *
 *     0  format    1  deadline, 6    7  indexed until, 6    13  version, 6    19  createdAt, 6    25  flags
 *    26  owner, 32 bytes, if flag 1; then the label behind its length in 2 bytes, if flag 2; then the bytes
 *
 * What the scripts look at stands in the first `HEAD` bytes, and what a touch moves is written in place.
 */
const FORMAT = 1
const FIXED = 26
const OWNED = 1
const LABELLED = 2

/** As much of a value as the scripts look at. */
export const HEAD = FIXED + 32
/** As much of a value as there can be before the bytes. */
export const PREFACE = HEAD + 2 + 512
/** The largest moment that 6 bytes hold: the year 10889. */
const LAST = 2 ** 48 - 1
/** Redis keeps 512 MB in one value. */
export const SIZE_LIMIT = 2 ** 29 - PREFACE

export interface Kept extends Entry {
  readonly version: number
}

/** What there is besides the bytes. */
export type Preface = Omit<Kept, 'bytes'> & {
  /** Where the bytes begin. */
  readonly start: number
}

/** What a script tells of a session that it has found or ended. */
export interface Head {
  readonly owner: string | null
  /** Until when the owner's index is sure to hold it; 0 without an owner. */
  readonly until: number
  readonly version: number
}

/** Null when a script answers anything but the first `HEAD` bytes of a value. */
export function decodeHead(reply: unknown): Head | null {
  if (!Buffer.isBuffer(reply)) return null
  const owner = (reply[25] as number) & OWNED ? reply.toString('hex', FIXED, HEAD) : null
  return { owner, until: reply.readUIntBE(7, 6), version: reply.readUIntBE(13, 6) }
}

/** A moment as it is kept: whole, and within 6 bytes. */
export function moment(given: number): number {
  return given > LAST ? LAST : given > 0 ? Math.floor(given) : 0
}

/** Random, so that neither a session that was created again nor a write that was sent again is taken for another. */
export function newVersion(): number {
  return randomInt(2 ** 47)
}

export function packed(number: number): Buffer {
  const bytes = Buffer.allocUnsafe(6)
  bytes.writeUIntBE(number, 0, 6)
  return bytes
}

/** The owner as it stands in a value. */
export function packedOwner(owner: string): Buffer {
  if (!/^[0-9a-f]{64}$/.test(owner)) throw new StoreError('An owner is a tag of 64 lower-case hexadecimal characters.')
  return Buffer.from(owner, 'hex')
}

/** A copy of the entry, as a value. */
export function encode({ bytes, owner, label, expiresAt, createdAt }: Entry, version: number, until: number): Buffer {
  if (bytes.length > SIZE_LIMIT) throw new StoreError(`An entry is larger than Redis keeps (${SIZE_LIMIT} bytes).`)
  if (label !== null && label.length > 512) throw new StoreError('A label is larger than 512 bytes.')
  const start = FIXED + (owner === null ? 0 : 32) + (label === null ? 0 : 2 + label.length)
  const value = Buffer.allocUnsafe(start + bytes.length)
  value[0] = FORMAT
  value.writeUIntBE(moment(expiresAt), 1, 6)
  value.writeUIntBE(until, 7, 6)
  value.writeUIntBE(version, 13, 6)
  value.writeUIntBE(moment(createdAt), 19, 6)
  value[25] = (owner === null ? 0 : OWNED) | (label === null ? 0 : LABELLED)
  if (owner !== null) packedOwner(owner).copy(value, FIXED)
  if (label !== null) {
    value.writeUInt16BE(label.length, start - label.length - 2)
    value.set(label, start - label.length)
  }
  value.set(bytes, start)
  return value
}

/** Null for what is none of our values: nothing of it can be trusted. */
export function decode(value: Buffer): Kept | null {
  const preface = decodePreface(value)
  return preface && { ...preface, bytes: value.subarray(preface.start) }
}

export function decodePreface(value: Buffer): Preface | null {
  if (value.length < FIXED || value[0] !== FORMAT) return null
  const flags = value[25] as number
  let start = FIXED
  let owner: string | null = null
  let label: Buffer | null = null
  if (flags & OWNED) {
    owner = value.toString('hex', FIXED, HEAD)
    start = HEAD
  }
  if (flags & LABELLED) {
    if (value.length < start + 2) return null
    const end = start + 2 + value.readUInt16BE(start)
    label = value.subarray(start + 2, end)
    start = end
  }
  if (value.length < start) return null
  return {
    expiresAt: value.readUIntBE(1, 6),
    version: value.readUIntBE(13, 6),
    createdAt: value.readUIntBE(19, 6),
    owner,
    label,
    start,
  }
}
