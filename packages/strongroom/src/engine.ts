import { checkOptions } from './base/check.ts'
import type { BackingEngine } from './context.ts'
import { type CookieEngine, cookie } from './engines/cookie/cookie.ts'
import { storeFromUrl } from './engines/url.ts'
import { ConfigError } from './errors.ts'
import type { Store } from './store.ts'

/** What the option `store` may be, once its URL is read. */
export type Engine = Store | CookieEngine | BackingEngine

export const isCookie = (engine: Engine): engine is CookieEngine => 'kind' in engine && engine.kind === 'cookie'
export const isBacked = (engine: Engine): engine is BackingEngine => 'kind' in engine && engine.kind === 'backing'

/** The engine that was given, or that a URL names. Throws `ConfigError`. */
export function engineFrom(given: Engine | string): Engine {
  if (typeof given !== 'string') return checkEngine(given)
  if (!given.startsWith('cookie:')) return storeFromUrl(given)
  const query = new URLSearchParams(given.slice(given.indexOf('?') + 1 || given.length))
  checkOptions('cookie:', Object.fromEntries(query), ['protection', 'revocations'])
  if (!/^cookie:(\?|$)/.test(given))
    throw new ConfigError("A cookie engine's URL is 'cookie:', with ?protection= and ?revocations=URL.")
  const revocations = query.get('revocations')
  return cookie({
    protection: (query.get('protection') ?? undefined) as 'sealed' | 'signed' | undefined,
    revocations: revocations === null ? undefined : storeFromUrl(revocations),
  })
}

const METHODS = ['create', 'read', 'update', 'touch', 'delete', 'clearExpired', 'close'] as const

function checkEngine(given: Engine): Engine {
  if (typeof given !== 'object' || given === null || typeof given.traits !== 'object')
    throw new ConfigError(
      "store is a store such as sqlite('./sessions.db'), cookie(), or a URL such as 'sqlite:./sessions.db'.",
    )
  const lacks =
    isCookie(given) || isBacked(given) ? [] : METHODS.filter((method) => typeof given[method] !== 'function')
  if (lacks.length === 0) return given
  throw new ConfigError(`store is not a whole store: it lacks ${lacks.map((method) => `${method}()`).join(', ')}.`)
}
