import { COPY, hasLabel, RECEIPT } from '../backing/own-entries.ts'
import { checkOptions } from '../base/check.ts'
import type { SessionsContext } from '../context.ts'
import type { LiveKeyring } from '../crypto/keyring.ts'
import { keysOf } from '../crypto/seal.ts'
import { type ClearOptions, type Entry, isSession, type Listing, type ScannableStore, type Store } from '../store.ts'
import { isScannable } from './inspect.ts'

export interface EverybodyReport {
  /**
   * Were the records read? `in-cookies`: nothing is stored that could be. `not-walkable`: the store cannot list them. In both cases
   * the sessions have ended with their secrets, but nobody can tell whether a server still makes new ones.
   */
  readonly records: 'read' | 'in-cookies' | 'not-walkable'
  /** How many sessions were removed. */
  readonly removed: number
  /** Key id → how many of them lacked it. */
  readonly keys: ReadonlyMap<number, number>
  /** When the newest of them began: later than the secrets were replaced if a server still has the old ones. */
  readonly newest: Date | null
}

export type EverybodyOptions = Pick<ClearOptions, 'signal' | 'onProgress'>

/**
 * Removes what is stored of sessions that the secrets of the ring do not open, after the old secrets were replaced. Reads every
 * record, page by page.
 */
export async function revokeEverybody(
  { ring, backing, clock, emit }: SessionsContext,
  store: Store | null,
  options: EverybodyOptions = {},
): Promise<EverybodyReport> {
  checkOptions('revokeEverybody()', options, ['signal', 'onProgress'])
  await ring.ready()
  const removed = store && isScannable(store) ? await removeOld(store, ring, clock(), options) : NOTHING
  // Their sessions are gone, so that revoke-all need not ask for these secrets.
  if (!options.signal?.aborted) await backing.forgetKeys?.((kid) => ring.get(kid) === undefined)
  emit({ type: 'revoked', handle: null, count: removed.removed, reason: 'everybody' })
  return { records: recordsOf(store), ...removed }
}

const NOTHING = { removed: 0, keys: new Map<number, number>(), newest: null } as const

function recordsOf(store: Store | null): EverybodyReport['records'] {
  if (!store) return 'in-cookies'
  return isScannable(store) ? 'read' : 'not-walkable'
}

async function removeOld(
  store: ScannableStore,
  ring: LiveKeyring,
  startedAt: number,
  { signal, onProgress }: EverybodyOptions,
): Promise<Omit<EverybodyReport, 'records'>> {
  const keys = new Map<number, number>()
  let [removed, newest] = [0, Number.NEGATIVE_INFINITY]
  for await (const page of store.scan()) {
    if (signal?.aborted) break
    const sealed = page.filter(isSealed)
    // Never a copy: it may be older than what a server has stored under the new secrets.
    const found = await Promise.all(sealed.map(({ id }) => store.read(id, { fresh: true })))
    for (const [i, { id }] of sealed.entries()) {
      const record = found[i]
      if (signal?.aborted) break
      // Or it has been replaced by a tombstone.
      if (!record || !isSealed(record.entry)) continue
      const lacking = lackingFor(record.entry, ring)
      // What is no record does not tell: all that was there goes.
      const isOld = lacking === null ? record.entry.createdAt <= startedAt : lacking.length > 0
      // This version only: one that was stored since may be under the new secrets.
      if (!isOld || !(await store.delete(id, record.version)) || !isSession(record.entry)) continue
      removed++
      newest = Math.max(newest, record.entry.createdAt)
      for (const kid of lacking ?? []) keys.set(kid, (keys.get(kid) ?? 0) + 1)
    }
    onProgress?.(removed)
  }
  return { removed, keys, newest: Number.isFinite(newest) ? new Date(newest) : null }
}

/** Sessions, and what adoptions have left, which is sealed like them and opens under no other secret either. */
const isSealed = (listing: Pick<Listing, 'label'>) =>
  isSession(listing) || hasLabel(listing, RECEIPT) || hasLabel(listing, COPY)

/** The keys that a record needs and the ring does not have; null for what is no record. */
function lackingFor({ bytes }: Entry, ring: LiveKeyring): number[] | null {
  const needed = [...keysOf(bytes)]
  return needed.length === 0 ? null : needed.filter((kid) => ring.get(kid) === undefined)
}
