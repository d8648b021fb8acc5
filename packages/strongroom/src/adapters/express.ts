import type { IncomingMessage } from 'node:http'
import type { BaseSessions } from '../sessions.ts'
import { hold, type NodeResponse } from './node/hold.ts'

/**
 * Middleware for Express 5 and 4, and for everything that calls `(request, response, next)`. Afterwards
 * `await sessions.get(request)` is the request's session. What goes wrong when it is kept is handed to `next`, so the
 * application's error handler answers; without one Express sends the error's own status (503 store down, 409 gone).
 */
export function strongroom<Data extends object>(sessions: BaseSessions<Data>) {
  return function strongroom(request: IncomingMessage, response: NodeResponse, next: (error?: unknown) => void): void {
    sessions.attach(request, () => hold(sessions.open(request.headers), response, next))
    next()
  }
}
