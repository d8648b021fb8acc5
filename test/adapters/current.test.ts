import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import express from 'express'
import { H3 } from 'h3'
import { toNodeHandler } from 'h3/node'
import { createApp, eventHandler, toNodeListener } from 'h3-1'
import { Server } from 'socket.io'
import { io as connect } from 'socket.io-client'
import { WebSocket, WebSocketServer } from 'ws'
import { strongroom as middleware } from '../../packages/strongroom/src/adapters/express.ts'
import { strongroom as h3, withSessions as h3App } from '../../packages/strongroom/src/adapters/h3.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { strongroom as sockets } from '../../packages/strongroom/src/adapters/ws.ts'
import { NotAttachedError } from '../../packages/strongroom/src/errors.ts'
import session from '../../packages/strongroom/src/express-session/session.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { secret } from '../core/fixtures/secret.ts'
import { listening } from './serve.ts'
import { running, slowSessions } from './site.ts'

type Named = { readonly userId: string | null }
const whoIs = (current: Promise<Named>) =>
  current.then(
    ({ userId }) => userId,
    (error: unknown) => (error instanceof NotAttachedError ? 'refused' : 'failed'),
  )

function socketSessions(t: TestContext) {
  const sessions = createSessions({ store: 'memory:', secrets: secret('current'), sweep: false })
  const live = sockets(sessions)
  t.after(() => live.close())
  return { sessions, live }
}

