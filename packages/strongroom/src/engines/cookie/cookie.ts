import { checkOptions, insteadOf } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { CookieEngine, Store } from '../../store.ts'

/** Options of `cookie`. */
export interface CookieOptions {
  /**
   * `sealed` (default): encrypted, and opaque to anyone who has the cookie. `signed`: readable, and only protected from
   * changes.
   */
  readonly protection?: 'sealed' | 'signed' | undefined
  /**
   * A store for what makes logout final: a tombstone for each session that ended, and an epoch for each user whose
   * sessions were all ended. Without it, a copied cookie of an ended session works until its deadline. A store that evicts is
   * refused.
   */
  readonly revocations?: Store | undefined
}

/**
 * Django's `signed_cookies`, sealed by default. Name and value together have at most 4096 bytes. Of parallel requests
 * that change the session, the last one wins. Anyone who has an older cookie of a live session can send it again and
 * restore the older state: a database forgets it, a cookie cannot.
 */
export function cookie(options: CookieOptions & { revocations: Store }): CookieEngine<Store>
export function cookie(options?: CookieOptions & { revocations?: undefined }): CookieEngine<undefined>
export function cookie(options?: CookieOptions): CookieEngine
export function cookie(options: CookieOptions = {}): CookieEngine {
  checkOptions('cookie()', options, ['protection', 'revocations'])
  const { protection = 'sealed', revocations } = options
  if (protection !== 'sealed' && protection !== 'signed')
    throw new ConfigError('Option "protection" of cookie() must be "sealed" or "signed".')
  if (revocations !== undefined && (typeof revocations?.create !== 'function' || !revocations.traits))
    throw new ConfigError(
      `Option "revocations" of cookie() must be a store, such as sqlite(...) or memory().${insteadOf(revocations)}`,
    )
  // What it drops to make room is what refuses the cookies of ended sessions, and anyone can fill it.
  if (revocations?.traits.evicts)
    throw new ConfigError(
      `Option "revocations" of cookie() must be a store that evicts nothing, and ${revocations.traits.engine} may drop tombstones before the cookies that they refuse expire. Use sqlite, postgres, mysql or file; or memory or redis without evicts: true.`,
    )
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
