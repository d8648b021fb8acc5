import assert from 'node:assert/strict'
import type { Id } from '../../crypto/token.ts'
import type { Entry, Found, Listing, OwnerIndex, Store, Version } from '../../store.ts'

/** Asserts that the entry is there with exactly these fields. Resolves to its version. */
export async function holds(store: Store, id: Id, expected: Entry): Promise<Version> {
  const found = await find(store, id)
  assert.ok(found, 'the entry is there')
  assert.deepEqual(plain(found.entry), plain(expected))
  return found.version
}

export async function absent(store: Store, id: Id): Promise<void> {
  assert.equal(await find(store, id), null)
}

/** What `read` finds. `readSync` must not contradict it, neither before the read, when its copy may be older, nor after it. */
async function find(store: Store, id: Id): Promise<Found | null> {
  const before = store.readSync?.(id)
  const found = await store.read(id)
  for (const copy of [before, store.readSync?.(id)])
    if (copy !== undefined) assert.deepEqual(copy && whole(copy), found && whole(found))
  return found
}

function whole({ entry, version }: Found) {
  return { ...plain(entry), version }
}

/** Creates an entry that must not be there yet, and reads it back. Resolves to its version. */
export async function put(store: Store, id: Id, entry: Entry): Promise<Version> {
  assert.equal(await store.create(id, entry), true)
  return holds(store, id, entry)
}

/** What a list or a scan must say of an entry. */
export function listingOf(id: Id, { bytes, expiresAt, createdAt, owner, label }: Entry): Listing {
  return { id, expiresAt, createdAt, owner, label, size: bytes.length }
}

/** Asserts that the listings are the same, in any order and with any kind of byte array. */
export function sameListings(actual: readonly Listing[], expected: readonly Listing[]): void {
  assert.deepEqual(sorted(actual), sorted(expected))
}

/** Everything that a list yields. */
export async function listed(index: OwnerIndex, owner: string, page?: number): Promise<Listing[]> {
  const listings: Listing[] = []
  for await (const found of index.list(owner, { page })) listings.push(...found)
  return listings
}

/** Everything that a scan yields; nothing when the store has no scan. */
export async function scanned(store: Store, page?: number): Promise<Listing[]> {
  const listings: Listing[] = []
  for await (const found of store.scan?.({ page }) ?? []) listings.push(...found)
  return listings
}

function sorted(listings: readonly Listing[]) {
  return listings
    .map(({ label, ...rest }) => ({ ...rest, label: hex(label) }))
    .sort((one, other) => (one.id < other.id ? -1 : 1))
}

/** With bytes as hexadecimal digits, so that two kinds of byte array can be compared. */
export function plain({ bytes, label, ...rest }: Entry) {
  const { expiresAt, createdAt, owner } = rest
  return { bytes: hex(bytes), label: hex(label), expiresAt, createdAt, owner }
}

function hex(bytes: Uint8Array | null): string | null {
  return bytes && Buffer.from(bytes).toString('hex')
}
