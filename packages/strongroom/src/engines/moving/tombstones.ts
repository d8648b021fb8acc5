import { createHash } from 'node:crypto'
import { asBuffer } from '../../base/bytes.ts'
import type { Entry, Listing } from '../../store.ts'

/**
 * Before the bytes of a frozen entry: one that is being moved. No node changes it in the old store; any node may finish
 * the move.
 */
const FROZEN = Buffer.from('strongroom frozen\n')

/** The label of a tombstone: like all that are not sessions, it has one of one byte, by which lists and counts pass over it. */
const ENDED = Uint8Array.of(0)

export function freeze(entry: Entry): Entry {
  return { ...entry, bytes: Buffer.concat([FROZEN, entry.bytes]) }
}

export function isFrozen({ bytes }: Entry): boolean {
  return bytes.length >= FROZEN.length && FROZEN.equals(bytes.subarray(0, FROZEN.length))
}

export function thaw(entry: Entry): Entry {
  return { ...entry, bytes: entry.bytes.subarray(FROZEN.length) }
}

const NOTHING = new Uint8Array(0)
const HOUR = 3_600_000

/** How far apart the clocks of two nodes may be. */
const CLOCK_SKEW = 60_000

/**
 * Takes the place of a session that has ended in the new store, until no node can hold a copy of it any more: until the
 * session would have expired by every node's clock, and for an hour at least. It keeps the owner, which no update can change.
 */
export function tombstone(ended: Entry, now: number): Entry {
  return {
    bytes: NOTHING,
    label: ENDED,
    owner: ended.owner,
    createdAt: now,
    expiresAt: Math.max(ended.expiresAt, now + HOUR) + CLOCK_SKEW,
  }
}

export function isTombstone({ label }: Pick<Entry | Listing, 'label'>): boolean {
  return label?.length === ENDED.length && label[0] === ENDED[0]
}

/** Differs for different contents. It survives a touch and a move. Sealed bytes are never the same twice. */
export function digestOf({ bytes, owner, label, createdAt }: Entry): string {
  const rest = JSON.stringify([owner, Math.floor(createdAt), label && asBuffer(label).toString('hex')])
  return createHash('sha256').update(rest).update(bytes).digest('base64url').slice(0, 24)
}
