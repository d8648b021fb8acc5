import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import express from 'express'
import { fastify } from 'fastify'
import { createApp, defineEventHandler, toNodeListener } from 'h3-1'
import Koa from 'koa'
import { WebSocket, WebSocketServer } from 'ws'
import { strongroom as onExpress } from '../../packages/strongroom/src/adapters/express.ts'
import { strongroom as onFastify } from '../../packages/strongroom/src/adapters/fastify.ts'
import { withSessions as onH3 } from '../../packages/strongroom/src/adapters/h3.ts'
import { strongroom as onKoa } from '../../packages/strongroom/src/adapters/koa.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { strongroom as sockets } from '../../packages/strongroom/src/adapters/ws.ts'
import session from '../../packages/strongroom/src/express-session/session.ts'
import type { Sessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { secret } from '../core/fixtures/secret.ts'
import { type Running, running, slowSessions, type Values } from './site.ts'

type Handle = (request: IncomingMessage, response: ServerResponse) => unknown
type Host = (t: TestContext, sessions: Sessions<Values>, handle: Handle) => Promise<Running>

const HOSTS: Record<string, Host> = {
  'node:http': (t, sessions, handle) => running(t, withSessions(sessions, handle)),
  Express: (t, sessions, handle) => running(t, express().use(onExpress(sessions), onExpress(sessions)).use(handle)),
  Koa: (t, sessions, handle) => {
    const app = new Koa().use(onKoa(sessions)).use((ctx) => {
      ctx.respond = false
      return handle(ctx.req, ctx.res)
    })
    return running(t, app.callback())
  },
  async Fastify(t, sessions, handle) {
    const app = fastify().register(onFastify(sessions))
    app.get('/', (request, reply) => {
      reply.hijack()
      handle(request.raw, reply.raw)
    })
    await app.ready()
    return running(t, (request, response) => app.routing(request, response))
  },
  'h3 1': (t, sessions, handle) => {
    const app = onH3(sessions, createApp())
    app.use(defineEventHandler(({ node }) => handle(node.req, node.res)))
    return running(t, toNodeListener(app))
  },
}

const USERS = ['ada', 'bea', 'cat', 'dan']

/** Sends a request of each user over one connection, without waiting for a response. Resolves when the last one has been sent. */
async function pipeline(url: string, headers: readonly string[]): Promise<void> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const ask = (cookie: string, at: number) =>
    `GET / HTTP/1.1\r\nHost: shop\r\nCookie: ${cookie}\r\n${at === headers.length - 1 ? 'Connection: close\r\n' : ''}\r\n`
  socket.end(headers.map(ask).join(''))
  socket.resume()
  await once(socket, 'close')
}

/** What `current()` is in each event, beside whose it should be. */
function observing(current: () => Promise<{ readonly userId: string | null }>) {
  const seen: Promise<[string, string | null, unknown]>[] = []
  const look = (what: string, user: string | null) => {
    const found = current().then(
      ({ userId }) => userId,
      (error: unknown) => error,
    )
    seen.push(found.then((userId) => [what, user, userId]))
  }
  return { look, all: () => Promise.all(seen) }
}

function listen(request: IncomingMessage, response: ServerResponse, look: (what: string) => void): void {
  for (const event of ['finish', 'close', 'drain']) response.on(event, () => look(event))
  request.on('close', () => look('close of the request'))
  response.write(Buffer.alloc(300_000), () => look('callback of write'))
  // The last one first, so that Node has the responses of the others waiting.
  setImmediate(() => response.end(Buffer.alloc(300_000), () => look('callback of end')))
}

async function assertOwn(all: readonly [string, string | null, unknown][]): Promise<void> {
  for (const [what, user, found] of all) assert.equal(found, user, what)
  const whats = ['finish', 'close', 'drain', 'close of the request', 'callback of write', 'callback of end']
  assert.deepEqual(new Set(all.map(([what]) => what)), new Set(whats))
  assert.deepEqual(new Set(all.map(([, user]) => user)), new Set(USERS))
}

