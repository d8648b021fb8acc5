// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources

import { type Mutation, on } from './mutation.ts'

const plugin = on('test/adapters/fastify-plugin.test.ts', 'packages/strongroom/src/adapters/fastify.ts')
const ofReply = on('test/adapters/fastify-replies.test.ts', 'packages/strongroom/src/adapters/fastify.ts')
const ofHeaders = on('test/adapters/fastify-replies.test.ts', 'packages/strongroom/src/adapters/fastify/headers.ts')
const ofSocket = on('test/adapters/fastify-sockets.test.ts', 'packages/strongroom/src/adapters/fastify.ts')
const koa = on('test/adapters/koa-context.test.ts', 'packages/strongroom/src/adapters/koa.ts')
const pending = on('test/adapters/fastify-plugin.test.ts', 'packages/strongroom/src/adapters/shared/pending-session.ts')
const assigned = on('test/adapters/koa-context.test.ts', 'packages/strongroom/src/adapters/shared/pending-session.ts')

/** The plugin for Fastify and the middleware for Koa. */
export const fastifyKoaMutations: readonly Mutation[] = [
  plugin(
    'a plugin for Fastify that is encapsulated away from the application',
    "[Symbol.for('skip-override')]: true",
    "[Symbol.for('skip-override')]: false",
  ),
  plugin('a plugin for Fastify that any version takes', "fastify: '5.x'", "fastify: '>=4'"),
  plugin(
    'a request.session of another plugin that is taken for ours',
    "owner !== undefined || app.hasRequestDecorator('session')",
    'owner !== undefined',
  ),
  plugin(
    'a request.session of other sessions that is taken for ours',
    'if (owner === sessions) return true',
    'if (owner !== undefined) return true',
  ),
  plugin(
    'a plugin for Fastify that cannot be registered in a scope again',
    'if (owner === sessions) return true\n',
    '',
  ),
  plugin(
    'options that are passed where nobody reads them',
    'checkOptions(EXAMPLE, given, OF_REGISTER, {',
    'checkOptions(EXAMPLE, {}, OF_REGISTER, {',
  ),
  plugin(
    'a session of the request of Fastify alone',
    'sessions.attach(request, open, raw)',
    'sessions.attach(request, open)',
  ),
  ofSocket(
    'the session of a socket whose changes are silently lost',
    'if (!isSocket(request)) return begin(visit)',
    'return begin(visit)',
  ),
  ofSocket(
    'a socket that is not known when @fastify/websocket is registered later',
    'return ws === true || (ws === null && request.raw.headers.upgrade !== undefined)',
    "return ws === true && 'ws' in request && request.raw.headers.upgrade === ''",
  ),
  ofReply(
    "a store's address on the page of Fastify's own error handler",
    "app.addHook('onSend', hideMessage)",
    "if (sessions === null) app.addHook('onSend', hideMessage)",
  ),
  ofReply("a store's address on a page that is no JSON", '.replaceAll(message, publicMessage)', ''),
  ofReply(
    'an error page that cannot be saved and says that all is well',
    'if (reply.sent || response.headersSent || reply[ERROR]) return',
    'if (reply.sent || response.headersSent) return',
  ),
  ofReply(
    'a hijacked reply whose visitor waits for ever',
    'if (reply.sent || response.headersSent || reply[ERROR]) return',
    'if (response.headersSent || reply[ERROR]) return',
  ),
  ofHeaders(
    'the ETag of a page on an error page of Fastify',
    'delete: (name) => void reply.removeHeader(name)',
    'delete: () => undefined',
  ),
  plugin('csrf that is registered as a plugin and checks nothing', 'if (!request.raw)\n', 'if (request === null)\n'),
  pending(
    'a session that is loaded although nobody awaits it',
    'return (request) => new Proxy(',
    'return (request) => [sessions.get(request)].length > 1 ? (request as never) : new Proxy(',
  ),
  pending(
    'a visitor who is taken for signed out, because await is missing',
    "return key === 'constructor' ? Promise : read(key)",
    "return key === 'constructor' ? Promise : undefined",
  ),
  pending(
    'a visitor who is taken for signed out, because a promise was spread',
    "    ownKeys: () => read('keys'),\n",
    '',
  ),
  pending(
    'a visitor who is taken for signed out, because a promise has no properties',
    "(typeof key === 'string' ? read(key) : undefined)",
    "(key === '' ? read(key) : undefined)",
  ),
  pending('a value that is written to a promise and lost', 'set: (_waiting, key) => write(key)', 'set: () => true'),
  assigned(
    'a logout of koa-session that logs nobody out',
    'throw new TypeError(`${name} cannot be set.',
    'return undefined as never\n    throw new TypeError(`${name} cannot be set.',
  ),
  koa(
    'a ctx.session of another package that is replaced',
    "if (!('session' in ctx)) {",
    "if (!Object.hasOwn(ctx, 'session')) {",
  ),
  koa('a middleware for Koa that cannot be used in a router again', 'if (known) return known\n', ''),
  koa(
    'a session of the context of Koa alone',
    '() => begin(sessions.open(ctx.req.headers)), ctx.req)',
    '() => begin(sessions.open(ctx.req.headers)))',
  ),
  koa(
    'an error of the save that the application of Koa does not hear of',
    'ctx.onerror(error as Error)',
    'if (ctx) respond(error, response)',
  ),
  koa(
    'a visitor who waits for ever, because a listener of the error event fails',
    '      respond(second, response)\n',
    '      if (second === response) respond(second, response)\n',
  ),
  on('test/adapters/koa-context.test.ts', 'packages/strongroom/src/adapters/node/hold.ts')(
    'a login that is lost, because an error page removes all headers before it begins',
    '    if (!wasReleased) this.#outcome = this.#earlierOutcome()\n',
    '    const earlier = wasReleased ? null : this.#earlierOutcome()\n    if (earlier) applyOutcome(earlier, new NodeHeaders(response))\n',
  ),
  on('test/adapters/cookie-of-error-page.test.ts', 'packages/strongroom/src/adapters/node/hold.ts')(
    'a cookie that is lost because other sessions could not be saved',
    'this.#outcome = hasLines(outcome) ? outcome : null',
    'this.#outcome = hasLines(outcome) ? null : null',
  ),
  on('test/adapters/cookie-of-error-page.test.ts', 'packages/strongroom/src/adapters/node/hold.ts')(
    'an error page with a cookie that a cache may store',
    'noStore: outcome.noStore === true || hasLines(outcome),',
    'noStore: outcome.noStore,',
  ),
  on('test/adapters/fastify-replies.test.ts', 'packages/strongroom/src/adapters/node/hold.ts')(
    'a login that is lost, because the headers of an error page replace its cookie',
    "const rest = method === 'writeHead' ? moveHeaders(this.#response, args) : args",
    'const rest = args',
  ),
  on('test/adapters/koa-context.test.ts', 'packages/strongroom/src/request/attached.ts')(
    'two visits of one request, one of which is lost',
    "alias && typeof given === 'function' ? once(given, request) : given",
    'given',
  ),
  on('test/core/read-sync.test.ts', 'packages/strongroom/src/request/visit.ts')(
    'an outage of one moment that lasts for the rest of the request',
    '      await undefined\n',
    '',
  ),
  on('test/core/read-sync.test.ts', 'packages/strongroom/src/request/visit.ts')(
    'a session of read() that can be changed after an outage',
    'else if (!this.#responds) state.makeReadOnly()',
    'else if (!this.#responds) state.isOpen',
  ),
]
