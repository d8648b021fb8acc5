import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { checkOptions } from '../base/check.ts'
import { StrongroomError } from '../errors.ts'
import type { BaseSessions } from '../sessions.ts'
import { hold, type NodeResponse } from './node/hold.ts'

export type NodeRequest = IncomingMessage | Http2ServerRequest

export interface NodeOptions<Request, Response> {
  /** Responds when the session could not be loaded or saved. By default: the error's status and a line of plain text. */
  readonly onError?: ((error: unknown, request: Request, response: Response) => void) | undefined
}

/**
 * A listener for node:http, node:https and the compatibility API of node:http2. In `handler`, `await sessions.get(request)`
 * resolves to the request's session. When the handler does not catch an error of this library, `onError` responds to it; any
 * other error is thrown again. For node:http2, declare the types of the handler's parameters.
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
  checkOptions('withSessions()', options, ['onError'])
  const { onError = respond } = options
  return async function strongroom(request: Request, response: Response): Promise<void> {
    const fail = (error: unknown) => onError(error, request, response)
    sessions.attach(request, () => hold(sessions.open(request.headers), response, fail))
    try {
      await handler(request, response)
    } catch (error) {
      if (!(error instanceof StrongroomError)) throw error
      fail(error)
    }
  }
}

function respond(error: unknown, _request: NodeRequest, response: NodeResponse): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.statusCode = error instanceof StrongroomError ? error.status : 500
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(`${error instanceof StrongroomError ? error.publicMessage : 'Internal Server Error'}\n`)
}
