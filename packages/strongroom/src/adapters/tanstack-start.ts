import { ConfigError, StrongroomError } from '../errors.ts'
import type { BaseSessions } from '../sessions.ts'
import { type FetchOptions, withSessions as fetchWithSessions } from './fetch.ts'
import { checkHandler, checkSessions } from './shared/check.ts'

export { type CsrfOptions, csrf } from './fetch.ts'
export type { FetchOptions }

/** Requests of browsers for a server function that ran below `withErrorStatus`. */
const watched = new WeakSet<Request>()

/** The status of those that failed. */
const failures = new WeakMap<Request, number>()

/** What Start gives to middleware of server functions. */
export interface ServerFunctionCall<Result> {
  readonly next: () => Result
  readonly serverFnMeta: { readonly id: string }
}

const EXAMPLE = 'createServerEntry({ fetch: withSessions(sessions, handler.fetch) })'

/**
 * The fetch function of `src/server.ts`, with sessions: as `withSessions` of strongroom/fetch, for pages, server functions and server
 * routes. In all of them, `await sessions.get(getRequest())` resolves to the request's session. Throws `ConfigError` for what is not
 * sessions, for a handler that is not a function, and for a wrong option; a server function that runs without `withErrorStatus` is
 * refused with one.
 */
export function withSessions<Data extends object, Rest extends unknown[]>(
  sessions: BaseSessions<Data>,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  options: FetchOptions = {},
) {
  checkSessions(EXAMPLE, sessions)
  checkHandler(EXAMPLE, handler)
  return fetchWithSessions<Data, Rest>(
    sessions,
    async function tanstackStart(request, ...rest) {
      const response = await handler(request, ...rest)
      const status = failures.get(request)
      if (status !== undefined) return new Response(response.body, { status, headers: response.headers })
      checkWatched(request, response)
      return response
    },
    options,
  )
}

/**
 * Middleware for all server functions, to be the first of `functionMiddleware` in `src/start.ts`:
 * `createMiddleware({ type: 'function' }).server(withErrorStatus)`. Start responds with a 200 to a browser whose server function has
 * thrown. This makes it the status of the error, or a 500, so that nothing is saved of what the function has changed before. The browser
 * gets the error as always, but of an error of this library only what visitors may read.
 */
export async function withErrorStatus<Result>(call: ServerFunctionCall<Result>): Promise<Awaited<Result>> {
  const request = calledBy(call)
  if (request) watched.add(request)
  try {
    return await call.next()
  } catch (error) {
    // Redirects and other responses have a status of their own, and so has notFound().
    if (error instanceof Response || isNotFound(error)) throw error
    if (request) failures.set(request, statusOf(error))
    throw error instanceof StrongroomError ? forBrowsers(error) : error
  }
}

/**
 * The same error for code on the server. Start sends the message of what a function or a loader has thrown to the browser, and nothing
 * else of it.
 */
const forBrowsers = (error: StrongroomError): StrongroomError =>
  Object.create(error, { message: { value: error.publicMessage } })

/**
 * The request of a browser for this very function; null where a loader on the server, or another server function, has called it: what
 * those do with an error decides what becomes of it.
 */
function calledBy(call: object): Request | null {
  // Start passes the request as well, which its types do not say.
  const { request, serverFnMeta } = call as {
    readonly request?: unknown
    readonly serverFnMeta: { readonly id: string }
  }
  if (!(request instanceof Request)) return null
  return new URL(request.url).pathname.endsWith(`/${serverFnMeta.id}`) ? request : null
}

const isNotFound = (error: unknown) =>
  typeof error === 'object' && error !== null && 'isNotFound' in error && error.isNotFound === true

/** As Start reads it from what a server route throws. */
function statusOf(error: unknown): number {
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined
  return typeof status === 'number' && Number.isInteger(status) && status >= 400 && status < 600 ? status : 500
}

/** Without it, what a server function has changed would be saved although it has thrown. */
function checkWatched(request: Request, { status, headers }: Response): void {
  if (!headers.has('x-tss-serialized') || status >= 400 || watched.has(request)) return
  throw new ConfigError(
    "A server function ran without the middleware of strongroom/tanstack-start. Add it in src/start.ts: createStart(() => ({ functionMiddleware: [createMiddleware({ type: 'function' }).server(withErrorStatus)] })).",
  )
}
