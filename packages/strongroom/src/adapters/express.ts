import type { IncomingMessage } from 'node:http'
import type { BaseSessions } from '../sessions.ts'
import { hold, type NodeResponse } from './node/hold.ts'
import { checkSessions } from './shared/check.ts'

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
