import { checkEngine, type Engine } from './backing/create.ts'
import { checkOptions } from './base/check.ts'
import { cookie } from './engines/cookie/cookie.ts'
import { storeFromUrl } from './engines/url.ts'
import { ConfigError } from './errors.ts'

/** The engine of the option `store`, or of its URL. Throws `ConfigError`. */
export function engineFrom(given: Engine | string): Engine {
  if (typeof given !== 'string') return checkEngine(given)
  if (!given.startsWith('cookie:')) return storeFromUrl(given)
  const query = new URLSearchParams(given.slice(given.indexOf('?') + 1 || given.length))
  checkOptions('cookie:', Object.fromEntries(query), ['protection', 'revocations'])
  if (!/^cookie:(\?|$)/.test(given))
    throw new ConfigError("The URL of the cookie engine is 'cookie:', with ?protection= and ?revocations=URL.")
  const revocations = query.get('revocations')
  return cookie({
    protection: (query.get('protection') ?? undefined) as 'sealed' | 'signed' | undefined,
    revocations: revocations === null ? undefined : storeFromUrl(revocations),
  })
}
