import diagnostics from 'node:diagnostics_channel'
import { checkOptions, clockOption, wholeNumber } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Store } from '../../store.ts'
import type { CachedOptions } from './cached.ts'
import { Cached } from './store.ts'

/** The name of the `node:diagnostics_channel` on which the faults of every cache are published, as `{ error }`. */
export const CACHE_CHANNEL = 'strongroom:cache'

const KNOWN = ['durable', 'cache', 'maxAge', 'cacheTimeout', 'onCacheError', 'clock']

/** `own`: which of the two are closed with the store. */
export function make(options: CachedOptions, own: readonly Store[]): Store {
  checkOptions('cached()', options, KNOWN)
  const { durable, cache, onCacheError } = options
  for (const [name, store] of [
    ['durable', durable],
    ['cache', cache],
  ] as const) {
    if (typeof store !== 'object' || store === null || typeof store.read !== 'function' || !store.traits)
      throw new ConfigError(`Option "${name}" of cached() must be a store, such as memory().`)
  }
  if (durable === cache) throw new ConfigError('cached() takes two stores: "durable" and "cache" are the same.')
  if (onCacheError !== undefined && typeof onCacheError !== 'function')
    throw new ConfigError('Option "onCacheError" of cached() must be a function.')
  return new Cached({
    durable,
    cache,
    maxAge: wholeNumber('cached()', 'maxAge', options.maxAge, 10_000),
    cacheTimeout: wholeNumber('cached()', 'cacheTimeout', options.cacheTimeout, 50),
    report: reporter(onCacheError),
    clock: clockOption('cached()', options.clock),
    own,
  })
}

const channel = diagnostics.channel(CACHE_CHANNEL)

function reporter(listener: ((error: Error) => void) | undefined): (error: unknown) => void {
  // A listener's fault must not become the visitor's, nor, where it is an async function, end the process.
  const warn = (fault: unknown) =>
    process.emitWarning(`The cache error listener threw: ${fault instanceof Error ? fault.name : 'an error'}`, {
      code: 'STRONGROOM_LISTENER',
    })
  return (given) => {
    const error = given instanceof Error ? given : new Error('The session cache failed.', { cause: given })
    try {
      const answer = listener?.(error) as unknown
      if (answer instanceof Promise) answer.catch(warn)
    } catch (fault) {
      warn(fault)
    }
    if (channel.hasSubscribers) channel.publish({ error })
  }
}
