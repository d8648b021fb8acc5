import type { IncomingMessage, ServerResponse } from 'node:http'
import { checkOptions } from '../base/check.ts'
import type { CsrfOptions } from '../http/csrf.ts'
import type { BaseSessions } from '../sessions.ts'
import { ownEvents } from './node/events.ts'
import { nodeFacts } from './node/facts.ts'
import { handle, type NodeRequest, type OnError, respond } from './node/fail.ts'
import { hold, type NodeResponse } from './node/hold.ts'
import { checkFunction, checkHandler, checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'

export type { CsrfOptions, NodeRequest }

/** Options of `withSessions` for handlers of Node's servers. */
export interface NodeOptions<Request, Response> {
  /**
   * Responds when the session could not be loaded or saved, and when the handler throws or rejects. By default: the status of an
   * error of this library, or 500, and a line of plain text. A 5xx becomes a warning, too; a `StoreError` has one already.
   */
  readonly onError?: OnError<Request, Response> | undefined
}

const EXAMPLE = 'withSessions(sessions, async (request, response) => { … })'

/**
 * A listener for node:http, node:https and the compatibility API of node:http2. In `handler`, `await sessions.get(request)`
 * resolves to the request's session. `onError` responds to what the handler throws: node:http would end the process for a
 * listener that rejects. For node:http2, declare the types of the handler's parameters. Throws `ConfigError` for what is not sessions,
 * and for a handler or an `onError` that is not a function.
 */
export function withSessions<
  Data extends object,
  Request extends NodeRequest = IncomingMessage,
  Response extends NodeResponse = ServerResponse,
>(
  sessions: BaseSessions<Data>,
  handler: (request: Request, response: Response) => unknown,
  options: NodeOptions<Request, Response> = {},
) {
  checkSessions(EXAMPLE, sessions)
  checkHandler(EXAMPLE, handler)
  checkOptions('withSessions()', options, ['onError'])
  checkFunction('onError', 'withSessions()', options.onError)
  const { onError = (error: unknown, _request: Request, response: Response) => respond(error, response) } = options
  return async function strongroom(request: Request, response: Response): Promise<void> {
    const own = sessions.ownRequests?.node(request, response)
    if (own) return own
    const fail = (error: unknown) => handle(onError, error, request, response)
    const begin = hold<Data>(response, fail)
    sessions.attach(request, () => begin(sessions.open(request.headers)))
    ownEvents(sessions, request, request, response)
    try {
      await sessions.within(request, handler, request, response)
    } catch (error) {
      await fail(error)
    }
  }
}

/**
 * A check to await at the beginning of a handler of `withSessions`, and at a WebSocket's upgrade: rejects with `CsrfError` (403) for a
 * request that the page of another site may have made. A token is looked for in a header; a handler that has parsed a form passes the
 * one in it. Throws `ConfigError` for what is not sessions, and for a wrong option.
 */
export function csrf<Data extends object>(sessions: BaseSessions<Data>, options: CsrfOptions = {}) {
  const check = csrfCheck('const check = csrf(sessions)', sessions, options)
  return async function checkCsrf(request: NodeRequest, token?: string | null): Promise<void> {
    await check(
      request,
      nodeFacts(request, () => token),
    )
  }
}
