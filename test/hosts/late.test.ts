import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import express, { type Response as ExpressResponse, type Request } from 'express'
import { createApp, eventHandler, fromNodeMiddleware, toNodeListener } from 'h3-1'
import Koa from 'koa'
import koaConnect from 'koa-connect'
import { inject } from 'light-my-request'
import { createMocks } from 'node-mocks-http'
import polka from 'polka'
import serverless from 'serverless-http'
import { toFetchHandler } from 'srvx/node'
import { csrf, strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { running, slowSessions } from '../adapters/site.ts'
import { expressOf4 } from './connect.ts'

type Sites = ReturnType<typeof slowSessions>

const failing = () => {
  const site = slowSessions({ on: () => {} })
  site.watch.before = (call) => {
    if (call !== 'read') throw new Error('down')
  }
  return site
}

const later = (sessions: Sites['sessions']) => async (request: object) => {
  ;(await sessions.get(request)).set('a', 1)
  return 'the page'
}

suite('the option onError of strongroom() responds when the session could not be saved', { timeout: 20_000 }, () => {
  test('under Express, instead of its error handler, with the request and an empty response', async (t) => {
    const { sessions } = failing()
    const onError = (error: unknown, request: Request, response: ExpressResponse) => {
      assert.ok(error instanceof StoreError)
      assert.equal(response.headersSent, false)
      response.status(418).send(`mine, at ${request.originalUrl}`)
    }
    const app = express().set('env', 'test').use(strongroom(sessions, { onError }))
    app.get('/some', async (request, response) => void response.send(await later(sessions)(request)))
    app.use((_error: unknown, _request: Request, _response: ExpressResponse, _next: unknown) =>
      assert.fail('the error handler'),
    )
    const page = await (await running(t, app)).visitor.ask('/some')
    assert.deepEqual([page.status, page.text], [418, 'mine, at /some'])
  })

  for (const [what, onError] of [
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('broken'))],
  ] as const)
    test(`and when it ${what}, the visitor gets a 500, and the process goes on`, async (t) => {
      const warned = t.mock.method(process, 'emitWarning', () => {})
      const { sessions } = failing()
      const app = express().set('env', 'test').use(strongroom(sessions, { onError }))
      app.get('/', async (request, response) => void response.send(await later(sessions)(request)))
      const { visitor } = await running(t, app)
      for (let times = 0; times < 2; times++) {
        const page = await visitor.ask('/')
        assert.deepEqual([page.status, page.text], [500, 'Internal Server Error\n'])
      }
      assert.equal(warned.mock.callCount(), 2)
    })

  test('is refused unless it is a function, and so is an option that does not exist', () => {
    const { sessions } = slowSessions()
    const refused = (options: object, message: RegExp) =>
      assert.throws(() => strongroom(sessions, options), { code: 'STRONGROOM_CONFIG', message })
    refused({ onError: 'log' }, /"onError" of strongroom\(\) must be a function/)
    refused({ onErorr: () => {} }, /"onErorr" for strongroom\(\).*onError/)
  })
})

suite('the error handler of Express gets a late error', { timeout: 20_000 }, () => {
  const handler = (_error: unknown, _request: Request, response: ExpressResponse, _next: unknown) =>
    void response.status(418).send('handled')
  type Place = (make: typeof express, sites: Sites) => Parameters<typeof createServer>[1]
  const PLACES: Readonly<Record<string, Place>> = {
    'of middleware on one route': (make, { sessions }) => {
      const app = make().set('env', 'test')
      app.get('/', strongroom(sessions), async (request, response) => {
        response.send(await later(sessions)(request))
      })
      return app.use(handler)
    },
    'of a router, whose own error handler comes first': (make, { sessions }) => {
      const router = make.Router().use(strongroom(sessions))
      router.get('/', async (request, response) => {
        response.send(await later(sessions)(request))
      })
      router.use(handler)
      const app = make().set('env', 'test').use(router)
      return app.use((_error: unknown, _request: Request, _response: ExpressResponse, _next: unknown) =>
        assert.fail('the outer one'),
      )
    },
    'of an application in an application': (make, { sessions }) => {
      const inner = make().set('env', 'test').use(strongroom(sessions))
      inner.get('/', async (request, response) => {
        response.send(await later(sessions)(request))
      })
      return make().set('env', 'test').use('/', inner).use(handler)
    },
    "in a listener of one's own": (make, { sessions }) => {
      const app = make().set('env', 'test').use(strongroom(sessions))
      app.get('/', async (request, response) => {
        response.send(await later(sessions)(request))
      })
      app.use(handler)
      return (request, response) => app(request, response)
    },
  }
  for (const [name, make] of [
    ['Express 5', express],
    ['Express 4', expressOf4],
  ] as const)
    for (const [place, listen] of Object.entries(PLACES))
      test(`${place} (${name})`, async (t) => {
        const { visitor } = await running(t, createServer(listen(make, failing())))
        const page = await visitor.ask('/')
        assert.deepEqual([page.status, page.text], [418, 'handled'])
      })
})

/** Express with the middleware and no page: what is not found there is served by the host that it is mounted in. */
const passingOn = (sessions: Sites['sessions']) => {
  const app = express().set('env', 'test').use(strongroom(sessions))
  app.use((_error: unknown, _request: Request, _response: ExpressResponse, _next: unknown) =>
    assert.fail('Express has handed the request on'),
  )
  return app
}

