import { checkOptions, clockOption } from '../../base/check.ts'
import type { Clock, IndexedStore, ScannableStore, Store } from '../../store.ts'
import { withBackend } from '../shared/backend.ts'
import { type Phase, sidesOf } from './sides.ts'
import { Moving } from './store.ts'

export { type MoveOptions, type MoveReport, move } from './mover.ts'
export type { Phase } from './sides.ts'

/** Options of `moving`. */
export interface MovingOptions<From extends Store = ScannableStore, To extends Store = Store> {
  /** The store that sessions leave. It must have `scan`. */
  readonly from: From
  /** The store that they go to. */
  readonly to: To
  /**
   * "move" (the default): sessions are written to the new store; one that is still in the old store is moved first.
   * "prepare": both are read, and what is not in the new store yet is written to the old one. For the time in which not
   * all nodes know the new store.
   */
  readonly phase?: Phase | undefined
  /** The clock that the two stores use. */
  readonly clock?: Clock | undefined
}

/**
 * Two stores as one, while sessions move from one to the other. No session is lost, no update is lost, and none that
 * ended comes back, whatever nodes in the phases "prepare" and "move" and runs of `move` do at the same time.
 *
 * Both stores stay open when this one is closed. Throws `ConfigError` when the old store has no `scan`.
 */
export function moving(
  options: MovingOptions<IndexedStore & ScannableStore, IndexedStore & ScannableStore>,
): IndexedStore & ScannableStore & AsyncDisposable
export function moving(options: MovingOptions): Store & AsyncDisposable
export function moving(options: MovingOptions): Store & AsyncDisposable {
  checkOptions('moving()', options, ['from', 'to', 'phase', 'clock'])
  const { from, to } = options
  const store = new Moving(sidesOf('moving()', options), clockOption('moving()', options.clock))
  return withBackend(store, { engine: 'moving', from, to })
}
