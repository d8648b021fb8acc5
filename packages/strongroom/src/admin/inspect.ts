import type { Aead } from '../crypto/aead.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { keysOf, labelledUnder, openLabel, sealedUnder } from '../crypto/seal.ts'
import { belongsTo, handleOf } from '../crypto/token.ts'
import { isSession, type Listing, type ScannableStore, type Store } from '../store.ts'

/** A session as an operator sees it, without its data. */
export interface SessionInfo {
  readonly handle: string
  readonly signedIn: boolean
  readonly createdAt: Date
  readonly expiresAt: Date
  /** Bytes as stored. */
  readonly size: number
  /**
   * Has its browser registered a key? Then it is worth nothing on other devices, where the option `deviceBound` is in use. Null where the
   * secret that says so is missing.
   */
  readonly deviceBound: boolean | null
}

/** Of the live sessions of one namespace; but for the last two, nothing else that is in the store is counted. */
export interface StoreStats {
  readonly live: number
  readonly signedIn: number
  readonly anonymous: number
  /** Bytes of live sessions, as stored. */
  readonly bytes: number
  readonly oldest: Date | null
  /** Expired and still stored: what `clearExpired` would remove, sessions or not. Of the whole store, whatever namespace it belonged to. */
  readonly expired: number
  /** How many live sessions other namespaces have here. */
  readonly otherNamespaces: number
}

/** Which secrets the live sessions of one namespace need, to know when a retired one can be removed from the ring. */
export interface KeyUse {
  /**
   * Key id → how many live sessions need it: those that began under it, and those whose record or device label is sealed under it.
   * A session may need several.
   */
  readonly needed: ReadonlyMap<number, number>
  /** How many live records are not sealed at all. Their sessions need the key that they began under. */
  readonly unsealed: number
  /** How many live sessions other namespaces have here, which are not counted: they may need the same secrets. */
  readonly otherNamespaces: number
}

export const isScannable = (store: Store): store is ScannableStore => store.scan !== undefined

/** Is it of this namespace? Where ids are another framework's, and tell none, all of them are. */
export const isOf = (namespace: string | null, { id }: Pick<Listing, 'id'>): boolean =>
  namespace === null || belongsTo(id, namespace)

/** Reads every live record of the namespace. */
export async function keyUseOf(store: ScannableStore, namespace: string | null): Promise<KeyUse> {
  const needed = new Map<number, number>()
  let [unsealed, otherNamespaces] = [0, 0]
  for await (const { sessions, others } of walk(store, namespace)) {
    otherNamespaces += others
    const found = await Promise.all(sessions.map(({ id }) => store.read(id)))
    for (const { bytes, label } of found.flatMap((record) => record?.entry ?? [])) {
      if (sealedUnder(bytes) === null) unsealed++
      const kids = new Set(keysOf(bytes))
      const forLabel = labelledUnder(label)
      if (forLabel !== null) kids.add(forLabel)
      for (const kid of kids) needed.set(kid, (needed.get(kid) ?? 0) + 1)
    }
  }
  return { needed, unsealed, otherNamespaces }
}

/** Counts what is there, page by page. */
export async function statsOf(store: ScannableStore, namespace: string | null): Promise<StoreStats> {
  let [live, signedIn, bytes, otherNamespaces, first] = [0, 0, 0, 0, Number.POSITIVE_INFINITY]
  for await (const { sessions, others } of walk(store, namespace)) {
    otherNamespaces += others
    for (const { owner, size, createdAt } of sessions) {
      live++
      if (owner !== null) signedIn++
      bytes += size
      first = Math.min(first, createdAt)
    }
  }
  const expired = await store.clearExpired({ dryRun: true })
  const oldest = live > 0 ? new Date(first) : null
  return { live, signedIn, anonymous: live - signedIn, bytes, oldest, expired, otherNamespaces }
}

/** A namespace, and what opens the labels of its sessions. */
export interface LabelsOf {
  readonly namespace: string | null
  readonly ring: Keyring
  readonly aead: Aead
}

/** The session with this handle, found by walking the store: for operators, not for requests. */
export async function findByHandle(
  store: ScannableStore,
  { namespace, ring, aead }: LabelsOf,
  handle: string,
): Promise<(SessionInfo & Pick<Listing, 'id'>) | null> {
  for await (const { sessions } of walk(store, namespace)) {
    for (const { id, owner, createdAt, expiresAt, size, label } of sessions) {
      if (handleOf(id) !== handle) continue
      const opened = label === null ? undefined : openLabel(aead, label, ring, id)
      return {
        id,
        handle,
        signedIn: owner !== null,
        createdAt: new Date(createdAt),
        expiresAt: new Date(expiresAt),
        size,
        deviceBound: opened === null ? null : opened?.bound === true,
      }
    }
  }
  return null
}

/** The sessions of the namespace, page by page, with how many others there are; none of what the library keeps beside them. */
async function* walk(store: ScannableStore, namespace: string | null) {
  for await (const page of store.scan()) {
    const all = page.filter(isSession)
    const sessions = all.filter((one) => isOf(namespace, one))
    yield { sessions, others: all.length - sessions.length }
  }
}
