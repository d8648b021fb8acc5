import type { Context, MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { warnOfResponses, warnUnhandled } from '../base/unhandled.ts'
import { StrongroomError } from '../errors.ts'
import type { CsrfOptions } from '../http/csrf.ts'
import type { Outcome } from '../request/visit.ts'
import type { BaseSessions } from '../sessions.ts'
import { checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'
import { commitLogout } from './shared/failure.ts'
import { fetchFacts } from './shared/fetch-facts.ts'
import { applyOutcome, dropBodyHeaders, fetchHeaders, statusOf } from './shared/outcome.ts'
import { copyOf } from './shared/response.ts'

export type { CsrfOptions }

/**
 * Middleware for Hono. After it, `await sessions.get(c)` resolves to the request's session (`c.req.raw` works too). An error
 * while the session is saved reaches `app.onError` as an `HTTPException` with the error's status and with the error itself as
 * its `cause`. What `get` throws in a handler arrives unchanged. Throws `ConfigError` for what is not sessions.
 */
export function strongroom<Data extends object>(sessions: BaseSessions<Data>): MiddlewareHandler {
  checkSessions('app.use(strongroom(sessions))', sessions)
  warnOfResponses()
  return async function strongroom(c, next) {
    const own = sessions.ownRequests?.fetch(c.req.raw)
    if (own) return own
    const visit = sessions.open(c.req.raw.headers)
    // On the application and on a router: the outer middleware commits the one visit of this request.
    if (!sessions.attach(c, visit, c.req.raw)) return next()
    try {
      await sessions.within(c, next)
      apply(c, await visit.commit(statusOf(c.res)))
    } catch (error) {
      if (!(error instanceof StrongroomError)) {
        // Hono passes on what is thrown and is no Error. A logout that came before it is saved all the same.
        await commitLogout(visit)
        throw error
      }
      // Hono adds the headers of the response to the error page, which has neither that length nor that ETag.
      const headers = new Headers(c.res.headers)
      dropBodyHeaders(fetchHeaders(headers))
      c.res = undefined
      c.res = new Response(null, { headers })
      apply(c, await visit.commit())
      // Hono sends the message of an HTTPException to the visitor.
      throw new CommitException(error.status as 500, { message: error.publicMessage, cause: error })
    }
  }
}

/**
 * Middleware that refuses requests which the page of another site may have made: a `CsrfError` (403) reaches `app.onError`. Belongs
 * after `strongroom(sessions)`. A token is looked for in a header, and in a form of up to 1 MiB, which the handler can read again.
 * Throws `ConfigError` for what is not sessions, and for a wrong option.
 */
export function csrf<Data extends object>(sessions: BaseSessions<Data>, options: CsrfOptions = {}): MiddlewareHandler {
  const check = csrfCheck('app.use(csrf(sessions))', sessions, options)
  return async function csrf(c, next) {
    // A body that was parsed by a middleware before this one is remembered by Hono alone.
    const parsed = c.req.raw.bodyUsed ? async (name: string) => (await c.req.parseBody())[name] : undefined
    await check(c, fetchFacts(c.req.raw, parsed))
    await next()
  }
}

/** Hono asks for the response of one that `app.onError` does not handle, and logs nothing. */
class CommitException extends HTTPException {
  override getResponse(): Response {
    warnUnhandled(this.cause as StrongroomError)
    return super.getResponse()
  }
}

function apply(c: Context, outcome: Outcome): void {
  // What stands for a connection that failed has no headers, and nobody gets it.
  if (!outcome.used || c.res.status === 0) return
  const copy = copyOf(c.res)
  // Without this, Hono adds the headers of the one to those of the other.
  c.res = undefined
  c.res = copy
  applyOutcome(outcome, fetchHeaders(copy.headers))
}
