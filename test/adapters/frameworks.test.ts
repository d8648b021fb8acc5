import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { getRequestListener } from '@hono/node-server'
import express5, { type ErrorRequestHandler } from 'express'
import express4 from 'express4'
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { WebSocket, WebSocketServer } from 'ws'
import { strongroom as express } from '../../packages/strongroom/src/adapters/express.ts'
import { withSessions as fetchAdapter } from '../../packages/strongroom/src/adapters/fetch.ts'
import { strongroom as hono } from '../../packages/strongroom/src/adapters/hono.ts'
import { withSessions as node } from '../../packages/strongroom/src/adapters/node.ts'
import { DataError, StoreError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { running, slowSessions } from './site.ts'

const down = () => {
  throw new Error('down')
}
const here = fileURLToPath(import.meta.url)

for (const [name, framework] of [
  ['express 5', express5],
  ['express 4', express4],
] as const)
  suite(name, { timeout: 20_000 }, () => {
    test('an error handler gets the error with its status, and its page is sent', async (t) => {
      const { sessions, watch } = slowSessions()
      const app = framework().set('env', 'test').use(express(sessions))
      const shop = framework.Router()
      shop.get('/put', (request, response, next) => {
        sessions.get(request).then((session) => {
          session.update('a', (n) => Number(n ?? 0) + 1)
          response.json({ the: 'body' })
        }, next)
      })
      app.use('/shop', shop)
      const onError: ErrorRequestHandler = (error, request, response, _next) => {
        assert.ok(error instanceof StoreError)
        assert.equal(response.headersSent, false)
        response.status(error.status).json({ code: error.code, at: request.originalUrl })
      }
      app.use(onError)
      const { visitor } = await running(t, app)
      assert.equal((await visitor.must('/shop/put')).text, '{"the":"body"}')
      for (const kind of [['update'], ['read']]) {
        watch.before = (call) => kind.includes(call) && down()
        const page = await visitor.ask('/shop/put')
        assert.equal(page.status, 503)
        assert.deepEqual(JSON.parse(page.text), { code: 'STRONGROOM_STORE', at: '/shop/put' })
        assert.equal(page.header('content-length'), String(page.bytes.length))
      }
    })

    test('after an error of the application only a logout is saved', async (t) => {
      const { sessions } = slowSessions()
      const app = framework().set('env', 'test').use(express(sessions))
      app.get('/fail', (request, _response, next) => {
        sessions.get(request).then((session) => {
          session.set('a', 2)
          if (request.query.logout) session.logout()
          next(new Error('the application failed'))
        }, next)
      })
      const { visitor } = await running(t, app)
      const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
      assert.equal((await visitor.ask('/fail', { cookie })).status, 500)
      assert.equal((await sessions.read({ cookie })).get('a'), 1)
      const page = await visitor.ask('/fail?logout=1', { cookie })
      assert.equal(page.status, 500)
      assert.equal(page.all('set-cookie').length, 1)
      assert.equal((await sessions.read({ cookie })).isNew, true)
    })

    test('sendFile, redirect and sendStatus wait until the session is saved', async (t) => {
      const { sessions } = slowSessions()
      const app = framework().set('env', 'test').use(express(sessions))
      app.use((request, response, next) => {
        sessions.get(request).then((session) => {
          session.set('at', request.path)
          if (request.path === '/file') response.sendFile(here)
          else if (request.path === '/there') response.redirect('/file')
          else response.sendStatus(202)
        }, next)
      })
      const { visitor } = await running(t, app)
      for (const [path, status] of [
        ['/file', 200],
        ['/there', 302],
        ['/status', 202],
      ] as const) {
        const page = await visitor.ask(path)
        assert.equal(page.status, status)
        assert.equal((await sessions.read({ cookie: visitor.jar.header() })).get('at'), path)
      }
    })
  })

suite('hono', { timeout: 20_000 }, () => {
  async function site(t: TestContext, app: Hono) {
    return running(t, createServer(getRequestListener(app.fetch)))
  }

  test('onError gets an HTTPException with the status, and with the error as its cause', async (t) => {
    const { sessions, watch } = slowSessions()
    const app = new Hono().use(hono(sessions))
    const errors: unknown[] = []
    app.onError((error, c) => {
      errors.push(error)
      return error instanceof HTTPException ? error.getResponse() : c.text('mine', 500)
    })
    app.get('/put', async (c) => {
      const session = await sessions.get(c)
      session.set('a', c.req.query('odd') ? Symbol('odd') : 1)
      c.header('ETag', '"1"')
      return c.text('the body')
    })
    const { visitor } = await site(t, app)
    const odd = await visitor.ask('/put?odd=1')
    assert.equal(odd.status, 500)
    assert.equal(odd.header('etag'), undefined)
    watch.before = down
    assert.equal((await visitor.ask('/put')).status, 503)
    assert.ok(errors.every((error) => error instanceof HTTPException))
    const causes = errors.map((error) => (error as Error).cause)
    assert.ok(causes[0] instanceof DataError && causes[1] instanceof StoreError)
  })

  test('an unhandled error of get() is sent with its own status', async (t) => {
    const { sessions, watch } = slowSessions()
    const app = new Hono().use(hono(sessions))
    app.get('/', async (c) => c.text(String((await sessions.get(c)).userId)))
    const { visitor } = await site(t, app)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    watch.before = down
    assert.equal((await visitor.ask('/', { cookie })).status, 503)
    watch.before = null
    assert.equal((await visitor.ask('/', { cookie })).text, 'ada')
  })

  test('get takes the context or the raw request, and resolves to the same session', async (t) => {
    const { sessions } = slowSessions()
    const app = new Hono().use(hono(sessions))
    app.get('/', async (c) => c.json((await sessions.get(c)) === (await sessions.get(c.req.raw))))
    assert.equal((await (await site(t, app)).visitor.ask('/')).text, 'true')
  })

  test('after an error of the application only a logout is saved', async (t) => {
    const { sessions } = slowSessions()
    const app = new Hono().use(hono(sessions))
    app.onError((_, c) => c.text('sorry', 500))
    app.get('/fail', async (c) => {
      const session = await sessions.get(c)
      session.set('a', 2)
      if (c.req.query('logout')) session.logout()
      throw new Error('the application failed')
    })
    const { visitor } = await site(t, app)
    const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
    assert.equal((await visitor.ask('/fail', { cookie })).status, 500)
    assert.equal((await sessions.read({ cookie })).get('a'), 1)
    assert.equal((await visitor.ask('/fail?logout=1', { cookie })).all('set-cookie').length, 1)
    assert.equal((await sessions.read({ cookie })).isNew, true)
  })
})

suite('fetch', { timeout: 20_000 }, () => {
  const request = (path = '/', cookie?: string) =>
    new Request(`http://localhost${path}`, { headers: cookie ? { cookie } : {} })

  test('a response whose headers cannot be changed still gets its cookie', async () => {
    const { sessions } = slowSessions()
    const handler = fetchAdapter(sessions, async (request) => {
      ;(await sessions.get(request)).set('a', 1)
      return Response.redirect('http://localhost/there', 303)
    })
    const response = await handler(request())
    assert.equal(response.status, 303)
    assert.equal(response.headers.get('location'), 'http://localhost/there')
    assert.equal(response.headers.getSetCookie().length, 1)
  })

  test('a response whose session was never asked for is returned unchanged', async () => {
    const { sessions } = slowSessions()
    const own = new Response('own')
    assert.equal(await fetchAdapter(sessions, () => own)(request()), own)
  })

  test('arguments after the request are passed to the handler', async () => {
    const { sessions } = slowSessions()
    const handler = fetchAdapter(sessions, (_request: Request, env: { name: string }) => new Response(env.name))
    assert.equal(await (await handler(request(), { name: 'prod' })).text(), 'prod')
  })

  test('an error of the application is thrown again, and only a logout before it is saved', async () => {
    const { sessions } = slowSessions()
    const handler = fetchAdapter(sessions, async (request) => {
      const session = await sessions.get(request)
      session.set('a', 2)
      if (request.url.endsWith('/logout')) session.logout()
      throw new RangeError('the application failed')
    })
    const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
    await assert.rejects(handler(request('/', cookie)), RangeError)
    assert.equal((await sessions.read({ cookie })).get('a'), 1)
    await assert.rejects(handler(request('/logout', cookie)), RangeError)
    assert.equal((await sessions.read({ cookie })).isNew, true)
  })

  test('onError may respond with any status, and nothing is saved', async () => {
    for (const saveOnServerError of [true, false]) {
      const { sessions } = slowSessions({ saveOnServerError })
      const handler = fetchAdapter(
        sessions,
        async (request) => {
          const session = await sessions.get(request)
          session.set('good', 1).set('odd', 1n)
          return new Response('the body')
        },
        { onError: (error) => new Response(error.code, { status: 422 }) },
      )
      const response = await handler(request())
      assert.deepEqual([response.status, await response.text()], [422, 'STRONGROOM_DATA'])
      assert.deepEqual(response.headers.getSetCookie(), [])
    }
  })

  test('a session that is first asked for in the body of the response can only be read', async () => {
    const { sessions } = slowSessions()
    const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
    const handler = fetchAdapter(sessions, (request) => {
      async function* body() {
        const session = await sessions.get(request)
        yield new TextEncoder().encode(`${session.get('a')} `)
        assert.throws(() => session.set('a', 2), { code: 'STRONGROOM_CLOSED' })
        yield new TextEncoder().encode('closed')
      }
      return new Response(ReadableStream.from(body()))
    })
    assert.equal(await (await handler(request('/', cookie))).text(), '1 closed')
  })
})

suite('the cookie of what save() has stored is sent even when the response fails', { timeout: 20_000 }, () => {
  const work = async (sessions: ReturnType<typeof slowSessions>['sessions'], request: object) => {
    const session = await sessions.get(request)
    session.login('ada')
    await sessions.save(request)
    session.set('odd', 1n)
  }
  const listeners: readonly [string, (sessions: ReturnType<typeof slowSessions>['sessions']) => Server][] = [
    [
      'node',
      (sessions) =>
        createServer(
          node(sessions, async (request, response) => {
            await work(sessions, request)
            response.writeHead(200, { ETag: '"1"' }).end('the body')
          }),
        ),
    ],
    [
      'fetch',
      (sessions) =>
        createServer(
          getRequestListener(
            fetchAdapter(sessions, async (request) => {
              await work(sessions, request)
              return new Response('the body', { headers: { ETag: '"1"' } })
            }),
          ),
        ),
    ],
    [
      'hono',
      (sessions) => {
        const app = new Hono().use(hono(sessions))
        app.get('/', async (c) => {
          await work(sessions, c)
          return c.text('the body', 200, { ETag: '"1"' })
        })
        return createServer(getRequestListener(app.fetch))
      },
    ],
  ]
  for (const [name, open] of listeners)
    test(name, async (t) => {
      const { sessions } = slowSessions()
      const { visitor } = await running(t, open(sessions))
      const page = await visitor.ask('/')
      assert.equal(page.status, 500)
      assert.deepEqual(page.all('etag'), [])
      assert.deepEqual(page.all('vary'), ['Cookie'])
      assert.equal(page.all('set-cookie').length, 1)
      assert.equal((await sessions.read({ cookie: visitor.jar.header() })).userId, 'ada')
    })
})

suite('two kinds of sessions in one application', { timeout: 20_000 }, () => {
  for (const order of ['ab', 'ba'])
    test(`do not disturb each other (${order})`, async (t) => {
      const a = slowSessions({ cookie: { name: '__Host-a' } })
      const b = slowSessions({ cookie: { name: '__Host-b' } })
      const app = express5().set('env', 'test').use(express(a.sessions)).use(express(b.sessions))
      app.get('/put', async (request, response) => {
        for (const name of order) {
          const session = await (name === 'a' ? a : b).sessions.get(request)
          session.set('of', name).set('at', request.url)
        }
        response.writeHead(200, { Vary: 'Accept' })
        response.write('x'.repeat(100_000))
        response.end('done')
      })
      app.get('/read', async (request, response) => {
        const [one, other] = await Promise.all([a.sessions.get(request), b.sessions.get(request)])
        response.json([one.get('of'), other.get('of')])
      })
      app.get('/only', async (request, response) => {
        ;(await a.sessions.get(request)).set('of', 'a again')
        response.json('')
      })
      const { visitor } = await running(t, app)
      const page = await visitor.must('/put')
      assert.ok(page.text.endsWith('done'))
      assert.equal(page.all('set-cookie').length, 2)
      assert.deepEqual(page.all('vary'), ['Accept, Cookie'])
      assert.equal((await visitor.must('/read')).text, '["a","b"]')
      b.watch.calls.length = 0
      await visitor.must('/only')
      assert.deepEqual(b.watch.calls, [])
      for (const failing of [a, b]) {
        failing.watch.before = (call) => call === 'update' && down()
        const page = await visitor.ask(`/put?${failing.sessions.policy.cookieName}`)
        assert.equal(page.status, 503)
        assert.match(page.text, /The session store failed/)
        failing.watch.before = null
      }
      assert.match((await visitor.must('/read')).text, /^\["a( again)?","b"\]$/)
    })

  test('a request that is attached to one is not attached to the other', async () => {
    const { sessions } = slowSessions()
    const other = createSessions({ secrets: Buffer.from(crypto.getRandomValues(new Uint8Array(32))), store: 'memory:' })
    const request = new Request('http://localhost/')
    await fetchAdapter(sessions, () => new Response(''))(request)
    await assert.rejects(other.get(request), { code: 'STRONGROOM_NOT_ATTACHED' })
  })
})

suite('a socket', { timeout: 20_000 }, () => {
  test('can read the session of its upgrade request, and not change it', async (t) => {
    const { sessions, watch } = slowSessions()
    const sockets = new WebSocketServer({ noServer: true })
    const server = createServer(node(sessions, (_request, response) => response.end()))
    server.on('upgrade', async (request, socket, head) => {
      const session = await sessions.read(request)
      if (session.userId === null) socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n')
      else
        sockets.handleUpgrade(request, socket, head, (connection) => {
          assert.throws(() => session.set('a', 1), { code: 'STRONGROOM_READ_ONLY' })
          connection.send(`hello ${session.userId}`)
          connection.close()
        })
    })
    const { url } = await running(t, server)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    watch.calls.length = 0
    const socket = new WebSocket(url, { headers: { cookie } })
    const [message] = await once(socket, 'message')
    assert.equal(String(message), 'hello ada')
    await once(socket, 'close')
    assert.deepEqual(watch.calls, ['read'])
    const stranger = new WebSocket(url)
    const [error] = await once(stranger, 'error')
    assert.match(error.message, /401/)
    assert.deepEqual(watch.calls, ['read'])
  })
})
