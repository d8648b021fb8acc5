import { ConfigError } from '../errors.ts'
import { checkOptions, clockOption } from '../options.ts'
import type { Clock, OwnedStore, ScannableStore, Store } from '../store.ts'
import { type Phase, Sides } from './moving/sides.ts'
import { Moving } from './moving/store.ts'
import { strictQuery } from './query.ts'

export { type MoveOptions, type MoveReport, move } from './moving/mover.ts'
export type { Phase } from './moving/sides.ts'

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
  options: MovingOptions<OwnedStore & ScannableStore, OwnedStore & ScannableStore>,
): OwnedStore & ScannableStore
export function moving(options: MovingOptions): Store
export function moving(options: MovingOptions): Store {
  checkOptions('moving()', options, ['from', 'to', 'phase', 'clock'])
  const clock = clockOption('moving()', options.clock)
  return new Moving({ sides: sidesOf('moving()', options), clock, made: false })
}

/** `moving:?from=URL&to=URL&phase=prepare`, with the two URLs percent-encoded; it closes the stores that it makes. */
export function movingFromUrl(url: string, open: (url: string) => Store): Store {
  const query = strictQuery('moving:', url.slice(url.indexOf('?') + 1 || url.length), ['from', 'to', 'phase'])
  const [from, to] = [query.text('from'), query.text('to')]
  if (!/^moving:(\?|$)/.test(url) || !from || !to)
    throw new ConfigError('A moving: URL is moving:?from=URL&to=URL, each with encodeURIComponent.')
  const stores = { from: open(from) as ScannableStore, to: open(to), phase: query.text('phase') as Phase | undefined }
  return new Moving({ sides: sidesOf('moving:', stores), clock: Date.now, made: true })
}

function sidesOf(where: string, { from, to, phase = 'move' }: MovingOptions): Sides {
  for (const [name, store] of Object.entries({ from, to })) {
    if (typeof store !== 'object' || store === null || typeof store.traits !== 'object')
      throw new ConfigError(`Option "${name}" of ${where} must be a store.`)
  }
  if (from === to) throw new ConfigError(`Options "from" and "to" of ${where} are the same store.`)
  if (phase !== 'prepare' && phase !== 'move')
    throw new ConfigError(`Option "phase" of ${where} must be "prepare" or "move".`)
  if (!from.scan)
    throw new ConfigError(
      `The store ${from.traits.engine} cannot be walked, so its sessions cannot be moved out of it.`,
    )
  return new Sides(from, to, phase)
}
