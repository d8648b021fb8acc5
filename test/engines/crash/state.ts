import { createHash } from 'node:crypto'
import { file } from '../../../src/engines/file.ts'
import { sqlite } from '../../../src/engines/sqlite.ts'
import type { Entry, OwnedStore, ScannableStore } from '../../../src/store.ts'
import type { Id } from '../../../src/token.ts'

export type Engine = 'file' | 'sqlite'

/** The same data for every process that names the same place. */
export function openStore(engine: Engine, place: string, timeout = 10_000): OwnedStore & ScannableStore {
  return engine === 'file' ? file({ dir: place, timeout }) : sqlite({ path: place, timeout })
}

/** What the n-th write of a session must hold: 3 KB that nobody could mix up with another write, whole or half. */
function stateOf(id: Id, count: number): Uint8Array {
  return Buffer.from(`${count} ${createHash('sha256').update(`${id} ${count}`).digest('hex').repeat(48)}`)
}

/** The number of the write that this is, whole and unmixed; null otherwise. */
export function countOf(id: Id, bytes: Uint8Array): number | null {
  const count = Number.parseInt(Buffer.from(bytes).toString(), 10)
  return Buffer.from(stateOf(id, count)).equals(bytes) ? count : null
}

export function entryOf(id: Id, count: number): Entry {
  const createdAt = Date.now()
  return { bytes: stateOf(id, count), expiresAt: createdAt + 3_600_000, owner: OWNER, label: null, createdAt }
}

export const OWNER = 'a'.repeat(64)
