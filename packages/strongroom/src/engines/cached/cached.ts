import diagnostics from 'node:diagnostics_channel'
import { checkOptions, clockOption, insteadOf, wholeNumber } from '../../base/check.ts'
import { guarded } from '../../base/guarded.ts'
import { reasonWarnings } from '../../base/reasons.ts'
import { ConfigError } from '../../errors.ts'
import type { Clock, Store } from '../../store.ts'
import { withBackend } from '../shared/backend.ts'
import { Cached } from './store.ts'

/** The name of the `node:diagnostics_channel` on which the errors of every cache are published, as `{ error }`. */
export const CACHE_CHANNEL = 'strongroom:cache'

/** Options of `cached`. */
export interface CachedOptions<D extends Store = Store> {
  /** The store that decides: every change is made there first, and its result is the result. */
  readonly durable: D
  /**
   * Where copies are stored: `memory({ evicts: true })` for this process, `redis()` or `memcached()` for all. Another store than
   * `durable`. One that only grows, because it neither evicts copies nor removes expired ones by itself, is refused.
   */
  readonly cache: Store
  /**
   * Ms, by `clock`, for which a copy is used (default 10 000). A change that is made elsewhere may go unnoticed for so
   * long when nothing reports it.
   */
  readonly maxAge?: number | undefined
  /**
   * Ms for which a read waits for the cache, at each step (default 50). After that the request goes on without it. A change waits
   * until the cache has been told, for 250 ms or this, whichever is longer; the first one of a process for up to a second.
   */
  readonly cacheTimeout?: number | undefined
  /** Called with each error of the cache. No request fails because of one. */
  readonly onCacheError?: ((error: Error) => void) | undefined
  readonly clock?: Clock | undefined
}

/** Has every optional part of the store contract that the durable store has. */
export type CachedStore<D extends Store> = Store &
  AsyncDisposable &
  Pick<D, 'byOwner' | 'scan' | 'estimate' | 'tryWithLock' | 'changes' | 'schema'>

const KNOWN = ['durable', 'cache', 'maxAge', 'cacheTimeout', 'onCacheError', 'clock']

/**
 * A store made of two: one that saves sessions, and one that is faster to read. What is read from the first is copied
 * into the second, and used for `maxAge` at most.
 *
 * Reads may return a copy; every change goes to the durable store. An older copy never replaces a newer one, and after
 * a change through this store nothing older is returned. A cache that fails or hangs costs time, and nothing else. If
 * the durable store has `changes`, copies of what others have changed are dropped as soon as it reports them.
 *
 * Both stores stay open when this one is closed.
 */
export function cached<D extends Store>(options: CachedOptions<D>): CachedStore<D> {
  checkOptions('cached()', options, KNOWN)
  const { durable, cache, onCacheError } = options
  for (const [name, store] of [
    ['durable', durable],
    ['cache', cache],
  ] as const) {
    if (typeof store !== 'object' || store === null || typeof store.read !== 'function' || !store.traits)
      throw new ConfigError(
        `Option "${name}" of cached() must be a store, such as ${name === 'cache' ? 'memory({ evicts: true })' : 'sqlite(...)'}.${insteadOf(store)}`,
      )
  }
  if ((durable as Store) === cache)
    throw new ConfigError('Options "durable" and "cache" of cached() are the same store: it takes two.')
  // When it was full, it would refuse every new copy, and the circuit breaker would take that for an outage.
  if (!cache.traits.evicts && !cache.traits.expiresByItself)
    throw new ConfigError(
      'Option "cache" of cached() must make room for new copies by itself, which this store does not: use memory({ evicts: true }) (as a URL, memory:?evicts=true), memcached() or redis().',
    )
  if (onCacheError !== undefined && typeof onCacheError !== 'function')
    throw new ConfigError('Option "onCacheError" of cached() must be a function.')
  const store: Store = new Cached({
    durable,
    cache,
    maxAge: wholeNumber('cached()', 'maxAge', options.maxAge, 10_000),
    cacheTimeout: wholeNumber('cached()', 'cacheTimeout', options.cacheTimeout, 50),
    report: reporter(onCacheError),
    clock: clockOption('cached()', options.clock),
  })
  return withBackend(store, { engine: 'cached', durable, cache }) as CachedStore<D>
}

const channel = diagnostics.channel(CACHE_CHANNEL)

const CACHE_WARNING = {
  code: 'STRONGROOM_CACHE',
  failed: 'The session cache failed',
  advice:
    'Sessions are read from the durable store meanwhile. To log every failure, pass cached() the option onCacheError.',
}

function reporter(listener: ((error: Error) => void) | undefined): (error: unknown) => void {
  const tell = listener && guarded('The session cache error listener', listener)
  const warnOfCache = reasonWarnings(CACHE_WARNING)
  return (given) => {
    const error = given instanceof Error ? given : new Error('The session cache failed.', { cause: given })
    if (!tell && !channel.hasSubscribers) warnOfCache(error)
    tell?.(error)
    if (channel.hasSubscribers) channel.publish({ error })
  }
}
