import type { Loaded } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import type { HeaderSource } from '../http/headers.ts'
import { type Outcome, READ } from '../http/outcome.ts'
import { staleCookies } from './load.ts'

/** The Set-Cookie line of a session. */
export function cookieOf({ transport, clock }: SessionsContext, { meta, ref }: Loaded): string {
  return transport.set(ref.cookie.text, meta.persistent ? meta.deadline - clock() : undefined)
}

/** What a response says of its session. */
interface Sent {
  readonly setCookie: string | null
  /** The Set-Cookie lines that remove cookies of another framework. */
  readonly clearCookies: readonly string[]
  /** The value of Clear-Site-Data. */
  readonly clearSiteData: string | null
}

/**
 * What the response of a request needs that has asked for its session. `noStore`: was a CSRF token made? Then a cache that ignores Vary must
 * not store the page, which is meant for this visitor alone.
 */
export function outcomeOf(context: SessionsContext, headers: HeaderSource, sent: Sent, noStore: boolean): Outcome {
  const { setCookie, clearSiteData } = sent
  const { other } = context.transport
  if (other) return other.outcome(setCookie)
  const clearCookies = [...sent.clearCookies, ...staleCookies(context, headers, setCookie)]
  if (clearSiteData !== null) return { setCookie, clearCookies, used: true, clearSiteData }
  if (noStore) return { setCookie, clearCookies, used: true, noStore }
  if (clearCookies.length > 0) return { setCookie, clearCookies, used: true }
  return setCookie === null ? READ : { setCookie, used: true }
}
