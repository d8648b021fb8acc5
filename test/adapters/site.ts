import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createServer2 } from 'node:http2'
import type { TestContext } from 'node:test'
import type { NodeOptions } from '../../packages/strongroom/src/adapters/node.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { http1, http2 } from '../../packages/strongroom/src/testing/adapter/client.ts'
import { turns } from '../../packages/strongroom/src/testing/adapter/gate.ts'
import { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { type Watched, watched } from '../../packages/strongroom/src/testing/watched.ts'
import { listening, listeningHttp2 } from './serve.ts'

export type Values = Record<string, unknown>

/** Sessions in memory whose writes take several turns of the event loop, so that every response with a write is held back. */
export function slowSessions(options: Omit<SessionsOptions, 'store'> = {}): {
  sessions: Sessions<Values>
  watch: Watched
} {
  const watch = watched(memory({ max: 1000 }))
  watch.before = (call) => (call === 'read' ? undefined : turns(10))
  // `watched` passes the owner index on.
  const store = watch.store as ReturnType<typeof memory>
  return { sessions: createSessions<Values>({ secrets: randomBytes(32), seal: 'two-key', ...options, store }), watch }
}

export interface Running {
  readonly url: string
  readonly visitor: Visitor
}

/** Runs a listener until the end of the test. */
export async function running(t: TestContext, server: Server | RequestListener): Promise<Running> {
  const { url, close } = await listening(typeof server === 'function' ? createServer(server) : server)
  t.after(close)
  const client = http1(url)
  t.after(() => client.close())
  return { url, visitor: new Visitor(client) }
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

export interface NodeSite extends Running {
  readonly sessions: Sessions<Values>
  readonly watch: Watched
}

/** A handler behind the node adapter. `/read` responds with the data of the session; the handler gets all other requests. */
export async function nodeSite(
  t: TestContext,
  handler: (request: IncomingMessage, response: ServerResponse, sessions: Sessions<Values>) => unknown,
  options?: NodeOptions<IncomingMessage, ServerResponse>,
): Promise<NodeSite> {
  const { sessions, watch } = slowSessions()
  const listener = withSessions(sessions, routed(sessions, handler), options)
  return { sessions, watch, ...(await running(t, listener)) }
}

/** The same over HTTP/2. */
export async function http2Site(
  t: TestContext,
  handler: (request: IncomingMessage, response: ServerResponse, sessions: Sessions<Values>) => unknown,
): Promise<NodeSite> {
  const { sessions, watch } = slowSessions()
  // Handlers written for HTTP/1 run on the compatibility API.
  const listener = withSessions(sessions, routed(sessions, handler) as never)
  const { url, close } = await listeningHttp2(createServer2(listener as never))
  t.after(close)
  const client = http2(url)
  t.after(() => client.close())
  return { sessions, watch, url, visitor: new Visitor(client) }
}

function routed(
  sessions: Sessions<Values>,
  handler: (request: IncomingMessage, response: ServerResponse, sessions: Sessions<Values>) => unknown,
): Handler {
  return async (request, response) => {
    if (request.url !== '/read') return handler(request, response, sessions)
    const session = await sessions.get(request)
    response.end(JSON.stringify(Object.fromEntries(session.keys().map((key) => [key, session.get(key)]))))
  }
}

/** In production until the end of the test: error pages are silent there. */
export function production(t: TestContext): void {
  const { NODE_ENV } = process.env
  process.env.NODE_ENV = 'production'
  t.after(() => {
    if (NODE_ENV === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = NODE_ENV
  })
}
