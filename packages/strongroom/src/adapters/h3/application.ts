import type { ServerResponse } from 'node:http'
import { NotAttachedError } from '../../errors.ts'
import type { Visit } from '../../request/visit.ts'
import type { BaseSessions } from '../../sessions.ts'
import { ownEvents } from '../node/events.ts'
import { respond } from '../node/fail.ts'
import { NodeHeaders } from '../node/head.ts'
import { hold } from '../node/hold.ts'
import { applyOutcome, dropBodyHeaders } from '../shared/outcome.ts'
import type { NodeEvent } from './event.ts'
import { H3Failure, statusOfError } from './failure.ts'

/** An application of h3 1, as far as it matters here. */
export interface H3App {
  handler: (event: never) => unknown
  readonly options: {
    onError?: ((error: never, event: never) => unknown) | undefined
    onBeforeResponse?: ((event: never, response: never) => unknown) | undefined
  }
}

type Handler = (event: NodeEvent) => unknown

/**
 * Has an application of h3 1 open and save the session of each of its requests. Around its handler, because a middleware of h3 1 cannot wait
 * for the response of those after it.
 */
export function attachToApp<Data extends object>(sessions: BaseSessions<Data>, app: H3App): void {
  const appHandler = app.handler as Handler
  const handler: Handler = (event) => sessions.within(standInFor(event), appHandler, event)
  const { onBeforeResponse } = app.options as { onBeforeResponse?: (event: NodeEvent, response: Body) => unknown }
  /** On the context, because that of the outer event is what an inner request has of it: see `outerOf`. */
  const slot = Symbol('strongroom visit')
  type Context = { [slot]?: Shared<Data> }
  const sentOf = ({ headers }: NodeEvent['node']['req']) =>
    sessions.policy.transport === 'bearer' ? headers.authorization : headers.cookie

  /**
   * What a page requests of its own server while it is rendered, by `event.$fetch`, `useFetch` or `useRequestFetch`, is a part of its
   * request: it has the same session, which the page saves. Only with the same cookie or token; and not for a page that is cached for
   * everybody, on whose context Nitro says so: it has no cookie, as somebody who comes for the first time.
   */
  const outerOf = ({ node: { req } }: NodeEvent): Shared<Data> | undefined => {
    const { [slot]: shared, cache } = Object((req as { __unenv__?: unknown }).__unenv__) as Context & {
      cache?: unknown
    }
    return shared && cache === undefined && shared.sent === sentOf(req) ? shared : undefined
  }

  /** Has the properties by which h3 finds WebSockets in an application within another one. */
  app.handler = Object.assign(async function strongroom(event: NodeEvent) {
    const { req, res } = event.node
    const own = sessions.ownRequests?.node(req, res)
    if (own) return own
    const shared = outerOf(event) ?? { visit: sessions.open(req.headers), sent: sentOf(req), event }
    // Two plugins, or one application within another: the outer one commits.
    if (!sessions.attach(event, shared.visit)) return handler(event)
    ;(event.context as Context)[slot] = shared
    if (shared.event !== event) return handler(event)
    if (isBuffered(res)) return runBuffered(handler, event, shared.visit)
    hold<Data>(res, (error, _response, ended) => void failHeld(app, event, error, ended))(shared.visit)
    ownEvents(sessions, event, req, res)
    return handler(event)
  }, appHandler)

  app.options.onBeforeResponse = async (event: NodeEvent, response: Body) => {
    await onBeforeResponse?.(event, response)
    const shared = (event.context as Context)[slot]
    if (shared?.event !== event || !isStream(response.body)) return
    try {
      // Before the first chunk: an error that comes with it would find h3 in the middle of the stream.
      await shared.visit.commit(response.body instanceof Response ? response.body.status : event.node.res.statusCode)
    } catch (error) {
      response.body = new H3Failure(error)
    }
  }
}

interface Body {
  body?: unknown
}

interface Shared<Data extends object> {
  readonly visit: Visit<Data>
  readonly sent: string | undefined
  /** The one that commits. */
  readonly event: NodeEvent
}

/**
 * What `current()` finds the session by. Not the event: while Nitro makes a page that is cached for everybody, this code still belongs to the
 * request of the visitor who happens to come first, whose session must not be in that page. Its context says so then.
 */
const standInFor = (event: NodeEvent): object => ({
  get locals(): NodeEvent {
    if ((event.context as { cache?: unknown }).cache === undefined) return event
    throw new NotAttachedError(CACHED)
  },
})

const CACHED =
  'sessions.current() was called in a cached handler. What that makes is sent to everybody, so nobody is visiting: take what needs the session out of it.'

const isStream = (body: unknown) =>
  body instanceof Response
    ? body.body !== null
    : typeof body === 'object' && body !== null && ('pipe' in body || 'pipeTo' in body)

/**
 * The response of a request that did not come over a connection: on platforms that are not Node's, in toWebHandler(), and for a page that
 * Nitro requests of itself. Its host takes it when the handler is done.
 */
const isBuffered = (response: ServerResponse): boolean => '__unenv__' in response

async function runBuffered(handler: Handler, event: NodeEvent, visit: Pick<Visit<object>, 'commit'>): Promise<void> {
  const headers = new NodeHeaders(event.node.res)
  try {
    await handler(event)
  } catch (error) {
    // If even that fails, the error that came first is the one to report.
    await commitBuffered(visit, statusOfError(error), headers).catch(() => undefined)
    throw error
  }
  try {
    await commitBuffered(visit, event.node.res.statusCode, headers)
  } catch (error) {
    takeBack(event)
    dropBodyHeaders(headers)
    // The error page also sends the cookie of what an earlier save() has stored.
    await commitBuffered(visit, 500, headers).catch(() => undefined)
    throw new H3Failure(error)
  }
}

async function commitBuffered(
  visit: Pick<Visit<object>, 'commit'>,
  status: number,
  headers: NodeHeaders,
): Promise<void> {
  applyOutcome(await visit.commit(status), headers)
}

/** Makes a buffered response one that has not begun. */
function takeBack(event: NodeEvent): void {
  Object.assign(event.node.res, { _data: undefined, headersSent: false, writableEnded: false, writableFinished: false })
  Object.assign(event, { _handled: false })
}

/**
 * The error page of the application, instead of a response that the handler has ended. Its event is another one: for its own, h3 must
 * believe that it is handled, or it would go on to the next handler, past a middleware that has redirected the visitor.
 */
async function failHeld(app: H3App, event: NodeEvent, error: unknown, ended: boolean): Promise<void> {
  const { res } = event.node
  const onError = app.options.onError as ((error: H3Failure, event: NodeEvent) => unknown) | undefined
  Object.assign(event, { _handled: true })
  // A handler that is in the middle of its response would write into that page.
  if (!ended || !onError) return respond(error, res)
  const page: NodeEvent = Object.create(event, { _handled: { value: false, writable: true } })
  const failed = new H3Failure(error)
  res.statusCode = failed.statusCode
  try {
    await onError(failed, page)
  } catch {}
  if (!page.handled) respond(error, res)
}
