import type { Outcome, Visit } from '../../request/visit.ts'
import type { BaseSessions } from '../../sessions.ts'
import { ownEvents } from '../node/events.ts'
import { respond } from '../node/fail.ts'
import { hold } from '../node/hold.ts'
import { applyOutcome, type ResponseHeaders, statusOf } from '../shared/outcome.ts'
import { copyOf } from '../shared/response.ts'
import type { FetchEvent } from './event.ts'
import { statusOfThrown } from './failure.ts'

/** What h3 2 hands on for a request that nobody has responded to. */
const NOT_FOUND = Symbol.for('h3.notFound')
/** By which h3 2 knows an `HTTPResponse`, whichever copy of h3 has made it. */
const HTTP_RESPONSE = Symbol.for('h3.HTTPResponse')

interface HttpResponse {
  readonly [HTTP_RESPONSE]: true
  readonly status?: number | undefined
  readonly statusText?: string | undefined
  readonly headers: Headers
  readonly body?: unknown
}

const isHttpResponse = (value: unknown): value is HttpResponse =>
  (Object(value) as Partial<HttpResponse>)[HTTP_RESPONSE] === true

/**
 * Runs the rest of an application of h3 2, and saves the session before the first byte. An error of the save is thrown, and reaches
 * `onError` of the application as any other.
 */
export async function runWith<Data extends object>(
  sessions: BaseSessions<Data>,
  event: FetchEvent,
  next: () => unknown,
): Promise<unknown> {
  const own = sessions.ownRequests?.fetch(event.req)
  if (own) return own
  const visit = sessions.open(event.req.headers)
  // On the application and on a route, or within withSessions() of strongroom/fetch: the outer one commits the one visit of this request.
  // The request and not its event: a cache of h3 or Nitro runs a handler with the event of the visitor who happens to come first, and with
  // a request that has nothing of this visitor. What h3 wraps a request in, to limit its body, still has its properties.
  if (!sessions.attach(event.req, visit)) return next()
  // What handlers have, all the same.
  visit.frameworkRequest = event
  const { req, res: node } = event.runtime?.node ?? {}
  // On Node, the headers are added to what is sent in the end: by a Node handler, or by an onError that makes a Response of its own.
  if (node) {
    hold<Data>(node, respond)(visit)
    ownEvents(sessions, event, req, node)
  }
  let value: unknown
  try {
    // The event and not its request: while a cache has put another request there, nobody is visiting, and current() is refused.
    value = await sessions.within(event, next)
  } catch (error) {
    if (!node) await commitError(visit, event, error)
    throw error
  }
  // Before the session is saved: a value that cannot be sent becomes a 500, which saves nothing.
  if (visit.wasRequested) value = encoded(value, event)
  const outcome = await visit.commit(statusOfValue(value, event))
  return node ? value : withOutcome(value, event, outcome)
}

/** Off Node, h3 makes the response, of the value and of the headers of its event. */
function withOutcome(value: unknown, { res }: FetchEvent, outcome: Outcome): unknown {
  // What stands for the upgrade to a WebSocket is not sent, and what stands for a connection that failed has no headers.
  if (!outcome.used || (value instanceof Response && ('crossws' in value || value.status === 0))) return value
  if (value instanceof Response) {
    // A copy, because the headers of a redirect cannot be changed, and an application may return one response to all of its visitors.
    const copy = copyOf(value)
    // To a response of 400 or above, h3 adds the second.
    if (copy.status >= 400) applyOutcome(outcome, new HeadersOfAll([res.errHeaders, copy.headers]))
    else applyBoth(outcome, new HeadersOfAll([copy.headers, res.headers]), res)
    return copy
  }
  if (isHttpResponse(value)) {
    const { status, statusText, headers, body } = value
    const copy: HttpResponse = { [HTTP_RESPONSE]: true, status, statusText, headers: new Headers(headers), body }
    applyBoth(outcome, new HeadersOfAll([copy.headers, res.headers]), res)
    return copy
  }
  applyBoth(outcome, new HeadersOfAll([res.headers]), res)
  return value
}

/** One for what is sent now, and one for h3's page for an error, which a middleware around this one may still throw: never both. */
function applyBoth(outcome: Outcome, headers: ResponseHeaders, { errHeaders }: FetchEvent['res']): void {
  applyOutcome(outcome, new HeadersOfAll([errHeaders]))
  applyOutcome(outcome, headers)
}

/** With a page that shows an error. If even that fails, the error that came first is the one to report. */
async function commitError(visit: Pick<Visit<object>, 'commit'>, event: FetchEvent, error: unknown): Promise<void> {
  try {
    withOutcome(error, event, await visit.commit(statusOfThrown(error)))
  } catch {}
}

/** What h3 would make of it later, when it is too late for an error. */
function encoded(value: unknown, { res }: FetchEvent): unknown {
  if (typeof value !== 'object' || value === null) return value
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null && !Array.isArray(value)) return value
  const text = JSON.stringify(value)
  if (!res.headers.has('content-type')) res.headers.set('content-type', 'application/json;charset=UTF-8')
  return text
}

function statusOfValue(value: unknown, { res }: FetchEvent): number {
  if (value === NOT_FOUND) return 404
  if (value instanceof Response) return statusOf(value)
  if (value instanceof Error) return statusOfThrown(value)
  return (isHttpResponse(value) && value.status) || res.status || 200
}

/** Headers that h3 will merge into one response; of a name in several, the last counts. */
class HeadersOfAll implements ResponseHeaders {
  readonly #all: readonly Headers[]

  constructor(all: readonly Headers[]) {
    this.#all = all
  }

  get(name: string): string | undefined {
    return this.#all.findLast((headers) => headers.has(name))?.get(name) ?? undefined
  }

  set(name: string, value: string): void {
    for (const [index, headers] of this.#all.entries()) if (index === 0 || headers.has(name)) headers.set(name, value)
  }

  append(name: string, value: string): void {
    this.#all[0]?.append(name, value)
  }

  delete(name: string): void {
    for (const headers of this.#all) headers.delete(name)
  }

  names(): string[] {
    return this.#all.flatMap((headers) => [...headers.keys()])
  }
}
