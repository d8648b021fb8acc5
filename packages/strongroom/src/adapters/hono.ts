import type { Context, MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { StrongroomError } from '../errors.ts'
import type { Outcome } from '../request/visit.ts'
import type { BaseSessions } from '../sessions.ts'
import { applyOutcome, BODY_HEADERS } from './shared/outcome.ts'

/**
 * Middleware for Hono. Afterwards `await sessions.get(c)` is the request's session (`c.req.raw` works too). What goes wrong
 * when it is kept reaches `app.onError` as an `HTTPException` with the error's status, and the error itself as its `cause`;
 * what `get` throws in a handler arrives as it is.
 */
export function strongroom<Data extends object>(sessions: BaseSessions<Data>): MiddlewareHandler {
  return async function strongroom(c, next) {
    const visit = sessions.open(c.req.raw.headers)
    sessions.attach(c, () => visit)
    sessions.attach(c.req.raw, () => visit)
    try {
      await next()
      carry(c, await visit.commit(c.res.status))
    } catch (error) {
      if (!(error instanceof StrongroomError)) throw error
      // Hono lays the headers of the response over the error page, which has neither its length nor its ETag.
      const headers = new Headers(c.res.headers)
      for (const name of BODY_HEADERS) headers.delete(name)
      c.res = undefined
      c.res = new Response(null, { headers })
      carry(c, await visit.commit())
      throw new HTTPException(error.status as 500, { message: error.message, cause: error })
    }
  }
}

function carry(c: Context, outcome: Outcome): void {
  applyOutcome(outcome, {
    get: (name) => c.res.headers.get(name) ?? undefined,
    set: (name, value) => c.header(name, value),
    append: (name, value) => c.header(name, value, { append: true }),
  })
}
