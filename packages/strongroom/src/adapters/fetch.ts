import { checkOptions } from '../base/check.ts'
import { StrongroomError } from '../errors.ts'
import type { Outcome } from '../request/visit.ts'
import type { BaseSessions } from '../sessions.ts'
import { applyOutcome } from './shared/outcome.ts'

export interface FetchOptions {
  /** Answers when the session could not be read or kept. By default the error's status and a line of plain text. */
  readonly onError?: ((error: StrongroomError, request: Request) => Response | Promise<Response>) | undefined
}

/**
 * A Fetch handler, `(Request) → Response`, as Hono's server, Bun, Deno and route handlers call it; in `handler`,
 * `await sessions.get(request)` is the request's session. It is kept when the handler has returned its response, before the
 * first byte of a stream; a stream that changes the session later gets an error.
 */
export function withSessions<Data extends object, Rest extends unknown[]>(
  sessions: BaseSessions<Data>,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  options: FetchOptions = {},
) {
  checkOptions('fetch()', options, ['onError'])
  const { onError = (error: StrongroomError) => error.getResponse() } = options
  return async function strongroom(request: Request, ...rest: Rest): Promise<Response> {
    const visit = sessions.open(request.headers)
    sessions.attach(request, () => visit)
    const kept = async (response: Response) => carrying(await visit.commit(response.status), response)
    try {
      return await kept(await handler(request, ...rest))
    } catch (error) {
      if (error instanceof StrongroomError) return kept(await onError(error, request))
      // The page about this error is made elsewhere; a logout that went before is kept all the same.
      await kept(new Response(null, { status: 500 })).catch(() => undefined)
      throw error
    }
  }
}

function carrying(outcome: Outcome, response: Response): Response {
  if (!outcome.used) return response
  // A fresh one, for the headers of a redirect or of a fetched response cannot be changed.
  const headers = new Headers(response.headers)
  applyOutcome(outcome, {
    get: (name) => headers.get(name) ?? undefined,
    set: (name, value) => headers.set(name, value),
    append: (name, value) => headers.append(name, value),
  })
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}
