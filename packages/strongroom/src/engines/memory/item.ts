import { latin1Of } from '../../base/bytes.ts'
import type { Id } from '../../crypto/token.ts'
import type { Entry, Listing } from '../../store.ts'

/**
 * An entry in memory. Its bytes are a Latin-1 string: immutable, so it needs no copy, and no pooled slab of 8 KB stays
 * alive for one session.
 */
export interface Item {
  readonly id: Id
  readonly bytes: string
  readonly label: string | null
  readonly owner: string | null
  readonly createdAt: number
  readonly version: number
  expiresAt: number
  /** Where it is in the heap of `Deadlines`. */
  place: number
}

/**
 * Measured: what a session costs beside its bytes (its id, its record, its places in the map, the owner index and the
 * heap of deadlines).
 */
const OVERHEAD = 420

/** The most that an item can take beside its bytes. */
export const MOST_BESIDE = 1024

/** Bytes of memory. */
export function sizeOf({ bytes, label }: Item): number {
  return bytes.length + (label?.length ?? 0) + OVERHEAD
}

export function toItem(id: Id, { bytes, label, owner, createdAt, expiresAt }: Entry, version: number): Item {
  return {
    id,
    bytes: latin1Of(bytes),
    label: label && latin1Of(label),
    owner,
    createdAt,
    version,
    expiresAt,
    place: 0,
  }
}

export function toEntry({ bytes, label, owner, createdAt, expiresAt }: Item): Entry {
  return { bytes: toBytes(bytes), expiresAt, owner, label: label === null ? null : toBytes(label), createdAt }
}

export function toListing({ id, bytes, label, owner, createdAt, expiresAt }: Item): Listing {
  return { id, expiresAt, createdAt, owner, label: label === null ? null : toBytes(label), size: bytes.length }
}

function toBytes(latin1: string): Uint8Array {
  return Buffer.from(latin1, 'latin1')
}
