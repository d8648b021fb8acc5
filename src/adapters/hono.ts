import type { MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { StrongroomError } from '../errors.ts'
import type { BaseSessions } from '../sessions.ts'
import { applyOutcome } from './headers.ts'

/**
 * Middleware for Hono. Afterwards `await sessions.get(c)` is the request's session (`c.req.raw` works too). What goes wrong
 * with it reaches `app.onError` as an `HTTPException` with the error's status, and the error itself as its `cause`.
 */
export function hono<Data extends object>(sessions: BaseSessions<Data>): MiddlewareHandler {
  return async function strongroom(c, next) {
    const visit = sessions.open(c.req.raw.headers)
    sessions.attach(c, () => visit)
    sessions.attach(c.req.raw, () => visit)
    try {
      await next()
      applyOutcome(await visit.commit(c.res.status), {
        get: (name) => c.res.headers.get(name) ?? undefined,
        set: (name, value) => c.header(name, value),
        append: (name, value) => c.header(name, value, { append: true }),
      })
    } catch (error) {
      if (!(error instanceof StrongroomError)) throw error
      throw new HTTPException(error.status as 500, { message: error.message, cause: error })
    }
  }
}
