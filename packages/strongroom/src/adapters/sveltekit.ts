import { isBuilding } from '../base/building.ts'
import { checkOptions } from '../base/check.ts'
import { warnOfResponses } from '../base/unhandled.ts'
import { StrongroomError } from '../errors.ts'
import { partsOf } from '../http/cookie.ts'
import type { CsrfOptions } from '../http/csrf.ts'
import type { Outcome } from '../request/visit.ts'
import type { BaseSessions } from '../sessions.ts'
import { checkFunction, checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'
import { commitLogout } from './shared/failure.ts'
import { fetchFacts } from './shared/fetch-facts.ts'
import { type Handled, handlingOf } from './shared/handling.ts'
import { type LocalOptions, localOption, setLocal, sharedLocals } from './shared/local.ts'
import { noVisitor } from './shared/no-visitor.ts'
import { statusOf } from './shared/outcome.ts'
import { type PendingSession, pendingSessions } from './shared/pending-session.ts'
import { withFailure, withOutcome } from './shared/response.ts'
import { sentBy } from './shared/sent.ts'
import { type Asked, isEnhanced, shownStatus } from './sveltekit/shown-status.ts'

export type { CsrfOptions, PendingSession }

/** What is used of SvelteKit's `RequestEvent`, whose type depends on the application. */
export interface KitEvent extends Asked {
  readonly locals: object
  readonly isSubRequest: boolean
  readonly cookies: KitCookies
}

interface KitCookies {
  set(name: string, value: string, options: { path: string; encode: (value: string) => string }): void
}

/** What SvelteKit calls `handle` with. */
export interface HandleInput<Event> {
  readonly event: Event
  readonly resolve: (event: Event) => Promise<Response> | Response
}

/** Options of the `handle` for SvelteKit. */
export interface SvelteKitOptions extends LocalOptions {
  /**
   * Makes the response when the session could not be saved, and for what a later hook throws of this library. By default: the error's
   * status, and its public message as plain text, or as JSON for SvelteKit's own client. What it throws goes to `handleError`.
   */
  readonly onError?: ((error: StrongroomError, event: KitEvent) => Response | Promise<Response>) | undefined
}

const NO_VISITOR = noVisitor(
  "Remove `export const prerender = true` from that page or from its layout, or move what needs the session to a +server.ts that the page's scripts fetch.",
)

/**
 * The hook `handle` for SvelteKit, alone or in `sequence`. After it, `await event.locals.session` is the request's session, and so is
 * `await sessions.get(event)`. It is saved when SvelteKit has made its response, before the first byte. A request that the application
 * makes to itself with `event.fetch` has the session of the request that it is made for. Throws `ConfigError` for what is not sessions,
 * and for a wrong option.
 */
export function strongroom<Data extends object>(sessions: BaseSessions<Data>, options: SvelteKitOptions = {}) {
  checkSessions('export const handle = strongroom(sessions)', sessions)
  checkOptions('strongroom()', options, ['local', 'onError'])
  checkFunction('onError', 'strongroom()', options.onError)
  const { onError = respond } = options
  const local = localOption(options.local)
  const where = `event.locals.${local}`
  const pendingSession = pendingSessions(where, sessions)
  warnOfResponses()
  const handling = handlingOf(sessions)
  const sentIn = ({ headers }: Request) => sentBy(sessions, headers)
  /** Is this the request of the outer hook, or made by it for the same visitor? Without the token, it is made for somebody else. */
  const isOf = (outer: Handled<Data>, { request, locals, isSubRequest }: KitEvent) =>
    outer.locals === locals || (isSubRequest && sentIn(outer.request) === sentIn(request))

  return async function strongroom<Event extends KitEvent>({ event, resolve }: HandleInput<Event>): Promise<Response> {
    const { request, locals, isSubRequest } = event
    const own = sessions.ownRequests?.fetch(request)
    if (own) return own
    const outer = handling.outer()
    const isInner = outer !== undefined && isOf(outer, event)
    if (isInner) handling.remember(event, outer)
    const visit = isInner ? outer.visit : sessions.open(isBuilding() ? NO_VISITOR : request.headers)
    // What `event.fetch` was called with may be sent again, for another visitor.
    const isNew = sessions.attach(event, visit, isSubRequest ? undefined : request)
    if (outer?.locals === locals) return sessions.within(event, resolve, event)
    if (!sessions.attach(locals, visit) || !isNew) throw sharedLocals('event.locals')
    if (local) setLocal(where, { locals, local }, pendingSession(event))
    // The outer request commits the one visit of both.
    if (isInner || isBuilding()) return sessions.within(event, resolve, event)

    handling.remember(event, { request, locals, visit })
    const save = async (response: Response, status: number) => withOutcome(response, await visit.commit(status))
    try {
      const made = await sessions.within(event, async () => {
        try {
          return await resolve(event)
        } catch (error) {
          if (!isRedirect(error)) throw error
          // SvelteKit would make a response of it in which there are cookies alone, and other headers would be lost.
          if (sessions.policy.transport === 'bearer') return redirectOf(error)
          const outcome = await visit.commit(error.status)
          if (outcome.clearSiteData || outcome.headers) return redirectOf(error)
          setCookies(event.cookies, outcome)
          throw error
        }
      })
      // SvelteKit has a 500 for whatever a handler throws, unless `handleError` says otherwise.
      const response = withFailure(made, visit.failure)
      return await save(response, visit.wasRequested ? await shownStatus(event, response) : statusOf(response))
    } catch (error) {
      if (error instanceof StrongroomError) {
        const response = await onError(error, event)
        return save(response, statusOf(response))
      }
      // The page for this error is made by SvelteKit. A logout that came before it is saved all the same.
      await commitLogout(visit)
      throw error
    }
  }
}

/**
 * A hook that refuses requests which the page of another site may have made: `sequence(strongroom(sessions), csrf(sessions))`. What
 * SvelteKit checks itself are forms and remote functions; this is for requests of every type. A token is looked for in a header, and in
 * a form of up to 1 MiB, which the action can read again. Throws `ConfigError` for what is not sessions, and for a wrong option.
 */
export function csrf<Data extends object>(sessions: BaseSessions<Data>, options: CsrfOptions = {}) {
  const check = csrfCheck('sequence(strongroom(sessions), csrf(sessions))', sessions, options)
  return async function csrf<Event extends KitEvent>({ event, resolve }: HandleInput<Event>): Promise<Response> {
    // One that `event.fetch` makes is not a browser's.
    if (!event.isSubRequest) await check(event, fetchFacts(event.request))
    return resolve(event)
  }
}

function respond(error: StrongroomError, event: KitEvent): Response {
  const { request, isDataRequest, isRemoteRequest } = event
  const response = error.getResponse()
  const { status, publicMessage: message } = error
  // Version 2 reads the status beside the error.
  if (isRemoteRequest || isEnhanced(event))
    return Response.json({ type: 'error', status, error: { status, message } }, { status })
  const isJson = isDataRequest || /\bapplication\/json\b/.test(request.headers.get('accept') ?? '')
  return isJson ? Response.json({ status, message }, { status }) : response
}

interface Redirect {
  readonly status: number
  readonly location: string
}

const redirectOf = ({ status, location }: Redirect) => new Response(null, { status, headers: { location } })

/** What `redirect()` throws in a hook. Its class is SvelteKit's own, of which a bundle has another copy. */
function isRedirect(error: unknown): error is Redirect {
  const { status, location } = (error ?? {}) as { readonly status?: unknown; readonly location?: unknown }
  return typeof status === 'number' && status >= 300 && status <= 308 && typeof location === 'string'
}

/** SvelteKit makes the response of such a redirect, with the cookies that it knows. */
function setCookies(cookies: KitCookies, { clearCookies = [], setCookie }: Outcome): void {
  for (const line of setCookie === null ? clearCookies : [...clearCookies, setCookie]) {
    const { name, value = '', path = '/', ...attributes } = partsOf(line)
    cookies.set(name, value, { ...attributes, path, encode: (value) => value })
  }
}
