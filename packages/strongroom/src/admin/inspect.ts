import { keysOf, labelledUnder, sealedUnder } from '../crypto/seal.ts'
import { handleOf } from '../crypto/token.ts'
import { isSession, type Listing, type ScannableStore, type Store } from '../store.ts'

/** A session as an operator sees it, without its data. */
export interface SessionInfo {
  readonly handle: string
  readonly signedIn: boolean
  readonly createdAt: Date
  readonly expiresAt: Date
  /** Bytes as stored. */
  readonly size: number
}

export interface StoreStats {
  readonly live: number
  readonly signedIn: number
  readonly anonymous: number
  /** Bytes of live sessions, as stored. */
  readonly bytes: number
  /** Expired and still stored: what `clearExpired` would remove. */
  readonly expired: number
  readonly oldest: Date | null
}

/** Which secrets live sessions need, to know when a retired one can be removed from the ring. */
export interface KeyUse {
  /**
   * Key id → how many live sessions need it: those that began under it, and those whose record or device label is sealed under it.
   * A session may need several.
   */
  readonly needed: ReadonlyMap<number, number>
  /** How many live records are not sealed at all. Their sessions need the key that they began under. */
  readonly unsealed: number
}

export const isScannable = (store: Store): store is ScannableStore => store.scan !== undefined

/** Reads every live record. */
export async function keyUseOf(store: ScannableStore): Promise<KeyUse> {
  const needed = new Map<number, number>()
  let unsealed = 0
  for await (const page of walk(store)) {
    const found = await Promise.all(page.map(({ id }) => store.read(id)))
    for (const { bytes, label } of found.flatMap((record) => record?.entry ?? [])) {
      if (sealedUnder(bytes) === null) unsealed++
      const kids = new Set(keysOf(bytes))
      const forLabel = labelledUnder(label)
      if (forLabel !== null) kids.add(forLabel)
      for (const kid of kids) needed.set(kid, (needed.get(kid) ?? 0) + 1)
    }
  }
  return { needed, unsealed }
}

/** Counts what is there, page by page. */
export async function statsOf(store: ScannableStore): Promise<StoreStats> {
  let [live, signedIn, bytes, oldest] = [0, 0, 0, Number.POSITIVE_INFINITY]
  for await (const page of walk(store)) {
    for (const listing of page) {
      live++
      if (listing.owner !== null) signedIn++
      bytes += listing.size
      oldest = Math.min(oldest, listing.createdAt)
    }
  }
  const expired = await store.clearExpired({ dryRun: true })
  return { live, signedIn, anonymous: live - signedIn, bytes, expired, oldest: live > 0 ? new Date(oldest) : null }
}

/** The session with this handle, found by walking the store: for operators, not for requests. */
export async function findByHandle(
  store: ScannableStore,
  handle: string,
): Promise<(SessionInfo & Pick<Listing, 'id'>) | null> {
  for await (const page of walk(store)) {
    for (const { id, owner, createdAt, expiresAt, size } of page) {
      if (handleOf(id) !== handle) continue
      return {
        id,
        handle,
        signedIn: owner !== null,
        createdAt: new Date(createdAt),
        expiresAt: new Date(expiresAt),
        size,
      }
    }
  }
  return null
}

/** The sessions, page by page, and none of what the library keeps beside them. */
async function* walk(store: ScannableStore): AsyncGenerator<readonly Listing[]> {
  for await (const page of store.scan()) yield page.filter(isSession)
}
