import type {
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
} from 'fastify'
import type { Awaitable } from '../base/awaitable.ts'
import { booleanOption, checkOptions } from '../base/check.ts'
import { ConfigError, StrongroomError } from '../errors.ts'
import type { CsrfOptions } from '../http/csrf.ts'
import type { BaseSessions } from '../sessions.ts'
import { replyHeaders } from './fastify/headers.ts'
import { ownEvents } from './node/events.ts'
import { fieldOf, nodeFacts } from './node/facts.ts'
import { type Fail, respond } from './node/fail.ts'
import { hold } from './node/hold.ts'
import { checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'
import { dropBodyHeaders } from './shared/outcome.ts'
import { assigning, type PendingSession, pendingSessions } from './shared/pending-session.ts'

export type { CsrfOptions, PendingSession }

/**
 * The data of `request.session`. An application declares them once, in `declare module 'strongroom/fastify'`, and
 * `createSessions<SessionData>()` has them, too. Until then, `request.session` is there, and TypeScript does not know it.
 */
// biome-ignore lint/suspicious/noEmptyInterface: applications add to it
export interface SessionData {}

/** What the plugin adds to `FastifyRequest`. Nothing before the data are declared, so that it can be used beside @fastify/session. */
export type SessionDecoration = keyof SessionData extends never
  ? object
  : { readonly session: PendingSession<SessionData> }

declare module 'fastify' {
  interface FastifyRequest extends SessionDecoration {}
}

/** Options of the plugin for Fastify. */
export interface FastifyOptions {
  /**
   * Adds `request.session`. With false, `sessions.get(request)` is the only way to the session, as needed for a second
   * `createSessions`, and beside a plugin that has a `request.session` of its own. Default true.
   */
  readonly decorate?: boolean | undefined
}

const EXAMPLE = 'app.register(strongroom(sessions))'
const OF_REGISTER = ['prefix', 'logLevel', 'logSerializers']

/**
 * A plugin for Fastify 5. After it, `await request.session` and `await sessions.get(request)` are the request's session, in the instance
 * that it is registered on, and in all plugins that are registered there later. An error while the session is saved reaches
 * `setErrorHandler`, and without one the visitor gets the status of the error. Once a reply was hijacked, the visitor gets that status and
 * a line of plain text. In the handler of a WebSocket, the session is read-only. Throws `ConfigError` for what is not sessions, and for a
 * wrong option; when it is registered, for a `request.session` that is taken.
 */
export function strongroom<Data extends SessionData>(
  sessions: BaseSessions<Data>,
  options?: FastifyOptions,
): FastifyPluginAsync
export function strongroom<Data extends object>(
  sessions: BaseSessions<Data>,
  options: FastifyOptions & { readonly decorate: false },
): FastifyPluginAsync
export function strongroom<Data extends object>(
  sessions: BaseSessions<Data>,
  options: FastifyOptions = {},
): FastifyPluginAsync {
  checkSessions(EXAMPLE, sessions)
  checkOptions('strongroom()', options, ['decorate'])
  const decorates = booleanOption('Option "decorate" of strongroom()', options.decorate, true)
  const pendingSession = pendingSessions('request.session', sessions)
  // An error of one that is not async would not reach `await app.ready()`.
  async function strongroom(app: FastifyInstance, given: object): Promise<void> {
    checkOptions(EXAMPLE, given, OF_REGISTER, { decorate: 'Write app.register(strongroom(sessions, { decorate })).' })
    if (decorates && !isDecorated(app, sessions))
      app.decorateRequest('session', {
        getter: function (this: FastifyRequest) {
          return pendingSession(this)
        } as never,
        setter: assigning('request.session'),
      })
    app.addHook('onRequest', function strongroom(request, reply, done) {
      if (sessions.ownRequests?.node(request.raw, reply.raw)) return void reply.hijack()
      attach(sessions, request, reply)
      ownEvents(sessions, request, request.raw, reply.raw)
      sessions.within(request, done)
    })
    app.addHook('onError', rememberError)
    app.addHook('onSend', hideMessage)
  }
  return Object.assign(strongroom, PLUGIN)
}

/** What fastify-plugin would add: the plugin is for the instance that it is registered on, and not for a scope of its own. */
const PLUGIN = {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'strongroom',
  [Symbol.for('plugin-meta')]: { name: 'strongroom', fastify: '5.x' },
}

/** Whose `request.session` it is, in an instance and in what is registered there. */
const OWNER = Symbol('strongroom sessions')

function isDecorated(app: FastifyInstance, sessions: object): boolean {
  const { [OWNER]: owner } = app as { [OWNER]?: object }
  if (owner === sessions) return true
  if (owner !== undefined || app.hasRequestDecorator('session'))
    throw new ConfigError(
      `request.session is taken already, by ${owner ? 'other sessions' : 'another plugin, such as @fastify/session'}. Write app.register(strongroom(sessions, { decorate: false })), and sessions.get(request) instead of request.session.`,
    )
  app.decorate(OWNER, sessions)
  return false
}

function attach<Data extends object>(sessions: BaseSessions<Data>, request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request
  const begin = hold<Data>(reply.raw, failWith(reply))
  const open = () => {
    const visit = sessions.open(raw.headers)
    if (!isSocket(request)) return begin(visit)
    // No response carries a cookie. A change throws, because nothing would save it; what is wrong is said to whom asks.
    visit.read().catch(() => undefined)
    return visit
  }
  // False where the plugin was registered around this one, too. That commits, and here nothing is held.
  sessions.attach(request, open, raw)
}

/** A WebSocket's upgrade that @fastify/websocket has sent through the hooks; null until its own hook has run. */
function isSocket(request: FastifyRequest): boolean {
  const { ws } = request as { ws?: boolean | null }
  return ws === true || (ws === null && request.raw.headers.upgrade !== undefined)
}

const ERROR = Symbol('strongroom error')
type Reply = FastifyReply & { [ERROR]?: Error }

function rememberError(_request: FastifyRequest, reply: Reply, error: Error, done: () => void): void {
  reply[ERROR] = error
  done()
}

/**
 * Fastify's own error handler sends the message of every error, and that of a store that is down names hosts and ports. No hook can
 * replace an error, so this replaces what is sent.
 */
function hideMessage(_request: FastifyRequest, reply: Reply, payload: unknown, done: OnSendDone): void {
  const error = reply[ERROR]
  if (error instanceof StrongroomError && typeof payload === 'string') done(null, withPublicMessage(payload, error))
  else done()
}

type OnSendDone = (error?: null, payload?: string) => void

function withPublicMessage(page: string, { message, publicMessage, code }: StrongroomError): string {
  if (message === publicMessage || message === '') return page
  // Where its message is nobody's business, the code, which names the store, is none either.
  const shown = page.replace(`"code":"${code}",`, '')
  return shown.replaceAll(inJson(message), inJson(publicMessage)).replaceAll(message, publicMessage)
}

const inJson = (text: string) => JSON.stringify(text).slice(1, -1)

/** An error of the save is the error of this reply, while nothing has been sent. */
const failWith =
  (reply: Reply): Fail =>
  (error, response) => {
    // Fastify sends nothing for a hijacked reply. What was to be sent may be an error page: then its error handler has had its turn.
    if (reply.sent || response.headersSent || reply[ERROR]) return respond(error, response)
    try {
      dropBodyHeaders(replyHeaders(reply))
      reply.send(error)
    } catch (second) {
      respond(second, response)
    }
  }

/**
 * A hook that refuses requests which the page of another site may have made: a `CsrfError` (403) reaches `setErrorHandler`. Belongs in
 * `preHandler` or `preValidation`, where the body has been parsed, after `strongroom(sessions)`. A token is looked for in a header, and
 * in `request.body`. Throws `ConfigError` for what is not sessions, and for a wrong option.
 */
export function csrf<Data extends object>(sessions: BaseSessions<Data>, options: CsrfOptions = {}) {
  const check = csrfCheck("app.addHook('preHandler', csrf(sessions))", sessions, options)
  return function csrf(request: FastifyRequest, _reply: FastifyReply, done: HookHandlerDoneFunction): Awaitable<void> {
    if (!request.raw)
      throw new ConfigError("csrf(sessions) is a hook, and no plugin: write app.addHook('preHandler', csrf(sessions)).")
    const facts = nodeFacts(request.raw, (name) => fieldOf(request.body, name))
    return check(request, facts) ?? done()
  }
}
