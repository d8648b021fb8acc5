import { COPY, hasLabel, RECEIPT } from '../backing/own-entries.ts'
import { checkOptions } from '../base/check.ts'
import type { SessionsContext } from '../context.ts'
import type { LiveKeyring } from '../crypto/keyring.ts'
import { keysOf } from '../crypto/seal.ts'
import { type ClearOptions, type Entry, isSession, type Listing, type ScannableStore, type Store } from '../store.ts'
import { isOf, isScannable } from './inspect.ts'

/** What `revokeEverybody` has found and removed. */
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
  /** How many sessions the secrets of the ring do open, which were left; null where no records were read. */
  readonly alive: number | null
  /** When the oldest of those began: earlier than the secrets were replaced if they were not. */
  readonly oldestAlive: Date | null
  /** How many live sessions other namespaces have in the store, which were left as they are; null where no records were read. */
  readonly otherNamespaces: number | null
}

/** Options of `revokeEverybody`. */
export type EverybodyOptions = Pick<ClearOptions, 'signal' | 'onProgress'>

/**
 * Removes what is stored of this namespace's sessions that the secrets of the ring do not open, after the old secrets were replaced.
 * Reads every record of the namespace, page by page. An application with other secrets may have its sessions in the same store:
 * those do not open either, and are alive.
 */
export async function revokeEverybody(
  context: SessionsContext,
  store: Store | null,
  options: EverybodyOptions = {},
  walk: typeof removeOld | undefined,
): Promise<EverybodyReport> {
  checkOptions('revokeEverybody()', options, ['signal', 'onProgress'])
  const { ring, backing, emit } = context
  await ring.ready()
  const removed = store && isScannable(store) && walk ? await walk(context, store, options) : NOTHING
  // Their sessions are gone, so that revoke-all need not ask for these secrets.
  if (!options.signal?.aborted) await backing.forgetKeys?.((kid) => ring.get(kid) === undefined)
  emit({ type: 'revoked', handle: null, count: removed.removed, reason: 'everybody' })
  return { records: recordsOf(store), ...removed }
}

const NOTHING = {
  removed: 0,
  keys: new Map<number, number>(),
  newest: null,
  alive: null,
  oldestAlive: null,
  otherNamespaces: null,
} as const

function recordsOf(store: Store | null): EverybodyReport['records'] {
  if (!store) return 'in-cookies'
  return isScannable(store) ? 'read' : 'not-walkable'
}

export async function removeOld(
  { ring, namespace, clock }: SessionsContext,
  store: ScannableStore,
  { signal, onProgress }: EverybodyOptions,
): Promise<Omit<EverybodyReport, 'records'>> {
  const startedAt = clock()
  const keys = new Map<number, number>()
  let [removed, alive, otherNamespaces] = [0, 0, 0]
  let [newest, oldest] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  for await (const page of store.scan()) {
    if (signal?.aborted) break
    const sealed = page.filter((one) => isSealed(one) && isOf(namespace, one))
    otherNamespaces += page.filter((one) => isSession(one) && !isOf(namespace, one)).length
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
      if (!isOld && isSession(record.entry)) {
        alive++
        oldest = Math.min(oldest, record.entry.createdAt)
      }
      // This version only: one that was stored since may be under the new secrets.
      if (!isOld || !(await store.delete(id, record.version)) || !isSession(record.entry)) continue
      removed++
      newest = Math.max(newest, record.entry.createdAt)
      for (const kid of lacking ?? []) keys.set(kid, (keys.get(kid) ?? 0) + 1)
    }
    onProgress?.(removed)
  }
  return { removed, keys, newest: dateOf(newest), alive, oldestAlive: dateOf(oldest), otherNamespaces }
}

const dateOf = (at: number) => (Number.isFinite(at) ? new Date(at) : null)

/** Sessions, and what adoptions have left, which is sealed like them and opens under no other secret either. */
const isSealed = (listing: Pick<Listing, 'label'>) =>
  isSession(listing) || hasLabel(listing, RECEIPT) || hasLabel(listing, COPY)

/** The keys that a record needs and the ring does not have; null for what is no record. */
function lackingFor({ bytes }: Entry, ring: LiveKeyring): number[] | null {
  const needed = [...keysOf(bytes)]
  return needed.length === 0 ? null : needed.filter((kid) => ring.get(kid) === undefined)
}
