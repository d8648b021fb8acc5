import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/adapters/${file}.ts`
const errors = (file: string) => on('test/adapters/h3-errors.test.ts', source(file))
const thrown = (file: string) => on('test/adapters/h3-thrown.test.ts', source(file))
const form = on('test/adapters/h3-1.test.ts', source('h3/form'))
const elysia = on('test/adapters/elysia-mistakes.test.ts', source('elysia'))
const site = on('test/frameworks/elysia/site.test.ts', source('elysia'))

/** h3 in both versions, Nuxt, and Elysia. */
export const h3Mutations: readonly Mutation[] = [
  errors('h3/middleware')(
    'a value that cannot be sent, whose session h3 2 has saved',
    'if (visit.wasRequested) value = encoded(value, event)',
    'if (visit.isCommitted) value = encoded(value, event)',
  ),
  errors('h3/middleware')(
    'a response of h3 2 whose status does not count',
    'if (value instanceof Response) return statusOf(value)',
    'if (value instanceof Response && value.redirected) return statusOf(value)',
  ),
  errors('h3/middleware')(
    'an error that h3 2 sends without the cookie of a logout',
    'if (!node) await commitError(visit, event, error)',
    'if (!node && visit.isCommitted) await commitError(visit, event, error)',
  ),
  thrown('h3/middleware')(
    'a cookie that is lost with a page for what a middleware around ours throws',
    'applyOutcome(outcome, new HeadersOfAll([errHeaders]))',
    '',
  ),
  thrown('h3/failure')(
    'a session that is saved although its visitor sees a failure',
    'if (!(thrown instanceof Error)) return 500',
    'if (!(thrown instanceof Error)) return statusOfError(thrown)',
  ),
  errors('h3/middleware')(
    'a cookie that is lost with a handler for Node',
    'hold<Data>(node, respond)(visit)',
    'if (visit.isCommitted) hold<Data>(node, respond)(visit)',
  ),
  errors('h3/middleware')(
    'a header of h3 that lets a CDN store a cookie',
    'if (index === 0 || headers.has(name)) headers.set(name, value)',
    'if (index === 0) headers.set(name, value)',
  ),
  errors('h3/middleware')(
    'an HTTPResponse of h3 whose own Vary is replaced',
    'if (isHttpResponse(value)) {',
    'if (isHttpResponse(value) && outcome.noStore) {',
  ),
  errors('h3/middleware')(
    'a session of one visitor that a cache of h3 2 or Nitro 3 sends to everybody',
    'sessions.attach(event.req, visit)',
    'sessions.attach(event, visit, event.req)',
  ),
  errors('h3/application')(
    'a handler of h3 1 that runs although the response before it was refused',
    'Object.assign(event, { _handled: true })',
    'Object.assign(event, { _handled: false })',
  ),
  errors('h3/application')(
    'a stream of h3 1 that ends up in the response of the error',
    'if (!ended || !onError) return respond(error, res)',
    'if (!onError) return respond(error, res)',
  ),
  errors('h3/application')(
    'an error page of h3 1 that nobody is asked for',
    'if (!ended || !onError) return',
    'if (!ended || !onError || ended) return',
  ),
  errors('h3/application')(
    'a buffered response of h3 1 that is sent although its session was not saved',
    '    takeBack(event)\n',
    '',
  ),
  errors('h3/application')(
    'an error that h3 1 sends from a buffer, without its logout',
    'await commitBuffered(visit, statusOfError(error), headers).catch(() => undefined)',
    'statusOfError(error)',
  ),
  errors('h3/application')(
    'a stream of h3 1 that begins before its session is saved',
    'if (shared?.event !== event || !isStream(response.body)) return',
    'if (shared?.event !== event || isStream(response.body)) return',
  ),
  errors('h3/failure')(
    'an error that h3 1 takes for one of its own and does not log',
    'this.unhandled = this.statusCode >= 500',
    'this.unhandled = this.statusCode >= 600',
  ),
  form(
    'a form that csrf() has read, and the handler cannot',
    'event._requestBody = Buffer.concat(chunks)',
    'return Buffer.concat(chunks)',
  ),
  errors('h3/application')(
    'a page of Nuxt whose own requests have another session',
    'shared.sent === sentOf(req) ? shared',
    'shared.sent !== sentOf(req) ? shared',
  ),
  errors('h3/application')(
    'a session that gets into a cache of Nitro',
    'shared && cache === undefined && shared.sent === sentOf(req) ? shared',
    'shared ? shared',
  ),
  on('test/csrf/token.test.ts', source('shared/fetch-facts'))(
    'a large form that is waited for until the handler reads it',
    'reader.cancel().catch(() => undefined)',
    'await reader.cancel()',
  ),
  elysia('a second createSessions that Elysia drops', "'strongroom '.concat(id)", "'strongroom '.concat(typeof id)"),
  elysia(
    'a message that Elysia shows to every visitor',
    'throw forVisitors(error)\n    })\n    return app.derive',
    'throw error\n    })\n    return app.derive',
  ),
  elysia(
    'a session that aot: false would never save, without a word of it',
    'throw error instanceof NotAttachedError ? new NotAttachedError(UNWRAPPED) : forVisitors(error)',
    'throw forVisitors(error)',
  ),
  elysia('a logout that is lost when an error handler fails', 'await commitLogout(visit)', 'void visit'),
  elysia(
    'a response that claims success, because a hook of Elysia has repeated it',
    'const isOfOthers = late.delete(request)',
    'const isOfOthers = late.delete(request) && false',
  ),
  elysia(
    'a page for one visitor that a cache may send to all, because an upgrade was asked for',
    '? withOutcome(response, readOnly) : response',
    '? response : response',
  ),
  site('an error of the save that onError of Elysia does not get', 'late.set(request, error)', 'late.has(request)'),
  site(
    'a WebSocket of Elysia whose session is lost',
    'isUpgrade(request) ? sessions.read(request) : sessions.get(request)',
    'sessions.get(request)',
  ),
]
