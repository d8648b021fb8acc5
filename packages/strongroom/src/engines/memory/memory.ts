import { booleanOption, checkOptions, clockOption, wholeNumber } from '../../base/check.ts'
import type { Clock, IndexedStore, ScannableStore } from '../../store.ts'
import { printedStore } from '../shared/backend.ts'
import { Memory } from './store.ts'

/** Options of `memory`. */
export interface MemoryOptions {
  /** The most sessions to hold (default 100 000). */
  readonly max?: number | undefined
  /** The most bytes to hold, the overhead of each session included, from 4096 (default 256 MiB). */
  readonly maxBytes?: number | undefined
  /**
   * What a full store does when nothing in it has expired. False, and the default: it refuses what would need more room, with
   * `StoreError`. True: it drops the least recently used session, as a cache does. Then it has no `byOwner`: what ends a user's
   * sessions could be dropped before they are.
   */
  readonly evicts?: boolean | undefined
  readonly clock?: Clock | undefined
}

/**
 * Sessions in this process's memory: the fastest store. It forgets everything at a restart. `max` and `maxBytes` bound its
 * size; when it is full, expired sessions make room for new ones, and live ones stay unless it `evicts`.
 */
export function memory(options: MemoryOptions & { readonly evicts: true }): ScannableStore & AsyncDisposable
export function memory(options?: MemoryOptions): IndexedStore & ScannableStore & AsyncDisposable
export function memory(options: MemoryOptions = {}): ScannableStore & AsyncDisposable {
  checkOptions('memory()', options, ['max', 'maxBytes', 'evicts', 'clock'])
  const store = new Memory({
    max: wholeNumber('memory()', 'max', options.max, 100_000),
    maxBytes: wholeNumber('memory()', 'maxBytes', options.maxBytes, 256 * 2 ** 20, 4096),
    evicts: booleanOption('Option "evicts" of memory()', options.evicts, false),
    clock: clockOption('memory()', options.clock),
  })
  return printedStore(store)
}
