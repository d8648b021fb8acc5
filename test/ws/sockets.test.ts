import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, type TestContext, test } from 'node:test'
import websocket from '@fastify/websocket'
import { createAdaptorServer, upgradeWebSocket } from '@hono/node-server'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { WebSocket, WebSocketServer } from 'ws'
import { strongroom as plugin } from '../../packages/strongroom/src/adapters/fastify.ts'
import { strongroom, type Watch } from '../../packages/strongroom/src/adapters/ws.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock, sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { listening } from '../adapters/serve.ts'
import { secret } from '../core/fixtures/secret.ts'

function start(t: TestContext) {
  const clock = manualClock()
  const sessions = createSessions({
    store: 'memory:',
    secrets: secret('sockets'),
    sweep: false,
    idle: '10m',
    clock: clock.now,
  })
  const live = strongroom(sessions, { every: '100ms' })
  t.after(() => live.close())
  return { clock, sessions, live }
}

type Start = ReturnType<typeof start>

/** Frameworks that open WebSockets themselves, and serve one at /live. Each resolves to its URL. */
const FRAMEWORKS: Readonly<Record<string, (t: TestContext, given: Start) => Promise<string>>> = {
  async '@fastify/websocket'(t, { sessions, live }) {
    const app = fastify({ forceCloseConnections: true })
    await app.register(websocket)
    await app.register(plugin(sessions, { decorate: false }))
    app.get('/live', { websocket: true }, async (socket, request) => {
      live.watchSocket(await sessions.get(request), socket)
      socket.send('hello')
    })
    t.after(() => app.close())
    return app.listen({ host: '127.0.0.1', port: 0 })
  },
  async Hono(t, { live }) {
    const app = new Hono()
    app.get(
      '/live',
      upgradeWebSocket(async (c) => {
        const session = await live.admit(c.req.raw)
        let watch: Watch | undefined
        return {
          onOpen(_event, socket) {
            watch = live.watchSocket(session, socket)
            socket.send('hello')
          },
          onMessage: () => watch?.touch(),
          onClose: () => watch?.stop(),
        }
      }),
    )
    const server = createAdaptorServer({
      fetch: app.fetch,
      websocket: { server: new WebSocketServer({ noServer: true }) as never },
    })
    const { url, close } = await listening(server as never)
    t.after(() => close())
    return url
  },
}

for (const [name, serve] of Object.entries(FRAMEWORKS))
  suite(`a WebSocket that ${name} has opened`, { timeout: 20_000 }, () => {
    async function connect(t: TestContext) {
      const given = start(t)
      const url = await serve(t, given)
      const { cookie } = await sessionFor(given.sessions, { userId: 'ada' })
      const socket = new WebSocket(`${url.replace('http', 'ws')}/live`, { headers: { cookie }, origin: url })
      t.after(() => socket.terminate())
      await once(socket, 'message')
      const closed = once(socket, 'close').then(([code, reason]) => [code, String(reason)])
      return { ...given, socket, closed }
    }

    test('is closed with 4401 when its session is revoked', async (t) => {
      const { sessions, closed } = await connect(t)
      await sessions.of('ada').revokeAll()
      assert.deepEqual(await closed, [4401, 'revoked'])
    })

    test('keeps its session alive by messages, and is closed when it is idle', async (t) => {
      const { sessions, clock, socket, closed } = await connect(t)
      const deadline = async () => Number((await sessions.of('ada').list())[0]?.expiresAt)
      for (let round = 0; round < 3; round++) {
        const before = await deadline()
        clock.advance(6 * 60_000)
        socket.send('still here')
        while ((await deadline()) === before) await new Promise(setImmediate)
      }
      clock.advance(11 * 60_000)
      assert.deepEqual(await closed, [4401, 'expired'])
    })
  })
