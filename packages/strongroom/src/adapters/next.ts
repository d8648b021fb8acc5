import type { CsrfOptions } from '../http/csrf.ts'
import type { Session } from '../session/session.ts'
import type { BaseSessions } from '../sessions.ts'
import { type FetchOptions, withSessions as fetchWithSessions } from './fetch.ts'
import { controlFlowOf, responseOf } from './next/control-flow.ts'
import { currentRequest, currentRequestIfAny, headersNow, share, sharedSession } from './next/request.ts'
import { checkHandler, checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'
import { fetchFacts } from './shared/fetch-facts.ts'

export { action } from './next/action.ts'
export { flash } from './next/flash.ts'
export { type ProxyOptions, strongroom } from './next/proxy.ts'
export type { CsrfOptions, FetchOptions }

const EXAMPLE = 'withSessions(sessions, async (request) => Response.json(…))'

/**
 * The session in a server component, a layout or `generateMetadata`: read-only, loaded once for each request, and never from a cache.
 * Marks the page as dynamic. In what `withSessions` or `action` has wrapped, it is the session of that, which can be changed. Throws
 * `ConfigError` for what is not sessions, and `NotAttachedError` where there is no request: at the top of a module, in `use cache`, and
 * on a page that is made once for all visitors.
 */
export async function read<Data extends object>(sessions: BaseSessions<Data>): Promise<Session<Data>> {
  checkSessions('await read(sessions)', sessions)
  const request = await currentRequest('read(sessions)')
  const known = sharedSession(request.jar, sessions)
  if (known) return known()
  const { transport, cookieName } = sessions.policy
  const visit = sessions.open(transport === 'bearer' ? request.headers : headersNow(request, cookieName))
  share(request.jar, sessions, () => visit.read())
  return visit.read()
}

/**
 * A route handler, `(request, { params }) → Response`. In it, `await sessions.get(request)` resolves to the session, which is saved
 * before the first byte of the response; `redirect()`, `notFound()` and the like count as responses. An error of this library becomes a
 * response with its status. Throws `ConfigError` for what is not sessions, and for a handler or an `onError` that is not a function.
 */
export function withSessions<Data extends object, Incoming extends Request, Rest extends unknown[]>(
  sessions: BaseSessions<Data>,
  handler: (request: Incoming, ...rest: Rest) => Response | Promise<Response>,
  options?: FetchOptions,
): (request: Incoming, ...rest: Rest) => Promise<Response> {
  checkSessions(EXAMPLE, sessions)
  checkHandler(EXAMPLE, handler)
  async function strongroom(request: Request, ...rest: Rest): Promise<Response> {
    const current = await currentRequestIfAny('withSessions()')
    if (current) share(current.jar, sessions, () => sessions.get(request))
    try {
      return await handler(request as Incoming, ...rest)
    } catch (error) {
      const flow = controlFlowOf(error)
      if (flow) return responseOf(flow, request)
      throw error
    }
  }
  return fetchWithSessions(sessions, strongroom, options)
}

/**
 * A check to await at the beginning of a route handler: rejects with `CsrfError` (403) for a request that the page of another site may
 * have made. Server actions have a check of Next's own. A token is looked for in a header, and in a form of up to 1 MiB, which the
 * handler can read again. Throws `ConfigError` for what is not sessions, and for a wrong option.
 */
export function csrf<Data extends object>(sessions: BaseSessions<Data>, options: CsrfOptions = {}) {
  const check = csrfCheck('const check = csrf(sessions)', sessions, options)
  return async function checkCsrf(request: Request): Promise<void> {
    // Next takes the protocol of the URL from X-Forwarded-Proto, which a visitor can write. Its own server has no TLS.
    await check(request, { ...fetchFacts(request), encrypted: false })
  }
}
