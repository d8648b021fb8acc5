import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Server } from 'socket.io'
import { WebSocketServer } from 'ws'
import { withSessions as fetchSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { type LiveOptions, type LiveSessions, strongroom } from '../../packages/strongroom/src/adapters/ws.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { listening } from '../adapters/serve.ts'
import { secret } from '../core/fixtures/secret.ts'

type Data = { visits: number }

/** One server of an application, with connections of every kind. */
export interface AppNode {
  readonly url: string
  readonly sessions: Sessions<Data>
  readonly live: LiveSessions<Data>
  close(): Promise<void>
}

const EVENTS = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' }

/** What a visitor may do by plain requests, as the last part of the path. */
const ACTIONS: Readonly<Record<string, (session: Session<Data>, sessions: Sessions<Data>) => unknown>> = {
  visit: (session) => session.update('visits', (visits = 0) => visits + 1),
  logout: (session) => session.logout(),
  renew: (session) => session.renew(),
  again: (session) => session.login(String(session.userId)),
  bob: (session) => session.login('bob'),
  everywhere: (session, sessions) => sessions.of(String(session.userId)).revokeAll(),
  others: (session, sessions) => sessions.of(String(session.userId)).revokeOthers(session),
  password: (session) => session.credentialChanged(),
  shorten: (session) => session.setExpiry({ absolute: 50 }),
}

export async function startNode(
  options: Omit<SessionsOptions, 'secrets'> & Pick<SessionsOptions, 'secrets'>,
  liveOptions: LiveOptions = {},
): Promise<AppNode> {
  const given = { secrets: secret('ws'), sweep: false, ...options } as const
  const sessions = createSessions<Data>(given as SessionsOptions) as Sessions<Data>
  const live = strongroom(sessions, liveOptions)
  const byFetch = getRequestListener(
    fetchSessions(sessions, async (request) => {
      const session = await sessions.get(request)
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode('data: hello\n\n')),
      })
      return new Response(live.watchStream(session, stream), { headers: EVENTS })
    }),
  )
  const byNode = withSessions(sessions, async (request: IncomingMessage, response: ServerResponse) => {
    const session = await sessions.get(request)
    if (request.url === '/events') {
      response.writeHead(200, EVENTS).write('data: hello\n\n')
      live.watchResponse(session, response)
    } else {
      await ACTIONS[request.url?.slice(1) ?? '']?.(session, sessions)
      response.end(session.userId)
    }
  })
  const server = createServer((request, response) =>
    request.url?.startsWith('/stream') ? byFetch(request, response) : byNode(request, response),
  )
  const wss = new WebSocketServer({ noServer: true })
  wss.on('connection', (socket) => socket.send('hello'))
  const upgrade = live.upgrade(wss)
  const io = new Server({ allowRequest: live.allowRequest, serveClient: false })
  live.socketIo(io)
  io.attach(server, { destroyUpgrade: false })
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/ws') upgrade(request, socket, head)
  })
  const running = await listening(server)
  return {
    url: running.url,
    sessions,
    live,
    async close() {
      await live.close()
      await io.close()
      await running.close()
      await sessions.close()
    },
  }
}
