import { cookies, headers } from 'next/headers.js'
import { NotAttachedError } from '../../errors.ts'
import { valuesOf } from '../../http/cookie.ts'
import type { HeaderSource } from '../../http/headers.ts'
import type { Session } from '../../session/session.ts'
import type { BaseSessions } from '../../sessions.ts'
import { cookieWith } from './cookie-header.ts'

export type Jar = Awaited<ReturnType<typeof cookies>>

/** What Next knows of the request that it is working on. Both are the same objects for a whole request. */
export interface CurrentRequest {
  /** As they were sent. */
  readonly headers: Headers
  /** With what an action of this request has set. It is another object when the page is rendered after an action. */
  readonly jar: Jar
}

/**
 * Marks what is rendered as dynamic. Rejects with `NotAttachedError` where there is no request, or none that may be looked at; what Next
 * throws for its own ends passes unchanged.
 */
export async function currentRequest(asking: string): Promise<CurrentRequest> {
  try {
    return await requestOf(asking)
  } catch (error) {
    if (!saysNoRequest(error)) throw error
    throw new NotAttachedError(
      `${asking} needs a request: call it in a server component, in a server action or in a route handler, not at the top of a module, and not in what is cached.`,
      { cause: error },
    )
  }
}

/** The same for a route handler; null outside of Next, as in a test that calls it. */
export async function currentRequestIfAny(asking: string): Promise<CurrentRequest | null> {
  try {
    return await requestOf(asking)
  } catch (error) {
    if (saysNoRequest(error)) return null
    throw error
  }
}

async function requestOf(asking: string): Promise<CurrentRequest> {
  const sent = await headers()
  // Next has no headers for what every visitor gets: one visitor's session must not be in it.
  if (sent.keys().next().done)
    throw new NotAttachedError(
      `${asking}: this is made once for all visitors, so there is no request. Remove dynamic = 'force-static'.`,
    )
  return { headers: sent, jar: await cookies() }
}

/** Errors that mean something to Next itself have a digest, or a class of their own. */
const saysNoRequest = (error: unknown): boolean =>
  error instanceof Error && error.constructor === Error && !('digest' in error)

/** The headers, with our cookie as an action of the same request has left it: `headers()` does not change. */
export function headersNow({ headers, jar }: CurrentRequest, name: string): HeaderSource {
  const sent = headers.get('cookie') ?? ''
  const before = valuesOf(sent, `${name}=`)
  const now = jar.get(name)?.value ?? ''
  if (now === '' ? before.length === 0 : before.some((value) => decoded(value) === now)) return headers
  const cookie = cookieWith(sent, name, now)
  return { get: (wanted) => (wanted === 'cookie' ? cookie : headers.get(wanted)) }
}

/** As Next decodes them. */
function decoded(value: string): string | null {
  try {
    return decodeURIComponent(value)
  } catch {
    return null
  }
}

type Get<Data extends object> = () => Promise<Session<Data>>

/** The sessions of a request, so that a layout and its page have one. They go with the request. */
const shared = new WeakMap<Jar, WeakMap<object, unknown>>()

export const sharedSession = <Data extends object>(jar: Jar, sessions: BaseSessions<Data>): Get<Data> | undefined =>
  shared.get(jar)?.get(sessions) as Get<Data> | undefined

/** From now on, `read(sessions)` in this request resolves to what `get` does. */
export function share<Data extends object>(jar: Jar, sessions: BaseSessions<Data>, get: Get<Data>): void {
  const ofRequest = shared.get(jar) ?? new WeakMap<object, unknown>()
  shared.set(jar, ofRequest.set(sessions, get))
}
