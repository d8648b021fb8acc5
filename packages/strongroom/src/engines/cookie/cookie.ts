import { checkOptions } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Store, Traits } from '../../store.ts'

export interface CookieOptions {
  /** `sealed` (default): encrypted, opaque to whoever has the cookie. `signed`: readable, only protected from change. */
  readonly protection?: 'sealed' | 'signed' | undefined
  /**
   * A store for the small marks that make logout final: without it an ended session's cookie, once copied, works until its
   * deadline. A mark is kept for each ended session, and an epoch for each user whose sessions were all ended.
   */
  readonly revocations?: Store | undefined
}

/** The session travels in the cookie and the server keeps nothing of it. Not a `Store`: it has no list, no scan, no versions. */
export interface CookieEngine<Revocations extends Store | undefined = Store | undefined> {
  readonly kind: 'cookie'
  readonly protection: 'sealed' | 'signed'
  readonly revocations: Revocations
  readonly traits: Traits
}

/**
 * Django's `signed_cookies`, sealed unless told otherwise. Name and value together hold 4096 bytes at the most. The last
 * writer wins between parallel requests, and who has an older cookie can put an older state back: a database forgets it, a
 * cookie cannot.
 */
export function cookie(options: CookieOptions & { revocations: Store }): CookieEngine<Store>
export function cookie(options?: CookieOptions & { revocations?: undefined }): CookieEngine<undefined>
export function cookie(options?: CookieOptions): CookieEngine
export function cookie(options: CookieOptions = {}): CookieEngine {
  checkOptions('cookie()', options, ['protection', 'revocations'])
  const { protection = 'sealed', revocations } = options
  if (protection !== 'sealed' && protection !== 'signed')
    throw new ConfigError("cookie(): protection is 'sealed' or 'signed'.")
  if (revocations !== undefined && typeof revocations?.create !== 'function')
    throw new ConfigError('cookie(): revocations is a store, such as sqlite(...) or memory().')
  return {
    kind: 'cookie',
    protection,
    revocations,
    traits: {
      engine: protection === 'sealed' ? 'cookie (sealed)' : 'cookie (signed)',
      durable: 'no',
      shared: 'network',
      expiresByItself: true,
      granularity: 1,
      sizeLimit: 4096,
      evicts: true,
      revocable: revocations !== undefined,
    },
  }
}
