import { checkOptions } from '../base/check.ts'
import type { SessionsContext } from '../context.ts'
import { sealedUnder } from '../crypto/seal.ts'
import type { ClearOptions, ScannableStore } from '../store.ts'
import { walk } from './inspect.ts'

export interface EverybodyReport {
  /** How many sessions were removed. */
  readonly removed: number
  /** Key id → how many of them were sealed under it. A key that is not in the ring: its sessions had ended already. */
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
  store: ScannableStore | null,
  options: EverybodyOptions = {},
): Promise<EverybodyReport> {
  checkOptions('revokeEverybody()', options, ['signal', 'onProgress'])
  await ring.ready()
  const startedAt = clock()
  const keys = new Map<number, number>()
  let [removed, newest] = [0, Number.NEGATIVE_INFINITY]
  for await (const page of store ? walk(store) : []) {
    if (options.signal?.aborted) break
    for (const { id } of page) {
      const found = await store?.read(id)
      if (!found) continue
      const kid = sealedUnder(found.entry.bytes)
      // What is not sealed does not tell: all that was there goes.
      const isOld = kid === null ? found.entry.createdAt <= startedAt : ring.get(kid) === undefined
      if (!isOld || !(await store?.delete(id))) continue
      removed++
      newest = Math.max(newest, found.entry.createdAt)
      if (kid !== null) keys.set(kid, (keys.get(kid) ?? 0) + 1)
    }
    options.onProgress?.(removed)
  }
  // Their sessions are gone, so that revoke-all need not ask for these secrets.
  if (!options.signal?.aborted) await backing.forgetKeys?.((kid) => ring.get(kid) === undefined)
  emit({ type: 'revoked', handle: null, count: removed, reason: 'everybody' })
  return { removed, keys, newest: Number.isFinite(newest) ? new Date(newest) : null }
}
