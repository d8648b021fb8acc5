import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Awaitable } from '../base/awaitable.ts'
import { checkOptions } from '../base/check.ts'
import { ConfigError } from '../errors.ts'
import type { CsrfOptions } from '../http/csrf.ts'
import type { BaseSessions } from '../sessions.ts'
import { ownEvents } from './node/events.ts'
import { fieldOf, nodeFacts } from './node/facts.ts'
import { failWith, type Next, type NodeRequest, type OnError } from './node/fail.ts'
import { hold, type NodeResponse } from './node/hold.ts'
import { checkFunction, checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'

export type { CsrfOptions, Next, NodeRequest, NodeResponse }

/** Options of the middleware for Express. */
export interface ExpressOptions<Request, Response> {
  /**
   * Responds when the session could not be saved. By default, the application's error handler does under Express and Connect; in other
   * hosts, the visitor gets the status of the error and a line of plain text, and a 5xx becomes a warning, too; a `StoreError` has one
   * already.
   */
  readonly onError?: OnError<Request, Response> | undefined
}

/**
 * Middleware for Express 5 and 4, and for any framework that calls `(request, response, next)`. After it,
 * `await sessions.get(request)` resolves to the request's session. An error while the session is saved goes to the error handler of the
 * application under Express and Connect. Without one, they send the error's own status (503 when the store is down, 409 when the session
 * is gone). In other frameworks, the middleware responds itself: their `next` has been used, and most cannot take a second call. Throws
 * `ConfigError` for what is not sessions, and for an `onError` that is not a function.
 */
export function strongroom<Data extends object>(
  sessions: BaseSessions<Data>,
): (request: NodeRequest, response: NodeResponse, next: Next) => void
export function strongroom<
  Data extends object,
  Request extends NodeRequest = IncomingMessage,
  Response extends NodeResponse = ServerResponse,
>(
  sessions: BaseSessions<Data>,
  options: ExpressOptions<Request, Response>,
): (request: Request, response: Response, next: Next) => void
export function strongroom<Data extends object, Request extends NodeRequest, Response extends NodeResponse>(
  sessions: BaseSessions<Data>,
  options: ExpressOptions<Request, Response> = {},
) {
  checkSessions('app.use(strongroom(sessions))', sessions)
  checkOptions('strongroom()', options, ['onError'])
  checkFunction('onError', 'strongroom()', options.onError)
  const { onError } = options
  return function strongroom(request: Request, response: Response, next: Next): void {
    // The plugins of Fastify, and the middleware of Koa and Hono, are called with something else in its place.
    if (typeof (response as Partial<Response> | undefined)?.on !== 'function') throw new ConfigError(NO_RESPONSE)
    if (sessions.ownRequests?.node(request, response)) return
    const begin = hold<Data>(response, failWith(request, response, next, onError))
    sessions.attach(request, () => begin(sessions.open(request.headers)))
    ownEvents(sessions, request, request, response)
    sessions.within(request, next)
  }
}

const NO_RESPONSE =
  'The middleware of strongroom/express was called without a response: this is not Express. Use strongroom/fastify, strongroom/koa, strongroom/hono, or the adapter of your framework.'

/**
 * Middleware that refuses requests which the page of another site may have made: a `CsrfError` (403) goes to `next`. Belongs after
 * `strongroom(sessions)`, and after what parses forms, such as `express.urlencoded()`. A token is looked for in a header, and in
 * `request.body`. Throws `ConfigError` for what is not sessions, and for a wrong option.
 */
export function csrf<Data extends object>(sessions: BaseSessions<Data>, options: CsrfOptions = {}) {
  const check = csrfCheck('app.use(csrf(sessions))', sessions, options)
  return function csrf(request: IncomingMessage & { body?: unknown }, _response: unknown, next: Next) {
    let waiting: Awaitable<void>
    try {
      waiting = check(
        request,
        nodeFacts(request, (name) => fieldOf(request.body, name)),
      )
    } catch (error) {
      return next(error as Error)
    }
    // An error that `next` throws must not call it a second time: it is of a handler, and most hosts cannot take a second call.
    if (waiting) waiting.then(() => next(), next)
    else next()
  }
}