suite('an application of Express that hands requests on to the host it is mounted in', { timeout: 20_000 }, () => {
  const hosts: Readonly<Record<string, (sites: Sites) => Parameters<typeof createServer>[1]>> = {
    h3({ sessions }) {
      const app = createApp().use(fromNodeMiddleware(passingOn(sessions) as never))
      return toNodeListener(app.use(eventHandler((event) => later(sessions)(event.node.req))))
    },
    Koa({ sessions }) {
      const app = new Koa().use(koaConnect(passingOn(sessions) as never))
      app.use(async (context) => {
        context.body = await later(sessions)(context.req)
      })
      return app.callback()
    },
  }
  for (const [name, listen] of Object.entries(hosts))
    test(`a visitor of ${name} whose session cannot be saved gets a 503, and does not wait for ever`, async (t) => {
      const { visitor } = await running(t, createServer(listen(failing())))
      const page = await visitor.ask('/')
      assert.equal(page.status, 503)
      assert.match(page.text, /^The session store failed/)
    })
})

suite('polka 0.5, whose own error page takes the code of an error for a status', { timeout: 20_000 }, () => {
  for (const held of [true, false])
    test(`does not end the process while the store is down${held ? ', when the response has to wait' : ''}`, async (t) => {
      const warned = t.mock.method(process, 'emitWarning', () => {})
      const { sessions, watch } = slowSessions({ on: () => {} })
      const app = polka().use(strongroom(sessions) as never)
      app.get('/', ((request: IncomingMessage, response: ServerResponse, next: (error: Error) => void) => {
        sessions.get(request).then((session) => {
          if (held) session.set('a', 1)
          if (request.headers.cookie) next(new StoreError('of the application'))
          else response.end('the page')
        }, next)
      }) as never)
      const { visitor } = await running(t, app.handler as never)
      const { cookie } = await sessionFor(sessions, { data: { a: 0 } })
      const page = await visitor.ask('/', { cookie })
      assert.deepEqual([page.status, page.text], [500, 'Internal Server Error\n'])
      watch.before = () => {
        throw new Error('down')
      }
      assert.equal((await visitor.ask('/', { cookie })).status, 500)
      watch.before = null
      assert.equal((await sessions.read({ cookie })).get('a'), 0)
      assert.equal((await visitor.ask('/')).text, 'the page')
      assert.match(JSON.stringify(warned.mock.calls[0]?.arguments), /is not a number from 100 to 999/)
    })
})

test('the plain response of a host without an error handler shows no details in production', async (t) => {
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'production'
  t.after(() => {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  })
  const { sessions } = failing()
  const app = createApp().use(fromNodeMiddleware(strongroom(sessions)))
  app.use(eventHandler((event) => later(sessions)(event.node.req)))
  const page = await (await running(t, toNodeListener(app))).visitor.ask('/')
  assert.deepEqual(
    [page.status, page.text, page.header('content-type')],
    [503, 'Service Unavailable\n', 'text/plain; charset=utf-8'],
  )
})

test('csrf() calls next once, even when next throws what a handler has thrown', () => {
  const calls: unknown[] = []
  const next = (error?: Error) => {
    calls.push(error)
    throw new Error('of a handler')
  }
  const { sessions } = slowSessions()
  const request = { method: 'GET', headers: {}, socket: {} } as IncomingMessage
  assert.throws(() => csrf(sessions)(request, {}, next), /of a handler/)
  assert.deepEqual(calls, [undefined])
})

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

/** How a stand-in is asked: resolves to the status, the body, and the number of cookies. */
const STAND_INS: Readonly<Record<string, (listener: Listener) => Promise<readonly [number, string, number]>>> = {
  async 'light-my-request'(listener) {
    const { statusCode, payload, headers } = await inject(listener as never, { url: '/' })
    return [statusCode, payload, [headers['set-cookie'] ?? []].flat().length]
  },
  async 'serverless-http'(listener) {
    const event = { version: '1.0', httpMethod: 'GET', path: '/', headers: {}, requestContext: {} }
    const { statusCode, body, headers } = (await serverless(listener as never)(event, {})) as {
      statusCode: number
      body: string
      headers: Record<string, string>
    }
    return [statusCode, body, headers['set-cookie'] ? 1 : 0]
  },
  async srvx(listener) {
    const response = await toFetchHandler(listener as never)(new Request('http://localhost/') as never)
    return [response.status, await response.text(), response.headers.getSetCookie().length]
  },
  async 'node-mocks-http'(listener) {
    const { EventEmitter } = await import('node:events')
    const { req, res } = createMocks({ url: '/' }, { eventEmitter: EventEmitter })
    const ended = new Promise((resolve) => res.on('end', resolve))
    listener(req as never, res as never)
    await ended
    return [res.statusCode, res._getData(), [res._getHeaders()['set-cookie'] ?? []].flat().length]
  },
}

const silent = (t: TestContext) => t.mock.method(process, 'emitWarning', () => {})

for (const [name, ask] of Object.entries(STAND_INS))
  suite(`a response stand-in of ${name}, held back until the session is saved`, { timeout: 20_000 }, () => {
    test('is complete, with its cookie', async () => {
      const { sessions } = slowSessions()
      const listener = withSessions(sessions, async (request, response) => {
        response.end(await later(sessions)(request))
      })
      assert.deepEqual(await ask(listener), [200, 'the page', 1])
    })

    test('arrives unchanged when the handler throws after it has responded', async (t) => {
      silent(t)
      const { sessions } = slowSessions()
      const listener = withSessions(sessions, async (request, response) => {
        response.end(await later(sessions)(request))
        throw new Error('broken')
      })
      assert.deepEqual(await ask(listener), [200, 'the page', 1])
    })

    test('is not changed by what the handler does to it after its end', async () => {
      const { sessions } = slowSessions()
      const listener = withSessions(sessions, async (request, response) => {
        response.end(await later(sessions)(request))
        try {
          response.setHeader('Set-Cookie', 'late=1')
        } catch {}
        response.statusCode = 404
        response.end('again')
      })
      assert.deepEqual(await ask(listener), [200, 'the page', 1])
    })
  })
