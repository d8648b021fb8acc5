import type { Rows, StoredRow } from '../site.ts'

/** How often a session is read until there is a copy of it. */
const TRIES = 200
/** Fewer bytes than any copy has, and more than a tombstone, which says that there is none. */
const LEAST = 64

/**
 * Reads a session until the cache has a copy that was not there before, and returns what is new. A server that has just started, or is
 * busy, reads from the durable store until it has reached its cache.
 */
export async function copiedBy(
  read: () => Promise<unknown>,
  { cache, before }: { readonly cache: Rows; readonly before: readonly StoredRow[] },
): Promise<readonly StoredRow[]> {
  const known = new Set(before.map(identityOf))
  for (let tries = 0; tries < TRIES; tries++) {
    await read()
    const copies = (await cache.list()).filter((row) => bytesOf(row).length >= LEAST && !known.has(identityOf(row)))
    if (copies.length > 0) return copies
  }
  throw new Error('The cache has no copy of a session that was just read.')
}

const bytesOf = ({ value, data }: StoredRow) => data ?? value

const identityOf = (row: StoredRow) => `${row.key} ${Buffer.from(bytesOf(row)).toString('base64')}`
