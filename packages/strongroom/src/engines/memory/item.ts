import { detached } from '../../base/bytes.ts'
import type { Id } from '../../crypto/token.ts'
import type { Entry, Listing } from '../../store.ts'

/** When a session was created and when it ends. */
export type Moments = Pick<Entry, 'createdAt' | 'expiresAt'>

const ID = 64
const OWNER = 32
/** id 64 ‖ 1 if there is an owner ‖ owner 32, if there is one ‖ length of the label + 1, or 0 for none, 2 ‖ label ‖ bytes. */
const HAS_OWNER_AT = ID
const OWNER_AT = ID + 1

/**
 * All of an entry but its moments, as one string of Latin-1. It is immutable, so it needs no copy, and no pooled slab of 64 KB stays
 * alive for one session. One string because each costs 16 bytes more than its characters, and an object still more.
 */
export function toText(id: Id, { bytes, label, owner }: Entry): string {
  const labelAt = labelAtAfter(owner !== null)
  const bytesAt = labelAt + (label === null ? 0 : label.length)
  const length = bytesAt + bytes.length
  const all = length <= scratch.length ? scratch : Buffer.allocUnsafeSlow(length)
  all.write(id, 0, ID, 'latin1')
  all[HAS_OWNER_AT] = owner === null ? 0 : 1
  if (owner !== null) all.write(owner, OWNER_AT, OWNER, 'hex')
  all.writeUInt16LE(label === null ? 0 : label.length + 1, labelAt - 2)
  if (label !== null) all.set(label, labelAt)
  all.set(bytes, bytesAt)
  const text = all.toString('latin1', 0, length)
  // Memory that lives as long as the process must not keep what a session contained.
  all.fill(0, 0, length)
  return text
}

const scratch = Buffer.alloc(8192)

/** With bytes of its own, which the caller may change. */
export function toEntry(text: string, { createdAt, expiresAt }: Moments): Entry {
  const { length } = text
  const start = room(length)
  pool.write(text, start, length, 'latin1')
  const hasOwner = pool[start + HAS_OWNER_AT] === 1
  const owner = hasOwner ? pool.toString('hex', start + OWNER_AT, start + OWNER_AT + OWNER) : null
  const labelAt = start + labelAtAfter(hasOwner)
  const labelLength = pool.readUInt16LE(labelAt - 2) - 1
  const bytesAt = labelLength > 0 ? labelAt + labelLength : labelAt
  const label = labelLength < 0 ? null : pool.subarray(labelAt, bytesAt)
  return { bytes: pool.subarray(bytesAt, start + length), expiresAt, owner, label, createdAt }
}

const POOL = 65_536
let pool = Buffer.allocUnsafeSlow(POOL)
let used = 0

/** As in `Buffer.from`, but that makes a Buffer of what is cut up again, and a Buffer costs as much as its bytes. */
function room(length: number): number {
  if (used + length > pool.length) {
    pool = Buffer.allocUnsafeSlow(Math.max(length, POOL))
    used = 0
  }
  used += length
  return used - length
}

/** With texts of its own: a slice would keep all of the session in memory for as long as somebody keeps the id, after its end, too. */
export function toListing(text: string, { createdAt, expiresAt }: Moments): Listing {
  const labelAt = labelAtAfter(text.charCodeAt(HAS_OWNER_AT) === 1)
  const labelLength = text.charCodeAt(labelAt - 2) + 256 * text.charCodeAt(labelAt - 1) - 1
  const bytesAt = labelAt + Math.max(labelLength, 0)
  const label = labelLength < 0 ? null : Buffer.from(text.slice(labelAt, bytesAt), 'latin1')
  return {
    id: detached(idOf(text)) as Id,
    expiresAt,
    createdAt,
    owner: ownerOf(text),
    label,
    size: text.length - bytesAt,
  }
}

export const idOf = (text: string): Id => text.slice(0, ID) as Id

/** What an update cannot change: id and owner. */
export const identityOf = (text: string): string =>
  text.slice(0, text.charCodeAt(HAS_OWNER_AT) === 0 ? OWNER_AT : OWNER_AT + OWNER)

export function ownerOf(text: string): string | null {
  const identity = identityOf(text)
  return identity.length === OWNER_AT ? null : Buffer.from(identity, 'latin1').toString('hex', OWNER_AT)
}

const labelAtAfter = (hasOwner: boolean) => OWNER_AT + (hasOwner ? OWNER : 0) + 2

/**
 * Measured: what a session costs beside the characters of its text (the string itself, its numbers, its places in both indexes and
 * in the heap of deadlines).
 */
const OVERHEAD = 96

/** The most that an entry can take beside its bytes: its text has a label of at most 512. */
export const MOST_BESIDE = 1024

/** The least that an entry can take. */
export const LEAST = labelAtAfter(false) + OVERHEAD

/** Bytes of memory. */
export const sizeOf = (text: string): number => text.length + OVERHEAD
