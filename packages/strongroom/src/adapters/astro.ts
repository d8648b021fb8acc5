import { booleanOption, checkOptions } from '../base/check.ts'
import { warnOfResponses } from '../base/unhandled.ts'
import { StrongroomError } from '../errors.ts'
import type { CsrfOptions } from '../http/csrf.ts'
import type { BaseSessions } from '../sessions.ts'
import { withPublicMessage } from './astro/action-error.ts'
import { checkFunction, checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'
import { commitLogout } from './shared/failure.ts'
import { fetchFacts } from './shared/fetch-facts.ts'
import { handlingOf } from './shared/handling.ts'
import { type LocalOptions, localOption, setLocal, sharedLocals } from './shared/local.ts'
import { noVisitor } from './shared/no-visitor.ts'
import { statusOf } from './shared/outcome.ts'
import { type PendingSession, pendingSessions } from './shared/pending-session.ts'
import { withFailure, withOutcome } from './shared/response.ts'
import { sentBy } from './shared/sent.ts'

export type { CsrfOptions, PendingSession }

/** What is used of Astro's `APIContext`, whose type depends on the application. */
export interface AstroContext {
  readonly request: Request
  readonly locals: object
  readonly isPrerendered: boolean
  /** What Astro 7 has for the whole response, whatever its headers say. */
  readonly cache?: { readonly enabled: boolean; set(options: false): void } | undefined
}

/** Options of the middleware for Astro. */
export interface AstroOptions<Context extends AstroContext = AstroContext> extends LocalOptions {
  /**
   * Makes the response when the session could not be loaded or saved. By default: the error's status and a line of plain text.
   */
  readonly onError?: ((error: StrongroomError, context: Context) => Response | Promise<Response>) | undefined
  /**
   * May Astro send the beginning of a page while its components are still being rendered? Default true. With false, a page waits until it
   * is complete, and its session with it: every component can change the session, and an error of one becomes an error page.
   */
  readonly streaming?: boolean | undefined
}

const NO_VISITOR = noVisitor(
  'Write `export const prerender = false` in that page, or put what needs the session into a server island.',
)

/**
 * Middleware for Astro, alone or in `sequence`. After it, `await Astro.locals.session` is the request's session, and so is
 * `await sessions.get(Astro)`; in endpoints, actions and middleware, both work with their `context`. The session is saved when the page
 * has begun, before its first byte. Throws `ConfigError` for what is not sessions, and for a wrong option.
 */
export function strongroom<Data extends object>(sessions: BaseSessions<Data>, options: AstroOptions = {}) {
  checkSessions('export const onRequest = strongroom(sessions)', sessions)
  checkOptions('strongroom()', options, ['local', 'onError', 'streaming'])
  checkFunction('onError', 'strongroom()', options.onError)
  const { onError = (error: StrongroomError) => error.getResponse() } = options
  const local = localOption(options.local)
  const where = `Astro.locals.${local}`
  const pendingSession = pendingSessions(where, sessions)
  const streaming = booleanOption('Option "streaming" of strongroom()', options.streaming, true)
  warnOfResponses()
  const handling = handlingOf(sessions)
  const { requests } = handling
  const hasToken = ({ headers }: Request) => sentBy(sessions, headers) !== undefined

  return async function strongroom(context: AstroContext, next: () => Promise<Response>): Promise<Response> {
    const { request, locals, isPrerendered } = context
    const own = sessions.ownRequests?.fetch(request)
    if (own) return own
    // Mounted twice, or a rewrite, which runs the middleware again with another request.
    const outer = handling.outer()
    if (outer?.locals === locals) {
      handling.remember(context, outer)
      return sessions.within(context, next)
    }
    // For its error page, Astro runs the middleware again with the request and the locals of the page that has failed.
    if (requests.get(locals) === request) return sessions.within(context, next)
    const visit = sessions.open(isPrerendered ? NO_VISITOR : request.headers)
    // Not its locals, which come first here, and know no address.
    visit.frameworkRequest = context
    if (requests.has(locals) || !sessions.attach(locals, visit)) throw sharedLocals('Astro.locals')
    requests.set(locals, request)
    sessions.attach(request, visit, context)
    if (local) setLocal(where, { locals, local }, pendingSession(locals))
    if (isPrerendered) return sessions.within(context, next)
    handling.remember(context, { request, locals, visit })

    const save = async (response: Response) => {
      // A component may still ask, when it is too late for a header, and a cache must not send to others what it shows of this visitor.
      const mayBeUsed = streaming && isPage(response) && hasToken(request)
      const outcome = await visit.commit(statusOf(response))
      if (!outcome.used && !mayBeUsed) return response
      // Otherwise Astro adds headers for a CDN after this, which obeys them before Cache-Control, and would store our cookie.
      if (context.cache?.enabled) context.cache.set(false)
      return withOutcome(response, { ...outcome, used: true })
    }
    try {
      const made = await sessions.within(context, async () => {
        const response = await next()
        return streaming || !isPage(response) ? response : new Response(await response.arrayBuffer(), response)
      })
      return await save(withFailure(await withPublicMessage(made, visit.failure), visit.failure))
    } catch (error) {
      if (error instanceof StrongroomError) return save(await onError(error, context))
      // The page for this error is made by Astro. A logout that came before it is saved all the same.
      await commitLogout(visit)
      throw error
    }
  }
}

/**
 * Middleware that refuses requests which the page of another site may have made: `sequence(strongroom(sessions), csrf(sessions))`. What
 * Astro checks itself, by `security.checkOrigin`, are forms; this is for requests of every type. A token is looked for in a header, and
 * in a form of up to 1 MiB, which the page can read again. Throws `ConfigError` for what is not sessions, and for a wrong option.
 */
export function csrf<Data extends object>(sessions: BaseSessions<Data>, options: CsrfOptions = {}) {
  const check = csrfCheck('sequence(strongroom(sessions), csrf(sessions))', sessions, options)
  return async function csrf(context: AstroContext, next: () => Promise<Response>): Promise<Response> {
    if (!context.isPrerendered) await check(context, fetchFacts(context.request))
    return next()
  }
}

const isPage = ({ headers, body }: Response) => body !== null && /^text\/html\b/.test(headers.get('content-type') ?? '')
