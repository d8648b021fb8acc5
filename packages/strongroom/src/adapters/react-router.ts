import type { MiddlewareFunction } from 'react-router'
import { warnOfResponses } from '../base/unhandled.ts'
import { ConfigError, StrongroomError } from '../errors.ts'
import type { CsrfOptions } from '../http/csrf.ts'
import type { Visit } from '../request/visit.ts'
import type { BaseSessions } from '../sessions.ts'
import { checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'
import { commitLogout } from './shared/failure.ts'
import { fetchFacts } from './shared/fetch-facts.ts'
import { statusOf } from './shared/outcome.ts'
import { withOutcome } from './shared/response.ts'

export type { CsrfOptions }

/** The session of one request, between the two middlewares. */
interface Opened<Data extends object> {
  readonly visit: Visit<Data>
  /** Why the session could not be saved, and the Set-Cookie lines of the response that was not sent. */
  failed: { readonly error: StrongroomError; readonly cookies: readonly string[] } | null
}

/**
 * Server middleware for React Router, to be the `middleware` of the root route. After it, `await sessions.get(context)` resolves to the
 * request's session in every loader, action and middleware. An error while the session is saved reaches `handleError` and the nearest
 * `ErrorBoundary`, as an `ErrorResponse` with the error's status; without one, as on a resource route, the visitor gets the status and a
 * line of plain text. Throws `ConfigError` for what is not sessions.
 *
 * There are two: the inner one saves, and throws if it cannot. React Router then renders the error page, and the outer one adds its
 * headers, which nothing that is thrown could do.
 */
export function strongroom<Data extends object>(sessions: BaseSessions<Data>): MiddlewareFunction<Response>[] {
  checkSessions('export const middleware = strongroom(sessions)', sessions)
  warnOfResponses()
  const unsaved = new WeakMap<object, Opened<Data>>()
  return [
    async function strongroom(given, next) {
      const { request, context } = given
      checkContext(context, request)
      const own = sessions.ownRequests?.fetch(request)
      if (own) return own
      const visit = sessions.open(request.headers)
      // As loaders get it: the context alone knows no headers.
      visit.frameworkRequest = given
      // On the root and on a route below it: the outer middleware commits the one visit of this request.
      if (!sessions.attach(context, visit, request)) return next()
      const opened: Opened<Data> = { visit, failed: null }
      unsaved.set(context, opened)
      let response: Response
      try {
        response = await sessions.within(context, next)
      } catch (error) {
        // Resource routes have no error page.
        if (opened.failed) return errorPage(opened, opened.failed.error.getResponse())
        // React Router responds to this error. A logout that came before it is saved all the same.
        await commitLogout(visit)
        throw error
      }
      return opened.failed ? errorPage(opened, response) : withOutcome(response, await visit.commit(statusOf(response)))
    },
    async function saveSession({ context }, next) {
      const opened = unsaved.get(context)
      // The second of a route below finds nothing, and leaves the session to the first.
      unsaved.delete(context)
      const response = checkResponse(await next())
      if (!opened) return response
      try {
        await commit(opened.visit, response)
      } catch (error) {
        // It was rendered, and nobody will read it.
        response.body?.cancel().catch(() => undefined)
        if (!(error instanceof StrongroomError)) throw error
        opened.failed = { error, cookies: response.headers.getSetCookie() }
        throw errorResponse(error)
      }
      return response
    },
  ]
}

/**
 * Middleware that refuses requests which the page of another site may have made: a `CsrfError` (403) reaches the `ErrorBoundary`. Belongs
 * after `strongroom(sessions)`. A token is looked for in a header, and in a form of up to 1 MiB, which the action can read again. Throws
 * `ConfigError` for what is not sessions, and for a wrong option.
 */
export function csrf<Data extends object>(
  sessions: BaseSessions<Data>,
  options: CsrfOptions = {},
): MiddlewareFunction<Response> {
  const check = csrfCheck('export const middleware = [...strongroom(sessions), csrf(sessions)]', sessions, options)
  return async function csrf({ request, context }, next) {
    await check(context, fetchFacts(request))
    return next()
  }
}

/** By the context of a request. */
const requests = new WeakMap<object, Request>()

/** A context that an application hands to every request would give one visitor the session of another. */
function checkContext(context: object, request: Request): void {
  const before = requests.get(context)
  if (before !== undefined && before !== request)
    throw new ConfigError(
      'Two requests have the same RouterContextProvider. Make one for each of them: return new RouterContextProvider() from getLoadContext().',
    )
  requests.set(context, request)
}

/** In a browser, as under createRoutesStub() or in data mode, `next` resolves to the results of the loaders. */
function checkResponse(response: unknown): Response {
  if (typeof (response as Response | undefined)?.status === 'number') return response as Response
  throw new ConfigError(
    'strongroom(sessions) of strongroom/react-router is server middleware of framework mode, and there is no server here.',
  )
}

/** React Router calls the application while it is built, too, for pages that are files from then on. */
async function commit(visit: Pick<Visit<object>, 'commit'>, response: Response): Promise<void> {
  const isPrerendered = process.env.IS_RR_BUILD_REQUEST === 'yes'
  const { used } = await visit.commit(isPrerendered ? 500 : statusOf(response))
  if (isPrerendered && used)
    throw new ConfigError(
      'A page that is prerendered asked for the session: every visitor would get the page of nobody. Take its path out of "prerender" in react-router.config, or ask for the session on another route.',
    )
}

async function errorPage<Data extends object>({ visit, failed }: Opened<Data>, response: Response): Promise<Response> {
  // It has the headers of its routes, which may let a cache keep it.
  const page = withOutcome(response, { ...(await visit.commit()), used: true, noStore: true })
  // Other middleware may have saved what belongs to a cookie of its own.
  for (const line of failed?.cookies ?? []) page.headers.append('Set-Cookie', line)
  return page
}

/**
 * An `ErrorResponse` for the boundary, which may show its `data`. React Router replaces an error of ours by one that says nothing. Not
 * enumerable is what only `handleError` may see.
 */
function errorResponse(error: StrongroomError): object {
  const { status, statusText, data } = error
  return Object.defineProperty({ status, statusText, internal: false, data }, 'error', { value: error })
}
