import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { checkOptions } from '../base/check.ts'
import { StrongroomError } from '../errors.ts'
import type { BaseSessions } from '../sessions.ts'
import { hold, type NodeResponse } from './node/hold.ts'

export type NodeRequest = IncomingMessage | Http2ServerRequest

export interface NodeOptions<Request, Response> {
  /** Answers when the session could not be read or kept. By default the error's status and a line of plain text. */
  readonly onError?: ((error: unknown, request: Request, response: Response) => void) | undefined
}

/**
 * A listener for node:http, node:https and node:http2's compatibility interface; in `handler`, `await sessions.get(request)`
 * is the request's session. An error of this library that the handler does not catch is answered; any other is thrown on.
 * For node:http2, name the types of the handler's parameters.
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
  checkOptions('node()', options, ['onError'])
  const { onError = answer } = options
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

function answer(error: unknown, _request: NodeRequest, response: NodeResponse): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.statusCode = error instanceof StrongroomError ? error.status : 500
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(`${error instanceof StrongroomError ? error.publicMessage : 'Internal Server Error'}\n`)
}
