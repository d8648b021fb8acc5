import type { AnyElysia, Elysia } from 'elysia'
import { warnUnhandled } from '../base/unhandled.ts'
import { NotAttachedError, StrongroomError } from '../errors.ts'
import type { CsrfOptions } from '../http/csrf.ts'
import type { Outcome } from '../request/visit.ts'
import type { Session } from '../session/session.ts'
import type { BaseSessions } from '../sessions.ts'
import { checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'
import { commitLogout } from './shared/failure.ts'
import { fetchFacts } from './shared/fetch-facts.ts'
import { statusOf } from './shared/outcome.ts'
import { type PendingSession, pendingSessions } from './shared/pending-session.ts'
import { withOutcome } from './shared/response.ts'

export type { CsrfOptions, PendingSession }

type Nothing = Record<never, never>

/** An application that has `session` in the context of its handlers. */
export type WithSession<Data extends object> = Elysia<
  '',
  { decorator: Nothing; store: Nothing; derive: { readonly session: PendingSession<Data> }; resolve: Nothing }
>

type Fetch = (request: Request) => Response | Promise<Response>

/**
 * A plugin for Elysia: `app.use(strongroom(sessions))`. In the handlers after it, `const session = await context.session` is the
 * request's session; so is `await sessions.get(request)`. The session is saved when the response is made, whatever made it, and before its
 * first byte. An error of the save reaches `app.onError`, with its `code`. At the upgrade to a WebSocket, the session is read-only. Throws
 * `ConfigError` for what is not sessions.
 */
export function strongroom<Data extends object>(sessions: BaseSessions<Data>) {
  checkSessions('app.use(strongroom(sessions))', sessions)
  /** Upgrades whose session was asked for. */
  const asked = new WeakSet<Request>()
  const pending = pendingSessions<Data>('session', {
    get(request) {
      if (isUpgrade(request as Request)) asked.add(request as Request)
      return load(sessions, request as Request)
    },
  })
  const readOnly: Outcome = {
    setCookie: null,
    used: true,
    vary: sessions.policy.transport === 'bearer' ? 'Authorization' : undefined,
  }
  /** Errors of requests whose response was made already. */
  const late = new WeakMap<Request, StrongroomError>()

  function around(fetch: Fetch): Fetch {
    return async function strongroom(request) {
      const own = sessions.ownRequests?.fetch(request)
      if (own) return own
      // Without a response, there is nothing to save with.
      if (isUpgrade(request)) {
        const response = await fetch(request)
        // Anyone may ask any page for an upgrade. What is sent all the same differs by its cookie or token.
        return asked.has(request) && response?.status >= 200 ? withOutcome(response, readOnly) : response
      }
      const visit = sessions.open(request.headers)
      // On an application and on one that it uses, or within withSessions() of strongroom/fetch: the outer one commits.
      if (!sessions.attach(request, visit)) return fetch(request)
      let response: Response
      try {
        response = await sessions.within(request, fetch, request)
      } catch (error) {
        // An error handler has failed. A logout that came before it is saved all the same.
        await commitLogout(visit)
        throw error
      }
      try {
        return withOutcome(response, await visit.commit(statusOf(response)))
      } catch (error) {
        if (!(error instanceof StrongroomError)) throw error
        late.set(request, error)
        const page = await sessions.within(request, fetch, request)
        // A hook before ours has responded, perhaps with what it had kept of the first response, which was never sent.
        const isOfOthers = late.delete(request)
        if (isOfOthers) warnUnhandled(error)
        return withOutcome(isOfOthers ? error.getResponse() : page, await visit.commit(500))
      }
    }
  }
  // By its text, Elysia takes the same function of two sessions for one, and drops the second.
  const id = String(idOf(sessions))
  around.toString = () => 'strongroom '.concat(id)

  return (app: AnyElysia): WithSession<Data> => {
    app.wrap(around as never)
    app.onRequest(({ request }) => {
      const error = late.get(request)
      if (!error) return
      late.delete(request)
      if (!app.event.error?.length) warnUnhandled(error)
      throw forVisitors(error)
    })
    return app.derive({ as: 'global' }, ({ request }) => ({
      session: pending(request),
    })) as unknown as WithSession<Data>
  }
}

/**
 * A plugin that refuses requests which the page of another site may have made: `CsrfError` (403) reaches `app.onError`. Belongs after
 * `strongroom(sessions)`, and before what reads a body. A token is looked for in a header, and in a form of up to 1 MiB, which the handler
 * can read again. Throws `ConfigError` for what is not sessions, and for a wrong option.
 */
export function csrf<Data extends object>(sessions: BaseSessions<Data>, options: CsrfOptions = {}) {
  const check = csrfCheck('app.use(csrf(sessions))', sessions, options)
  return <App extends AnyElysia>(app: App): App => {
    app.onRequest(async ({ request }) => {
      try {
        await check(request, fetchFacts(request))
      } catch (error) {
        throw forVisitors(error)
      }
    })
    return app
  }
}

async function load<Data extends object>(sessions: BaseSessions<Data>, request: Request): Promise<Session<Data>> {
  try {
    return await (isUpgrade(request) ? sessions.read(request) : sessions.get(request))
  } catch (error) {
    throw error instanceof NotAttachedError ? new NotAttachedError(UNWRAPPED) : forVisitors(error)
  }
}

const UNWRAPPED =
  'With aot: false, Elysia does not let a plugin see its responses. Serve withSessions(sessions, app.fetch) of strongroom/fetch instead of app.fetch: session is there then, too.'

const isUpgrade = ({ method, headers }: Request): boolean =>
  method === 'GET' && headers.get('upgrade')?.toLowerCase() === 'websocket'

/** With what a visitor may read as its message: without an `onError`, Elysia sends that. The error itself is the `cause`. */
function forVisitors(error: unknown): unknown {
  if (!(error instanceof StrongroomError) || error.expose) return error
  const shown = new Error(error.publicMessage, { cause: error })
  return Object.assign(Object.setPrototypeOf(shown, Object.getPrototypeOf(error)), error)
}

const ids = new WeakMap<object, number>()
let lastId = 0

function idOf(sessions: object): number {
  const id = ids.get(sessions) ?? ++lastId
  ids.set(sessions, id)
  return id
}