suite('sessions.current()', { timeout: 20_000 }, () => {
  test('is refused in a cached handler of h3 2, although it has the event of its first visitor', async (t) => {
    const { sessions } = slowSessions()
    const app = new H3()
    app.use(h3(sessions))
    app.get('/cached', async (event) => {
      const own = event.req
      // As h3/rules and Nitro 3 do, before they call the handler whose response they store.
      Object.assign(event, { req: new Request(own.url, { method: own.method, headers: [...own.headers] }) })
      const within = await whoIs(sessions.current())
      Object.assign(event, { req: own })
      return `${within} ${await whoIs(sessions.current())}`
    })
    const { url: origin } = await running(t, createServer(toNodeHandler(app)))
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const page = await fetch(`${origin}/cached`, { headers: { cookie } })
    assert.equal(await page.text(), 'refused ada')
  })

  test('is refused in a cached handler of Nitro 2, although it runs within the request of its first visitor', async (t) => {
    const { sessions } = slowSessions()
    const app = h3App(sessions, createApp())
    app.use(
      eventHandler(async (event) => {
        const before = await whoIs(sessions.current())
        // As Nitro 2 does, on the one context of both events.
        event.context.cache = { options: {} }
        return `${before} ${await whoIs(sessions.current())}`
      }),
    )
    const { url: origin } = await running(t, createServer(toNodeListener(app)))
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const page = await fetch(origin, { headers: { cookie } })
    assert.equal(await page.text(), 'ada refused')
  })

  test('keeps two createSessions of one application apart, mounted twice and one within the other', async (t) => {
    const shop = createSessions({ store: 'memory:', secrets: secret('shop'), cookie: { name: 'shop', secure: false } })
    const staff = createSessions({
      store: 'memory:',
      secrets: secret('staff'),
      cookie: { name: 'staff', secure: false },
    })
    const app = express().use(middleware(staff), middleware(shop), middleware(staff))
    app.get('/', async (_request, response) => {
      response.json([await whoIs(shop.current()), await whoIs(staff.current())])
    })
    const { url: origin } = await running(
      t,
      withSessions(shop, (request, response) => app(request as never, response as never)),
    )
    const cookies = [await sessionFor(shop, { userId: 'ada' }), await sessionFor(staff, { userId: 'bea' })]
    const cookie = cookies.map((one) => one.cookie).join('; ')
    assert.deepEqual(await (await fetch(origin, { headers: { cookie } })).json(), ['ada', 'bea'])
    assert.deepEqual(await (await fetch(origin)).json(), [null, null])
  })

  test('works with the drop-in for express-session', async (t) => {
    const drop = session({ secret: secret('drop'), resave: false, saveUninitialized: false })
    t.after(() => drop.sessions.close())
    const app = express().use(drop)
    app.get('/', async (request, response) => {
      response.json((await drop.sessions.current()) === (await drop.sessions.get(request)))
    })
    const { url: origin } = await running(t, app)
    assert.equal(await (await fetch(origin)).json(), true)
  })

  test('nothing of a request is left behind its work, also when that throws', () => {
    const { sessions } = slowSessions()
    const [outer, inner] = [{}, {}]
    sessions.within(outer, () => {
      assert.throws(() => sessions.within(inner, () => assert.fail()))
      assert.equal(sessions.currentRequest(), outer)
    })
    assert.equal(sessions.currentRequest(), null)
  })

  test('does not slow down the process with each createSessions: all of them have one AsyncLocalStorage', (t) => {
    const used = new Set<unknown>()
    const run = AsyncLocalStorage.prototype.run as (...args: unknown[]) => unknown
    t.mock.method(AsyncLocalStorage.prototype, 'run', function (this: unknown, ...args: unknown[]) {
      used.add(this)
      return run.apply(this, args)
    })
    for (let made = 0; made < 3; made++) slowSessions().sessions.within({}, () => undefined)
    assert.equal(used.size, 1)
  })

  test('requests within requests of two createSessions, many times, hide one another and leave nothing', (t) => {
    const [{ sessions: shop }, { sessions: staff }] = [slowSessions(), slowSessions()]
    const stored: object[] = []
    const run = AsyncLocalStorage.prototype.run as (...args: unknown[]) => unknown
    t.mock.method(AsyncLocalStorage.prototype, 'run', function (this: unknown, ...args: unknown[]) {
      stored.push(args[0] as object)
      return run.apply(this, args)
    })
    const requests: object[] = []
    const nested = (depth: number): void => {
      const request = { depth }
      requests.push(request)
      ;(depth % 2 ? shop : staff).within(request, () => {
        assert.deepEqual([shop.currentRequest(), staff.currentRequest()].filter(Boolean).length, Math.min(depth, 2))
        assert.equal((depth % 2 ? shop : staff).currentRequest(), request)
        if (depth > 1) assert.equal((depth % 2 ? staff : shop).currentRequest(), requests[depth - 2])
        if (depth < 20) nested(depth + 1)
      })
    }
    nested(1)
    assert.equal(Math.max(...stored.map((one) => Reflect.ownKeys(one).length)), 2)
  })

  test('says outside of a request what to do', async () => {
    const { sessions } = slowSessions()
    await assert.rejects(sessions.current(), (error: unknown) => {
      assert.ok(error instanceof NotAttachedError)
      for (const advice of [
        /outside of a request/,
        /app\.use\(strongroom\(sessions\)\)/,
        /timer/,
        /sessions\.read\(request\)/,
      ])
        assert.match(error.message, advice)
      return true
    })
  })

  test('currentRequest() is what save() takes, and null outside of a request', async (t) => {
    const { sessions } = slowSessions()
    const app = express().use(middleware(sessions))
    app.get('/', async (request, response) => {
      const current = sessions.currentRequest()
      ;(await sessions.current()).set('drink', 'tea')
      if (current) await sessions.save(current)
      response.json(current === request)
    })
    const { url: origin } = await running(t, app)
    assert.equal(await (await fetch(origin)).json(), true)
    assert.equal(sessions.currentRequest(), null)
  })

  test('is the session of the connection in the listeners of ws, each with its own', async (t) => {
    const { sessions, live } = socketSessions(t)
    const webSockets = new WebSocketServer({ noServer: true })
    webSockets.on('connection', async (socket) => {
      socket.on('message', async () => socket.send(`message ${await whoIs(sessions.current())}`))
      socket.send(`connection ${await whoIs(sessions.current())}`)
    })
    const server = createServer().on('upgrade', live.upgrade(webSockets))
    const { url, close } = await listening(server)
    t.after(close)
    for (const userId of ['ada', 'bea']) {
      const { cookie } = await sessionFor(sessions, { userId })
      const socket = new WebSocket(url.replace('http', 'ws'), { headers: { cookie, origin: url } })
      const [first] = await once(socket, 'message')
      socket.send('who?')
      const [second] = await once(socket, 'message')
      assert.deepEqual([`${first}`, `${second}`], [`connection ${userId}`, `message ${userId}`])
      socket.close()
      await once(socket, 'close')
    }
  })

  test('is the session of the connection in the listeners of socket.io', async (t) => {
    const { sessions, live } = socketSessions(t)
    const server = createServer()
    const io = new Server(server, { serveClient: false })
    live.socketIo(io)
    io.on('connection', (socket) => {
      socket.on('who', async (done) => done(await whoIs(sessions.current())))
    })
    const { url } = await listening(server)
    t.after(() => io.close())
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const socket = connect(url, { reconnection: false, forceNew: true, extraHeaders: { cookie, origin: url } })
    t.after(() => socket.disconnect())
    assert.equal(await socket.emitWithAck('who'), 'ada')
  })
})
