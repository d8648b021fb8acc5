import { checkOptions } from '../base/check.ts'
import { warnOfResponses } from '../base/unhandled.ts'
import { StrongroomError } from '../errors.ts'
import type { CsrfOptions } from '../http/csrf.ts'
import type { BaseSessions } from '../sessions.ts'
import { checkFunction, checkHandler, checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'
import { commitLogout } from './shared/failure.ts'
import { fetchFacts } from './shared/fetch-facts.ts'
import { statusOf } from './shared/outcome.ts'
import { withOutcome } from './shared/response.ts'

export type { CsrfOptions }

/** Options of `withSessions` for handlers of Fetch. */
export interface FetchOptions {
  /** Makes the response when the session could not be loaded or saved. By default: the error's status and a line of plain text. */
  readonly onError?: ((error: StrongroomError, request: Request) => Response | Promise<Response>) | undefined
}

const EXAMPLE = 'withSessions(sessions, async (request) => new Response(…))'

/**
 * A Fetch handler, `(Request) → Response`, as Hono's server, Bun, Deno and route handlers call it. In `handler`,
 * `await sessions.get(request)` resolves to the request's session. The session is saved when the handler has returned its
 * response, before the first byte of a stream. A stream that changes the session after that gets an error. Throws `ConfigError` for
 * what is not sessions, and for a handler or an `onError` that is not a function.
 */
export function withSessions<Data extends object, Rest extends unknown[]>(
  sessions: BaseSessions<Data>,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  options: FetchOptions = {},
) {
  checkSessions(EXAMPLE, sessions)
  checkHandler(EXAMPLE, handler)
  checkOptions('withSessions()', options, ['onError'])
  checkFunction('onError', 'withSessions()', options.onError)
  warnOfResponses()
  const { onError = (error: StrongroomError) => error.getResponse() } = options
  return async function strongroom(request: Request, ...rest: Rest): Promise<Response> {
    const own = sessions.ownRequests?.fetch(request)
    if (own) return own
    const visit = sessions.open(request.headers)
    // Within another `withSessions`, which commits the one visit of this request.
    if (!sessions.attach(request, visit)) return handler(request, ...rest)
    const commit = async (response: Response) => {
      if (typeof response?.status !== 'number')
        throw new TypeError('The handler of withSessions() must return a Response, or a promise of one.')
      return withOutcome(response, await visit.commit(statusOf(response)))
    }
    try {
      return await commit(await sessions.within(request, handler, request, ...rest))
    } catch (error) {
      if (error instanceof StrongroomError) return commit(await onError(error, request))
      // The page for this error is made elsewhere. A logout that came before it is saved all the same.
      await commitLogout(visit)
      throw error
    }
  }
}

/**
 * A check to await at the beginning of a handler of `withSessions`: rejects with `CsrfError` (403) for a request that the page of another
 * site may have made. A token is looked for in a header, and in a form of up to 1 MiB, which the handler can read again. Throws
 * `ConfigError` for what is not sessions, and for a wrong option.
 */
export function csrf<Data extends object>(sessions: BaseSessions<Data>, options: CsrfOptions = {}) {
  const check = csrfCheck('const check = csrf(sessions)', sessions, options)
  return async function checkCsrf(request: Request): Promise<void> {
    await check(request, fetchFacts(request))
  }
}
