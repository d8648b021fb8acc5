import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/adapters/node/${file}.ts`
const hosts = (suite: string, file: string) => on(`test/hosts/${suite}.test.ts`, source(file))
const stream = (file: string) => on('test/adapters/http2-stream.test.ts', source(file))

const exposed = on('test/adapters/error-responses.test.ts', 'packages/strongroom/src/errors.ts')

/** Hosts that a held response, or a late error, was not made for. */
export const hostMutations: readonly Mutation[] = [
  hosts('frameworks', 'fail')(
    'a second call of next, which belongs to another request by then',
    'isOfConnect(request, next) ? (next as Fail) : failLate',
    'next as Fail',
  ),
  hosts('late', 'fail')(
    'a visitor who waits for ever, because Express has handed the request on',
    '  else respond(error, response)\n',
    '',
  ),
  hosts('connect', 'fail')(
    'an error handler of Express that is not asked for a late error',
    "if (typeof next === 'function') next(error)",
    'if (next === error) return',
  ),
  hosts('connect', 'fail')(
    'an error handler of Connect that is not asked for a late error',
    'return isOfConnect(request, next) ? (next as Fail) : failLate',
    'return failLate',
  ),
  hosts('connect', 'fail')(
    'any listener that counts as Connect',
    "server.listeners('request').some(isConnect)",
    "server.listeners('request').length > 0",
  ),
  hosts('late', 'fail')(
    'an onError of the middleware that nobody calls',
    'if (onError) return (error) =>',
    'if (onError && request === null) return (error) =>',
  ),
  on('test/hosts/late.test.ts', 'packages/strongroom/src/adapters/shared/failure.ts')(
    'a late error that shows its details in production',
    'publicMessage: error.publicMessage',
    'publicMessage: error.message',
  ),
  hosts('late', 'fail')(
    'a stand-in that is destroyed although it has responded',
    'if (hasEnded(response)) return',
    'if (response.writableEnded) return',
  ),
  hosts('late', 'hold')(
    'an error page of polka that ends the process',
    'if (!isStatus(status)) throw invalidStatus()\n',
    '\n',
  ),
  hosts('stand-ins', 'head')(
    'an empty page, because a stand-in says that it has ended while it is held',
    'socket !== null && !(socket instanceof Socket)',
    'socket === undefined',
  ),
  hosts('late', 'head')(
    'a cookie that a Fetch response of srvx does not have',
    "'toWebResponse' in response",
    "'toNothing' in response",
  ),
  on('test/adapters/node-response.test.ts', source('head'))(
    'a held response that handlers take for one that goes on',
    'asStandIn(response, pretendHeader(fields, false)) : pretendHeader(fields, true)',
    'asStandIn(response, pretendHeader(fields, false)) : pretendHeader(fields, false)',
  ),
  hosts('late', 'hold')(
    'a second end that becomes an error of the stream',
    "if (this.#ended || this.#is('failed')) this.#drop(args)",
    "if (this.#is('failed')) this.#drop(args)",
  ),
  hosts('refused', 'hold')(
    'a session in a host that does not wait for it',
    "if ('__unenv__' in response) throw",
    "if ('__unenv__' in response && visit === null) throw",
  ),
  on('test/hosts/frameworks.test.ts', 'packages/strongroom/src/errors.ts')(
    'a server error whose message Nest shows',
    'return this.status < 500\n',
    'return this.status > 0\n',
  ),
  exposed(
    'advice for developers that Koa and Nest show to visitors',
    '  override get expose(): boolean {\n    return false\n',
    '  override get expose(): boolean {\n    return true\n',
  ),
  on('test/hosts/late.test.ts', 'packages/strongroom/src/adapters/express.ts')(
    'csrf() that passes an error of a handler to the host a second time',
    '    else next()\n',
    '    else\n      try {\n        next()\n      } catch (error) {\n        next(error as Error)\n      }\n',
  ),
  stream('hold')(
    "a page that HTTP/2's own API sends without its session",
    'if (isOverHttp2(response)) this.#originals',
    'if (isOverHttp2(response) && response.headersSent) this.#originals',
  ),
  stream('hold')(
    'a session that is saved although its page was refused',
    'this.#visit?.commit(500)',
    'this.#visit?.commit()',
  ),
  stream('stream')(
    'a session that is lost because the client has gone, and Node has ended the stream',
    'sending > 0 || this.closed || this.destroyed',
    'sending > 0',
  ),
]
