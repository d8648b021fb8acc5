import type { Clock, Store } from '../../store.ts'
import { make } from './make.ts'

export { CACHE_CHANNEL } from './make.ts'

export interface CachedOptions<D extends Store = Store> {
  /** Decides: every change is made there first, and its answer is the answer. */
  readonly durable: D
  /** Where copies lie: `memory()` for this process, `redis()` or `memcached()` for all of them. Another store than `durable`. */
  readonly cache: Store
  /**
   * Ms, by `clock`, for which a copy is believed (default 10 000): how long a change made elsewhere may go unnoticed when
   * nothing tells of it.
   */
  readonly maxAge?: number | undefined
  /** Ms to wait for the cache, at each step (default 50). After that it is done without. */
  readonly cacheTimeout?: number | undefined
  /** Called with what the cache did wrong. Nobody's request fails by it. */
  readonly onCacheError?: ((error: Error) => void) | undefined
  readonly clock?: Clock | undefined
}

/** What the durable store can do beyond the contract, this store can do, too. */
export type CachedStore<D extends Store> = Store & Pick<D, 'byOwner' | 'scan' | 'tryWithLock' | 'changes' | 'schema'>

/**
 * A store made of two: one that keeps, and one that is quicker to ask. What is read from the first is copied into the second
 * and believed for `maxAge` at most.
 *
 * Reads may be answered from a copy; everything that changes goes to the durable store. An older copy never replaces a newer
 * one, and what was changed through this store is never answered from before. A cache that fails or hangs costs time, and
 * nothing else. Where the durable store tells of `changes`, copies of what others have changed are dropped as soon as it does.
 */
export function cached<D extends Store>(options: CachedOptions<D>): CachedStore<D> {
  return make(options, []) as CachedStore<D>
}
