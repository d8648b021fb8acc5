import { createHash } from 'node:crypto'
import type { Entry, Listing, Version } from '../../store.ts'

/** Begins the bytes of an entry that is on its way: who finds it carries it over, and nobody changes it where it is. */
const FROZEN = Buffer.from('strongroom frozen\n')

/** Label and bytes of what stands for a session that was ended. Sealed labels begin with another byte. */
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
const SKEW = 60_000

/**
 * Stays in the place of an ended session until no copy of it can be on its way any more: until that would have expired on
 * everybody's clock, and for an hour at the least.
 */
export function tombstone(ended: Entry, now: number): Entry {
  return {
    bytes: ENDED,
    label: ENDED,
    owner: null,
    createdAt: now,
    expiresAt: Math.max(ended.expiresAt, now + HOUR) + SKEW,
  }
}

export function isTombstone({ label }: Pick<Entry | Listing, 'label'>): boolean {
  return label !== null && ENDED.equals(label)
}

/** Tells contents apart: it stays the same when an entry is touched or moved. Sealed bytes are never the same twice. */
export function digestOf({ bytes, owner, label, createdAt }: Entry): string {
  const rest = JSON.stringify([owner, Math.floor(createdAt), label && Buffer.from(label).toString('hex')])
  return createHash('sha256').update(rest).update(bytes).digest('base64url').slice(0, 24)
}

/** A version of the new store, as ours. Numbers and texts stay apart. */
export function versionThere(version: Version): Version {
  return `${typeof version === 'number' ? 'n' : 's'}${version}`
}

/** A version of what is in the old store: it must outlive the move, so that it is made of the content. */
export function versionHere(entry: Entry): Version {
  return `d${digestOf(entry)}`
}

/** The new store's own version in a version of ours; null when it is not of that store. */
export function ownVersion(version: Version): Version | null {
  if (typeof version !== 'string') return null
  if (version.startsWith('n')) return Number(version.slice(1))
  return version.startsWith('s') ? version.slice(1) : null
}