suite('sessions.current() in the events of pipelined requests', { timeout: 20_000 }, () => {
  for (const [name, start] of Object.entries(HOSTS))
    test(`is the session of the own visitor on ${name}`, async (t) => {
      const { sessions } = slowSessions()
      const { look, all } = observing(() => sessions.current())
      const { url } = await start(t, sessions, async (request, response) => {
        const { userId } = await sessions.current()
        listen(request, response, (what) => look(what, userId))
      })
      const cookies = await Promise.all(USERS.map(async (userId) => (await sessionFor(sessions, { userId })).cookie))
      await pipeline(url, cookies)
      await assertOwn(await all())
    })

  test('is the session of the own visitor with the drop-in for express-session', async (t) => {
    const drop = session({ secret: secret('drop'), resave: false, saveUninitialized: false })
    t.after(() => drop.sessions.close())
    const { look, all } = observing(() => drop.sessions.current())
    const app = express().use(drop, async (request, response) => {
      const { userId } = await drop.sessions.current()
      listen(request, response, (what) => look(what, userId))
    })
    const { url } = await running(t, app)
    const cookies = await Promise.all(USERS.map(async (userId) => (await sessionFor(drop.sessions, { userId })).cookie))
    await pipeline(url, cookies)
    await assertOwn(await all())
  })

  test('is that of each of two createSessions, and a request that emits nothing is served', async (t) => {
    const [shop, staff] = [slowSessions().sessions, slowSessions({ cookie: { name: 'staff', secure: false } }).sessions]
    const found: Promise<unknown>[] = []
    const inner = withSessions(staff, async (request: IncomingMessage, response: ServerResponse) => {
      response.on('told', () => {
        found.push(Promise.all([shop.current(), shop.get(request), staff.current(), staff.get(request)]))
      })
      sent = response
      response.end()
    })
    let sent: ServerResponse | undefined
    const { url } = await running(t, withSessions(shop, inner))
    await (await fetch(url)).text()
    // From outside of the request, as a connection does.
    sent?.emit('told')
    const [all] = (await Promise.all(found)) as [object[]]
    assert.equal(all[0], all[1])
    assert.equal(all[2], all[3])
    assert.notEqual(all[0], all[2])

    const { headers } = new Request('http://shop/')
    const mock = Object.freeze({ method: 'GET', url: '/', headers: Object.fromEntries(headers), emit() {} })
    let served = false
    onExpress(shop)(mock as never, { on() {}, headersSent: false } as never, () => {
      served = shop.currentRequest() === mock
    })
    assert.ok(served)
  })

  test('is the session of the sender in the callback of send() of ws, also with one queue for all', async (t) => {
    const { sessions } = slowSessions()
    const live = sockets(sessions)
    t.after(() => live.close())
    const { look, all } = observing(() => sessions.current())
    const chat = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } })
    chat.on('connection', (socket: WebSocket, _request: unknown, { userId }: { userId: string | null }) => {
      socket.on('message', () => {
        for (const each of chat.clients) each.send('x'.repeat(5000), () => look('send', userId))
        socket.ping('', false, () => look('ping', userId))
      })
    })
    const { url } = await running(t, createServer().on('upgrade', live.upgrade(chat)))
    const clients = await Promise.all(
      USERS.map(async (userId) => {
        const { cookie } = await sessionFor(sessions, { userId })
        const client = new WebSocket(url.replace('http', 'ws'), { headers: { cookie, origin: url } })
        await once(client, 'open')
        return client
      }),
    )
    let left = USERS.length ** 2
    const received = new Promise<void>((resolve) => {
      for (const client of clients) client.on('message', () => --left === 0 && resolve())
    })
    for (const client of clients) client.send('hello')
    await received
    for (const client of clients) client.close()
    for (const [what, user, found] of await all()) assert.equal(found, user, what)
    assert.ok((await all()).length >= USERS.length)
  })
})
