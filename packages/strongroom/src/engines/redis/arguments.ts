import type { Entry } from '../../store.ts'
import { encode, storedMoment, writeOwner } from './format.ts'

/*
 * Packed arguments of the scripts. Each argument of a command costs the client several small strings, however short it is: sending
 * one with nine of them took 40 % more processor time than with one. Numbers and owners are as in a value (format.ts).
 */

interface Write {
  readonly now: number
  readonly version: number
  /** Until when the owner's index is to contain the session; 0 without an owner. */
  readonly until: number
}

/** 0 now, 6   6 the value */
export function packCreate(entry: Entry, { now, version, until }: Write): Buffer {
  const packed = encode(entry, { version, until, at: 6 })
  packed.writeUIntBE(storedMoment(now), 0, 6)
  return packed
}

/** 0 now, 6   6 the version that is expected, 6   12 the value */
export function packUpdate(entry: Entry, { now, version, until }: Write, expected: number): Buffer {
  const packed = encode(entry, { version, until, at: 12 })
  packed.writeUIntBE(storedMoment(now), 0, 6)
  packed.writeUIntBE(expected, 6, 6)
  return packed
}

/** 0 now, 6   6 the deadline, 6   12 the version that is expected, 6, if any is */
export function packTouch(now: number, expiresAt: number, expected: number | undefined): Buffer {
  const packed = Buffer.allocUnsafe(expected === undefined ? 12 : 18)
  packed.writeUIntBE(storedMoment(now), 0, 6)
  packed.writeUIntBE(storedMoment(expiresAt), 6, 6)
  if (expected !== undefined) packed.writeUIntBE(expected, 12, 6)
  return packed
}

/** 0 a moment, 6   6 an owner, 32 */
export function packOwner(moment: number, owner: string): Buffer {
  const packed = Buffer.allocUnsafe(38)
  packed.writeUIntBE(storedMoment(moment), 0, 6)
  writeOwner(owner, packed, 6)
  return packed
}

/** 0 now, 6   6 whether only a version is deleted   7 which one, 6, then   13 the owner whose index is given, 32, if it is not null */
export function packDelete(now: number, owner: string | null, version: number | undefined): Buffer {
  const packed = Buffer.alloc(45)
  packed.writeUIntBE(storedMoment(now), 0, 6)
  if (version !== undefined) {
    packed[6] = 1
    packed.writeUIntBE(version, 7, 6)
  }
  if (owner !== null) writeOwner(owner, packed, 13)
  return packed
}
