import { checkOptions, clockOption } from '../../base/check.ts'
import type { Clock, IndexedStore, ScannableStore, Store } from '../../store.ts'
import { type Phase, sidesOf } from './sides.ts'
import { Moving } from './store.ts'

export { type MoveOptions, type MoveReport, move } from './mover.ts'
export type { Phase } from './sides.ts'

export interface MovingOptions<From extends Store = ScannableStore, To extends Store = Store> {
  /** The store that sessions leave. It must be one that can be walked. */
  readonly from: From
  /** The store that they go to. */
  readonly to: To
  /**
   * "move" (the default): sessions are written to the new store, and one that is still in the old store is taken over first.
   * "prepare": both are read, and what is not in the new store yet is written to the old one, for the time in which not all
   * nodes know of the new store.
   */
  readonly phase?: Phase | undefined
  /** The clock that the two stores have. */
  readonly clock?: Clock | undefined
}

/**
 * Two stores as one, while sessions move from the one to the other. No session ends by it, no update is lost and none that was
 * ended comes back, whatever nodes in phases "prepare" and "move" and runs of `move` do at once.
 *
 * Closing it leaves both stores open. Throws `ConfigError` when the old store cannot be walked.
 */
export function moving(
  options: MovingOptions<IndexedStore & ScannableStore, IndexedStore & ScannableStore>,
): IndexedStore & ScannableStore
export function moving(options: MovingOptions): Store
export function moving(options: MovingOptions): Store {
  checkOptions('moving()', options, ['from', 'to', 'phase', 'clock'])
  const clock = clockOption('moving()', options.clock)
  return new Moving({ sides: sidesOf('moving()', options), clock, made: false })
}
