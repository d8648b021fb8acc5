import type { AbstractHttpAdapter } from '@nestjs/core'
import { ConfigError } from '../../errors.ts'
import type { CsrfOptions } from '../../http/csrf.ts'
import type { BaseSessions } from '../../sessions.ts'
import { csrf } from '../express.ts'
import { type Reply, replyHeaders } from '../fastify/headers.ts'
import { ownEvents } from '../node/events.ts'
import { handle, type Next, type NodeRequest, respond } from '../node/fail.ts'
import { hold, type NodeResponse } from '../node/hold.ts'
import { dropBodyHeaders } from '../shared/outcome.ts'
import { exceptionOf } from './exception.ts'

/** What decorators and guards have instead of dependency injection: the sessions of a request. */
const SESSIONS = Symbol('strongroom sessions')
/** Under Fastify, by which an error that comes after the middleware gets to the application. */
const REPLY = Symbol('strongroom reply')

/** Node's request. Express has its current `next` on it. */
type Mounted = NodeRequest & { [SESSIONS]?: BaseSessions<object>; [REPLY]?: FastifyReply; next?: Next }

/** What is needed of Fastify's. */
interface FastifyRequest {
  readonly raw: Mounted
}

interface FastifyReply extends Reply {
  readonly raw: NodeResponse
  readonly sent: boolean
  send(payload: unknown): unknown
  hijack(): unknown
}

interface FastifyInstance {
  readonly use?: unknown
  addHook(
    name: 'onRequest' | 'preValidation',
    hook: (request: FastifyRequest, reply: FastifyReply, done: Next) => void,
  ): unknown
}

/** The sessions of a request, Node's or Fastify's; undefined for one that `mount` has not seen. */
export function sessionsOf(request: object): BaseSessions<object> | undefined {
  const { [SESSIONS]: sessions, raw } = request as Mounted & Partial<FastifyRequest>
  // An application on Express may have a `raw` of its own, such as the bytes of the body.
  return sessions ?? raw?.[SESSIONS]
}

const mounted = new WeakMap<object, object>()

/**
 * Gives each request of an application its session. Before all middleware of Nest, and whatever prefixes and versions its routes have:
 * `consumer.apply()` would leave out what is outside of the global prefix. Throws `ConfigError` for a second `createSessions`.
 */
export function mount<Data extends object>(
  adapter: AbstractHttpAdapter,
  sessions: BaseSessions<Data>,
  protection: CsrfOptions | null,
): void {
  const before = mounted.get(adapter)
  if (before !== undefined && before !== sessions)
    throw new ConfigError(
      'StrongroomModule has been imported twice, with two different createSessions(), and its decorators could not tell them apart. Import it once. For the others, use app.use(strongroom(sessions)) of strongroom/express and sessions.get(request).',
    )
  mounted.set(adapter, sessions)
  if (adapter.getType() === 'fastify') mountOnFastify(adapter, sessions, protection)
  else {
    adapter.use(middlewareOf(sessions))
    if (protection) adapter.use(csrfOf(sessions, protection))
  }
}

function mountOnFastify<Data extends object>(
  adapter: AbstractHttpAdapter,
  sessions: BaseSessions<Data>,
  protection: CsrfOptions | null,
): void {
  const instance: FastifyInstance = adapter.getInstance()
  // With the option skipMiddie, there is none.
  if (instance.use) adapter.use(middlewareOf(sessions))
  instance.addHook('onRequest', (request, reply, done) => {
    // With skipMiddie, there is no middleware that has responded already.
    if (!instance.use && sessions.ownRequests?.node(request.raw, reply.raw)) return void reply.hijack()
    if (!request.raw[SESSIONS]) begin(sessions, request.raw, reply.raw)
    request.raw[REPLY] = reply
    // Begun already: the request of Fastify, which handlers get, and which knows its proxies, becomes another name of Node's.
    sessions.attach(request, begun, request.raw)
    sessions.within(request, done)
  })
  if (!protection) return
  const check = csrfOf(sessions, protection)
  // A body has been parsed by then, and neither a guard nor a handler has run.
  instance.addHook('preValidation', (request, reply, done) => check(request as never, reply, done))
}

function begun(): never {
  throw new Error('This request has no session, although strongroom has seen it.')
}

const middlewareOf = <Data extends object>(sessions: BaseSessions<Data>) =>
  function strongroom(request: NodeRequest, response: NodeResponse, next: Next): void {
    if (sessions.ownRequests?.node(request, response)) return
    begin(sessions, request, response)
    sessions.within(request, next)
  }

function begin<Data extends object>(sessions: BaseSessions<Data>, request: Mounted, response: NodeResponse): void {
  const withVisit = hold<Data>(response, failLate)
  sessions.attach(request, () => withVisit(sessions.open(request.headers)))
  ownEvents(sessions, request, request, response)
  request[SESSIONS] = sessions as unknown as BaseSessions<object>
}

function csrfOf<Data extends object>(sessions: BaseSessions<Data>, options: CsrfOptions) {
  const check = csrf(sessions, options)
  return function checkCsrf(request: Parameters<typeof check>[0], response: unknown, next: Next): void {
    check(request, response, (error) => (error ? next(exceptionOf(error) as Error) : next()))
  }
}

/** Of the save. It goes the way of all errors in Nest: through the exception filters of the application. */
function failLate(error: unknown, response: NodeResponse): void {
  void handle(passOn, error, response.req as Mounted, response)
}

function passOn(error: unknown, { [REPLY]: reply, next }: Mounted, response: NodeResponse): void {
  // A reply that was hijacked does not send anything.
  if (reply && !reply.sent) {
    dropBodyHeaders(replyHeaders(reply))
    reply.send(exceptionOf(error))
  } else if (next) next(exceptionOf(error) as Error)
  else respond(error, response)
}
