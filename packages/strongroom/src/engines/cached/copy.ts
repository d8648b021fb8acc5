import { asBuffer } from '../../base/bytes.ts'
import type { Entry, Version } from '../../store.ts'
import { pack, unpack } from '../shared/packing.ts'

/** An entry of the durable store as it was at a moment. */
export interface Copy {
  readonly entry: Entry
  readonly version: Version
  /** The moment before the durable store was asked, so that nothing that was changed later can be in it. */
  readonly readAt: number
}

/** In a place where a copy was: says that there is none, and that whoever saw the place empty before has come too late. */
export const TOMBSTONE = Uint8Array.of(0)

/** readAt, a double, and the packed entry. */
export function encode({ entry, version, readAt }: Copy): Uint8Array {
  const moment = Buffer.alloc(8)
  moment.writeDoubleLE(readAt)
  return Buffer.concat([moment, pack(entry, version)])
}

/** Null for a tombstone, and for what another release, or nobody of ours, has put there. Keeps the bytes that it is given. */
export function decode(given: Uint8Array): Copy | null {
  if (given.length < 8) return null
  const found = unpack(given, 8)
  return found && { entry: found.entry, version: found.version, readAt: asBuffer(given).readDoubleLE() }
}

export function isTombstone(given: Uint8Array): boolean {
  return given.length === TOMBSTONE.length && given[0] === TOMBSTONE[0]
}
