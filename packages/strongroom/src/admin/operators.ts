import type { CreatedBacking } from '../backing/create.ts'
import type { SessionsContext } from '../context.ts'
import { UnsupportedError } from '../errors.ts'
import { withStoreErrors } from '../events.ts'
import type { ScannableStore } from '../store.ts'
import {
  findByHandle,
  isScannable,
  type KeyUse,
  keyUseOf,
  type SessionInfo,
  type StoreStats,
  statsOf,
} from './inspect.ts'

/** What walks a store: see `BaseSessions`. */
export interface Operators {
  stats(): Promise<StoreStats>
  find(handle: string): Promise<SessionInfo | null>
  revoke(handle: string): Promise<boolean>
  keyUse(): Promise<KeyUse>
}

/** Each rejects with `UnsupportedError` where the store cannot be walked; `advice` says why, and what to use instead. */
export function operatorsOf(
  context: SessionsContext,
  { store, advice, aead }: Pick<CreatedBacking, 'store' | 'advice' | 'aead'>,
): Operators {
  const { backing, emit, namespace, ring } = context
  const watched = <Args extends unknown[], T>(work: (store: ScannableStore, ...args: Args) => Promise<T>) =>
    withStoreErrors(emit, async (...args: Args) => {
      if (store && isScannable(store)) return work(store, ...args)
      throw notWalkable(advice)
    })
  return {
    stats: watched((store) => statsOf(store, namespace)),
    find: watched(async (store, handle: string) => {
      const found = await findByHandle(store, { namespace, ring, aead }, handle)
      if (!found) return null
      const { id: _, ...info } = found
      return info
    }),
    revoke: watched(async (store, handle: string) => {
      const found = await findByHandle(store, { namespace, ring, aead }, handle)
      const ended = found && backing.users.endOne ? await backing.users.endOne(found.id) : false
      if (!found || !ended) return false
      context.ends.tell({ id: found.id, reason: 'revoke' })
      emit({ type: 'revoked', handle, count: 1, reason: 'revoke' })
      return true
    }),
    keyUse: watched((store) => keyUseOf(store, namespace)),
  }
}

/** Where no store can be walked. */
export function withoutOperators(_context: SessionsContext, { advice }: Pick<CreatedBacking, 'advice'>): Operators {
  const refuse = async () => {
    throw notWalkable(advice)
  }
  return { stats: refuse, find: refuse, revoke: refuse, keyUse: refuse }
}

const notWalkable = (advice: string) =>
  new UnsupportedError(`Sessions cannot be counted, or found by handle: ${advice}`)
