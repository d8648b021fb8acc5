import { createHash } from 'node:crypto'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import type { Entry } from '../../../packages/strongroom/src/store.ts'

const [HOUR, MINUTE] = [3_600_000, 60_000]
export const WRITES = 4

/** What the n-th write of a session must hold: 3 KB that nobody could mix up with another write, whole or half. */
function stateOf(id: Id, count: number): Uint8Array {
  return Buffer.from(`${count} ${createHash('sha256').update(`${id} ${count}`).digest('hex').repeat(48)}`)
}

/** The number of the write that this is, whole and unmixed; null otherwise. */
export function countOf(id: Id, bytes: Uint8Array): number | null {
  const count = Number.parseInt(Buffer.from(bytes).toString(), 10)
  return Buffer.from(stateOf(id, count)).equals(bytes) ? count : null
}

/** Every write and every touch moves the deadline on, so that it tells which of them came last. */
export const deadlineOf = (createdAt: number, count: number, touched: boolean) =>
  createdAt + HOUR + count * MINUTE + (touched ? MINUTE / 2 : 0)

export function entryOf(id: Id, count: number, createdAt: number): Entry {
  const expiresAt = deadlineOf(createdAt, count, false)
  return { bytes: stateOf(id, count), expiresAt, owner: OWNER, label: null, createdAt }
}

const OWNER = 'a'.repeat(64)
