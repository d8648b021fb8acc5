import type { IncomingMessage } from 'node:http'
import type { CsrfOptions } from '../http/csrf.ts'
import type { BaseSessions } from '../sessions.ts'
import { fieldOf, nodeFacts } from './node/facts.ts'
import { hold, type NodeResponse } from './node/hold.ts'
import { checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'

export type { CsrfOptions }

/**
 * Middleware for Express 5 and 4, and for any framework that calls `(request, response, next)`. After it,
 * `await sessions.get(request)` resolves to the request's session. An error while the session is saved is passed to `next`, so
 * that the application's error handler can respond. Without one, Express sends the error's own status (503 when the store is
 * down, 409 when the session is gone). Throws `ConfigError` for what is not sessions.
 */
export function strongroom<Data extends object>(sessions: BaseSessions<Data>) {
  checkSessions('app.use(strongroom(sessions))', sessions)
  return function strongroom(request: IncomingMessage, response: NodeResponse, next: (error?: unknown) => void): void {
    const begin = hold<Data>(response, next)
    sessions.attach(request, () => begin(sessions.open(request.headers)))
    next()
  }
}

/**
 * Middleware that refuses requests which the page of another site may have made: a `CsrfError` (403) goes to `next`. Belongs after
 * `strongroom(sessions)`, and after what parses forms, such as `express.urlencoded()`. A token is looked for in a header, and in
 * `request.body`. Throws `ConfigError` for what is not sessions, and for a wrong option.
 */
export function csrf<Data extends object>(sessions: BaseSessions<Data>, options: CsrfOptions = {}) {
  const check = csrfCheck('app.use(csrf(sessions))', sessions, options)
  return function csrf(
    request: IncomingMessage & { body?: unknown },
    _response: unknown,
    next: (error?: unknown) => void,
  ) {
    try {
      const waiting = check(
        request,
        nodeFacts(request, (name) => fieldOf(request.body, name)),
      )
      if (!waiting) return next()
      // Not `then(next)` alone: an error that `next` throws must not call it a second time.
      waiting.then(() => next(), next)
    } catch (error) {
      next(error)
    }
  }
}
