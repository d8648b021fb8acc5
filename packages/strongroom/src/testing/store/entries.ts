import { randomBytes } from 'node:crypto'
import type { Id } from '../../crypto/token.ts'
import type { Entry, Store } from '../../store.ts'

export const HOUR = 3_600_000
export const DAY = 24 * HOUR

/** A live entry with these fields: an hour to live, no owner and no label by default. */
export function newEntry(now: number, fields: Partial<Entry> = {}): Entry {
  return { bytes: bytes('a session'), expiresAt: now + HOUR, owner: null, label: null, createdAt: now, ...fields }
}

export function newId(): Id {
  return randomBytes(32).toString('hex') as Id
}

/** A blind tag of an owner, as the library makes it: it does not tell who the owner is. */
export function newOwner(): string {
  return randomBytes(32).toString('hex')
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** One of each byte value. */
export function everyByte(): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, value) => value)
}

/** Creates `count` entries, 16 in parallel. Returns their ids. */
export async function fill(store: Store, count: number, entry: (index: number) => Entry): Promise<Id[]> {
  const ids = Array.from({ length: count }, newId)
  for (let at = 0; at < count; at += 16) {
    await Promise.all(ids.slice(at, at + 16).map((id, index) => store.create(id, entry(at + index))))
  }
  return ids
}
