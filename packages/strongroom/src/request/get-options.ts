import { booleanOption, checkOptions, oneOf } from '../base/check.ts'

/** Options of `sessions.get`. */
export interface GetOptions {
  /**
   * What happens when the store does not answer: `throw` (default) rejects with `StoreError`; `anonymous` resolves to an empty
   * session that saves nothing. The cookie stays either way: an outage logs nobody out.
   */
  readonly onStoreError?: 'throw' | 'anonymous' | undefined
  /**
   * Asks the store itself, whatever copies a cache has and whatever this request has loaded before. For what outlasts the session:
   * ending other sessions, changing a password. A session that was ended elsewhere is then anonymous here, too. What this request has
   * changed so far is saved first, which rejects with `SessionGoneError` if the session has ended. Default false.
   */
  readonly fresh?: boolean | undefined
}

/** Throws `ConfigError` for a wrong one. `standard` is the option `onStoreError` of `createSessions`. */
export function checkedGet(options: GetOptions, standard: 'throw' | 'anonymous') {
  checkOptions('get()', options, ['onStoreError', 'fresh'])
  return {
    policy: oneOf('get: onStoreError', options.onStoreError ?? standard, ['throw', 'anonymous']),
    fresh: booleanOption('get: fresh', options.fresh, false),
  }
}
