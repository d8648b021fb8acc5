import { createHash } from 'node:crypto'
import { asBuffer } from '../../base/bytes.ts'
import type { Entry, Listing } from '../../store.ts'

/**
 * Before the bytes of a frozen entry: one that is being moved. No node changes it in the old store; any node may finish
 * the move.
 */
const FROZEN = Buffer.from('strongroom frozen\n')

/** Label and bytes of a tombstone. Sealed labels begin with another byte. */
const ENDED = Buffer.from('strongroom ended\n')

export function freeze(entry: Entry): Entry {
  return { ...entry, bytes: Buffer.concat([FROZEN, entry.bytes]) }
}

export function isFrozen({ bytes }: Entry): boolean {
  return bytes.length >= FROZEN.length && FROZEN.equals(bytes.subarray(0, FROZEN.length))
}

export function thaw(entry: Entry): Entry {
  return { ...entry, bytes: entry.bytes.subarray(FROZEN.length) }
}

const HOUR = 3_600_000

/** How far apart the clocks of two nodes may be. */
const CLOCK_SKEW = 60_000

/**
 * Takes the place of a session that has ended in the new store, until no node can hold a copy of it any more: until the
 * session would have expired by every node's clock, and for an hour at least.
 */
export function tombstone(ended: Entry, now: number): Entry {
  return {
    bytes: ENDED,
    label: ENDED,
    owner: null,
    createdAt: now,
    expiresAt: Math.max(ended.expiresAt, now + HOUR) + CLOCK_SKEW,
  }
}

export function isTombstone({ label }: Pick<Entry | Listing, 'label'>): boolean {
  return label !== null && ENDED.equals(label)
}

/** Differs for different contents. It survives a touch and a move. Sealed bytes are never the same twice. */
export function digestOf({ bytes, owner, label, createdAt }: Entry): string {
  const rest = JSON.stringify([owner, Math.floor(createdAt), label && asBuffer(label).toString('hex')])
  return createHash('sha256').update(rest).update(bytes).digest('base64url').slice(0, 24)
}
