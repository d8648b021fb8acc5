import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import { assertBodySize, fromNodeHandler, H3, HTTPError, HTTPResponse, onResponse } from 'h3'
import { toNodeHandler } from 'h3/node'
import {
  type AppOptions,
  createApp,
  createError,
  eventHandler,
  readBody,
  sendRedirect,
  sendStream,
  setResponseStatus,
  toNodeListener,
  toPlainHandler,
  toWebHandler,
} from 'h3-1'
import { withSessions as fetchAdapter } from '../../packages/strongroom/src/adapters/fetch.ts'
import { csrf, strongroom, withSessions } from '../../packages/strongroom/src/adapters/h3.ts'
import { ConfigError, NotAttachedError, type StrongroomError } from '../../packages/strongroom/src/errors.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { type Running, running, slowSessions, type Values } from './site.ts'

type Sessions = ReturnType<typeof slowSessions>['sessions']

const LARGE = 'x'.repeat(100_000)

const silent = (t: TestContext) => {
  t.mock.method(console, 'error', () => {})
  t.mock.method(process, 'emitWarning', () => {})
}

const codeOf = (error: { cause?: unknown } | undefined) => (error?.cause as StrongroomError | undefined)?.code

const circular = () => {
  const value: Record<string, unknown> = {}
  value.self = value
  return value
}

/** How an application of h3 2 is served: with Node's response at hand, and without. */
const SERVERS: Readonly<Record<string, (app: H3) => RequestListener>> = {
  'on Node': (app) => toNodeHandler(app) as RequestListener,
  'by its fetch handler': (app) => getRequestListener(app.fetch as never),
}

for (const [where, serve] of Object.entries(SERVERS))
  suite(`h3 2 ${where}`, { timeout: 20_000 }, () => {
    const site = (t: TestContext, app: H3): Promise<Running> => running(t, createServer(serve(app)))

    test('what is cached for everybody has no session, although it has the event of its first visitor', async (t) => {
      silent(t)
      const { sessions } = slowSessions()
      const app = new H3()
      app.use(strongroom(sessions))
      app.get('/login', async (event) => {
        ;(await sessions.get(event)).login('ada')
        return 'welcome'
      })
      app.get('/cached', async (event) => {
        const own = event.req
        // As h3/rules and Nitro 3 do, before they call the handler whose response they store.
        const narrowed = new Request(own.url, { method: own.method, headers: [...own.headers] })
        Object.assign(event, { req: narrowed })
        const error = await sessions.get(event).catch((error: unknown) => error)
        Object.assign(event, { req: own })
        return `${error instanceof NotAttachedError} ${(await sessions.get(event)).userId}`
      })
      app.post('/limited', async (event) => {
        assertBodySize(event, 100)
        return `${(await sessions.get(event)).userId} ${await event.req.text()}`
      })
      const { visitor: ada } = await site(t, app)
      assert.equal((await ada.must('/cached')).text, 'true null')
      await ada.must('/login')
      assert.equal((await ada.must('/cached')).text, 'true ada')
      assert.equal((await ada.ask('/limited', { method: 'POST', body: 'short' })).text, 'ada short')
    })

    test('an error of the save reaches onError, with its status and its cause', async (t) => {
      silent(t)
      const { sessions } = slowSessions()
      const errors: HTTPError[] = []
      const app = new H3({
        onError(error) {
          errors.push(error)
          return { page: 'of the application', status: error.status }
        },
      })
      app.use(strongroom(sessions))
      app.get('/', async (event) => {
        ;(await sessions.get(event)).set('a', LARGE)
        return { secret: 'the page' }
      })
      const { visitor } = await site(t, app)
      const page = await visitor.ask('/')
      assert.deepEqual(JSON.parse(page.text), { page: 'of the application', status: 500 })
      assert.deepEqual(page.all('set-cookie'), [])
      assert.equal(codeOf(errors[0]), 'STRONGROOM_TOO_LARGE')
    })

    test('a logout is sent with the page of an error, too', async (t) => {
      silent(t)
      const { sessions } = slowSessions()
      const app = new H3({ silent: true }).use(strongroom(sessions))
      app.get('/', async (event) => {
        const session = await sessions.get(event)
        session.set('a', 1).logout()
        throw new HTTPError({ status: 500 })
      })
      const { visitor } = await site(t, app)
      const { cookie } = await sessionFor(sessions, { userId: 'ada' })
      const page = await visitor.ask('/', { cookie })
      assert.deepEqual([page.status, page.all('set-cookie').length], [500, 1])
      assert.equal((await sessions.read({ cookie })).userId, null)
    })

    test('a value that cannot be sent saves nothing', async (t) => {
      silent(t)
      const { sessions } = slowSessions()
      const app = new H3({ silent: true }).use(strongroom(sessions))
      app.get('/', async (event) => {
        ;(await sessions.get(event)).set('a', 2)
        return circular()
      })
      const { visitor } = await site(t, app)
      const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
      assert.equal((await visitor.ask('/', { cookie })).status, 500)
      assert.equal((await sessions.read({ cookie })).get('a'), 1)
    })

    test('every value that h3 sends is sent as without a session, with its cookie', async (t) => {
      const { sessions } = slowSessions()
      const values: Readonly<Record<string, () => unknown>> = {
        '/object': () => ({ a: 1 }),
        '/array': () => [1, 'two'],
        '/string': () => 'text',
        '/number': () => 5,
        '/null': () => null,
        '/undefined': () => undefined,
        '/date': () => new Date(0),
        '/bytes': () => new Uint8Array([104, 105]),
        '/response': () =>
          new Response('own', { status: 201, headers: { vary: 'Accept', 'x-own': '1', 'content-type': 'text/x-own' } }),
        '/http-response': () => new HTTPResponse('own', { status: 201, headers: { vary: 'Accept', 'x-own': '1' } }),
        '/redirect': () => Response.redirect('https://shop.example/', 303),
        '/missing': () => new Response('none', { status: 404, headers: { 'content-type': 'text/x-own' } }),
        '/error': () => new HTTPError({ status: 418, message: 'tea' }),
      }
      const made = (asks: boolean) => {
        const app = new H3({ silent: true }).use(strongroom(sessions))
        for (const [path, value] of Object.entries(values))
          app.get(path, async (event) => {
            if (asks) (await sessions.get(event)).set('a', 1)
            return value()
          })
        return app
      }
      const [plain, asking] = [await site(t, made(false)), await site(t, made(true))]
      for (const path of Object.keys(values)) {
        const [without, page] = [await plain.visitor.ask(path), await asking.visitor.ask(path, { cookie: '' })]
        assert.deepEqual([page.status, page.text], [without.status, without.text], path)
        for (const name of ['content-type', 'location', 'x-own'])
          assert.deepEqual(page.all(name), without.all(name), `${path} ${name}`)
        assert.equal(page.all('set-cookie').length, 1, path)
        assert.match(page.header('vary') ?? '', path.endsWith('response') ? /^Accept, Cookie$/ : /^Cookie$/, path)
        assert.deepEqual(page.all('cache-control'), ['no-store'], path)
        assert.deepEqual(without.all('set-cookie'), [], path)
      }
    })

    test('a response that would be stored by a CDN is not, whichever way its headers were set', async (t) => {
      const { sessions } = slowSessions()
      const app = new H3().use(strongroom(sessions))
      app.get('/', async (event) => {
        ;(await sessions.get(event)).set('a', 1)
        event.res.headers.set('cache-control', 'public, max-age=60')
        return new Response('page', { headers: { 'cdn-cache-control': 'max-age=60' } })
      })
      const page = await (await site(t, app)).visitor.must('/')
      assert.deepEqual([page.all('cache-control'), page.all('cdn-cache-control')], [['no-store'], []])
    })

    test('used twice, or in a part of the application, it has one session and sends one cookie', async (t) => {
      const { sessions } = slowSessions()
      const part = new H3().use(strongroom(sessions))
      part.get('/page', async (event) => {
        ;(await sessions.get(event)).login('ada')
        return String((await sessions.get(event)).get('basket'))
      })
      const app = new H3().use(strongroom(sessions)).use(async (event) => {
        ;(await sessions.get(event)).set('basket', 1)
      })
      app.mount('/part', part)
      const { visitor } = await site(t, app)
      const page = await visitor.must('/part/page')
      assert.deepEqual([page.text, page.all('set-cookie').length], ['1', 1])
      const session = await sessions.read({ cookie: visitor.jar.header() })
      assert.deepEqual([session.userId, session.get('basket')], ['ada', 1])
    })

    test('a hook for responses before it sees the response with its cookie, and one after it is counted', async (t) => {
      const { sessions } = slowSessions()
      const app = new H3({ silent: true }).use(strongroom(sessions))
      app.use(onResponse((response) => new Response(response.body, { status: 503 })))
      app.get('/', async (event) => {
        ;(await sessions.get(event)).set('a', 1)
        return 'page'
      })
      const page = await (await site(t, app)).visitor.ask('/')
      assert.deepEqual([page.status, page.all('set-cookie')], [503, []])
    })
  })

suite('h3 2 on Node', { timeout: 20_000 }, () => {
  test('a handler for Node that responds itself sends the cookie, and its session is saved before', async (t) => {
    const { sessions } = slowSessions()
    const app = new H3().use(strongroom(sessions)).use(async (event) => {
      ;(await sessions.get(event)).set('a', 1)
    })
    app.get(
      '/',
      fromNodeHandler((_request, response) => void response.end('the page')),
    )
    const { visitor } = await running(t, createServer(toNodeHandler(app) as RequestListener))
    const page = await visitor.must('/')
    assert.deepEqual([page.text, page.all('set-cookie').length], ['the page', 1])
    assert.equal((await sessions.read({ cookie: visitor.jar.header() })).get('a'), 1)
  })

  test('an onError with a Response of its own sends the cookie, and its status is the one that counts', async (t) => {
    const { sessions } = slowSessions()
    const app = new H3({ silent: true, onError: () => new Response('own page', { status: 502 }) })
    app.use(strongroom(sessions)).get('/', async (event) => {
      const session = await sessions.get(event)
      session.set('a', 2)
      if (event.url.searchParams.has('logout')) session.logout()
      throw new HTTPError({ status: 404 })
    })
    const { visitor } = await running(t, createServer(toNodeHandler(app) as RequestListener))
    const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
    assert.equal((await visitor.ask('/', { cookie })).status, 502)
    assert.equal((await sessions.read({ cookie })).get('a'), 1)
    const page = await visitor.ask('/?logout', { cookie })
    assert.deepEqual([page.text, page.all('set-cookie').length], ['own page', 1])
  })

  test('within withSessions() of strongroom/fetch, that commits', async () => {
    const { sessions } = slowSessions()
    const app = new H3().use(strongroom(sessions)).get('/', async (event) => {
      ;(await sessions.get(event)).set('a', 1)
      return 'page'
    })
    const response = await fetchAdapter(sessions, async (request: Request) => app.fetch(request))(
      new Request('http://localhost/'),
    )
    assert.equal(response.headers.getSetCookie().length, 1)
  })
})

/** An application of h3 1, and what its error handler got. */
function app1(sessions: Sessions, options: AppOptions = {}) {
  const errors: { statusCode: number; message: string; unhandled: boolean; cause?: unknown }[] = []
  const onError: AppOptions['onError'] = async (error, event) => {
    errors.push(error)
    // As that of Nuxt, which renders a page.
    await new Promise((resolve) => setImmediate(resolve))
    setResponseStatus(event, error.statusCode)
    event.node.res.end(`page of ${error.statusCode}`)
  }
  return { app: withSessions(sessions, createApp({ onError, ...options })), errors }
}

const grow = async (sessions: Sessions, event: object) => {
  ;(await sessions.get(event)).set('a', LARGE)
}

/** How an application of h3 1 is served. */
const SERVERS_1: Readonly<Record<string, (app: ReturnType<typeof createApp>) => RequestListener>> = {
  'on Node': toNodeListener,
  'by toWebHandler()': (app) => getRequestListener(toWebHandler(app)),
}

for (const [where, serve] of Object.entries(SERVERS_1))
  suite(`h3 1 ${where}`, { timeout: 20_000 }, () => {
    const ways: Readonly<Record<string, Parameters<typeof eventHandler>[0]>> = {
      'a value': () => ({ a: 'secret page' }),
      'a redirect': (event) => sendRedirect(event, '/secret'),
      nothing: () => null,
      'a response': () => new Response('secret page', { headers: { etag: '"1"' } }),
      'a stream': () => new Response('secret page').body,
      "Node's response": (event) => {
        event.node.res.setHeader('location', '/secret')
        event.node.res.end('secret page')
      },
    }
    for (const [what, way] of Object.entries(ways))
      test(`an error of the save reaches onError instead of ${what}, and no other handler runs`, async (t) => {
        silent(t)
        // The first fails while the response is being written, the second when its handler has returned.
        for (const [code, value] of [
          ['STRONGROOM_DATA', 1n],
          ['STRONGROOM_TOO_LARGE', LARGE],
        ] as const) {
          const { sessions } = slowSessions()
          const { app, errors } = app1(sessions)
          let ran = false
          app.use(
            '/',
            eventHandler(async (event) => {
              ;(await sessions.get(event)).set('a', value)
              return way(event)
            }),
          )
          app.use(
            eventHandler(() => {
              ran = true
              return 'the next handler'
            }),
          )
          const { visitor } = await running(t, createServer(serve(app)))
          const page = await visitor.ask('/')
          assert.deepEqual([page.status, page.text], [500, 'page of 500'])
          assert.deepEqual([page.all('set-cookie'), page.all('location'), page.all('etag')], [[], [], []])
          assert.equal(ran, false)
          assert.equal(errors.length, 1)
          assert.equal(codeOf(errors[0]), code)
          assert.equal(errors[0]?.unhandled, true)
        }
      })

    test('a value that cannot be sent saves nothing, and a logout that comes with it is saved', async (t) => {
      silent(t)
      const { sessions } = slowSessions()
      const app = withSessions(sessions, createApp())
      app.use(
        eventHandler(async (event) => {
          const session = await sessions.get(event)
          session.set('a', 2)
          if (event.path.includes('logout')) session.logout()
          return circular()
        }),
      )
      const { visitor } = await running(t, createServer(serve(app)))
      const { cookie } = await sessionFor(sessions, { userId: 'ada', data: { a: 1 } })
      assert.equal((await visitor.ask('/', { cookie })).status, 500)
      assert.equal((await sessions.read({ cookie })).get('a'), 1)
      assert.equal((await visitor.ask('/?logout', { cookie })).all('set-cookie').length, 1)
      assert.equal((await sessions.read({ cookie })).userId, null)
    })

    test('an error of createError() below 500 saves what was changed', async (t) => {
      silent(t)
      const { sessions } = slowSessions()
      const app = withSessions(sessions, createApp())
      app.use(
        eventHandler(async (event) => {
          ;(await sessions.get(event)).set('a', 2)
          throw createError({ statusCode: 422, statusMessage: 'Not so' })
        }),
      )
      const { visitor } = await running(t, createServer(serve(app)))
      const page = await visitor.ask('/')
      assert.deepEqual([page.status, page.all('set-cookie').length], [422, 1])
    })

    test('applied twice, and to an application within, it has one session and sends one cookie', async (t) => {
      const { sessions } = slowSessions()
      const part = withSessions(sessions, createApp())
      part.use(
        eventHandler(async (event) => {
          ;(await sessions.get(event)).login('ada')
          return String((await sessions.get(event)).get('basket'))
        }),
      )
      const app = withSessions(sessions, withSessions(sessions, createApp()))
      app.use(
        eventHandler(async (event) => {
          ;(await sessions.get(event)).set('basket', 1)
        }),
      )
      app.use('/part', part.handler)
      const { visitor } = await running(t, createServer(serve(app)))
      const page = await visitor.must('/part/page')
      assert.deepEqual([page.text, page.all('set-cookie').length], ['1', 1])
      assert.equal((await sessions.read({ cookie: visitor.jar.header() })).userId, 'ada')
    })

    test('an onBeforeResponse of the application may change the session', async (t) => {
      const { sessions } = slowSessions()
      const app = withSessions(
        sessions,
        createApp({
          async onBeforeResponse(event) {
            ;(await sessions.get(event)).set('a', 1)
          },
        }),
      )
      app.use(eventHandler(() => new Response('page')))
      const { visitor } = await running(t, createServer(serve(app)))
      await visitor.must('/')
      assert.equal((await sessions.read({ cookie: visitor.jar.header() })).get('a'), 1)
    })

    test('csrf() leaves a form, and what is none, for the handler', async (t) => {
      silent(t)
      const { sessions } = slowSessions()
      const app = withSessions(sessions, createApp())
      app.use(csrf(sessions))
      app.use(eventHandler(async (event) => JSON.stringify(await readBody(event))))
      const { visitor } = await running(t, createServer(serve(app)))
      const { cookie } = await sessionFor(sessions, { userId: 'ada' })
      const ask = (type: string, body: string, own: object = { 'sec-fetch-site': 'same-origin' }) =>
        visitor.ask('/', { method: 'POST', cookie, headers: { 'content-type': type, ...own }, body })
      assert.equal((await ask('application/json', '{"a":1}')).text, '{"a":1}')
      assert.equal((await ask('application/x-www-form-urlencoded', 'a=1')).text, '{"a":"1"}')
      assert.equal((await ask('application/x-www-form-urlencoded', 'a=1', {})).status, 403)
      assert.equal((await ask('application/json', '{"a":1}', {})).status, 403)
      const large = `a=${'x'.repeat(2 * 1024 * 1024)}`
      assert.equal((await ask('application/x-www-form-urlencoded', large, {})).status, 403)
    })
  })

suite('h3 1', { timeout: 20_000 }, () => {
  test('without onError, an error of the save is a response with its status', async (t) => {
    silent(t)
    const { sessions, watch } = slowSessions()
    const app = withSessions(sessions, createApp())
    app.use(
      eventHandler(async (event) => {
        ;(await sessions.get(event)).set('a', 1)
        return 'the page'
      }),
    )
    watch.before = (call) => {
      if (call === 'create') throw new Error('down')
    }
    const { visitor } = await running(t, createServer(toNodeListener(app)))
    const page = await visitor.ask('/')
    assert.equal(page.status, 503)
    assert.doesNotMatch(page.text, /the page|down/)
    const web = await toWebHandler(app)(new Request('http://localhost/'))
    assert.equal(web.status, 503)
    assert.doesNotMatch(await web.text(), /the page/)
    const plain = await toPlainHandler(app)({ method: 'GET', path: '/', headers: [] })
    assert.equal(plain.status, 503)
  })

  test('a handler that is in the middle of a stream does not write into the response of the error', async (t) => {
    silent(t)
    const { sessions } = slowSessions()
    const { app } = app1(sessions)
    app.use(
      eventHandler(async (event) => {
        await grow(sessions, event)
        return sendStream(
          event,
          ReadableStream.from(
            (async function* () {
              for (let part = 0; part < 5; part += 1) {
                yield new TextEncoder().encode('PART ')
                await new Promise((resolve) => setImmediate(resolve))
              }
            })(),
          ),
        )
      }),
    )
    const { visitor } = await running(t, createServer(toNodeListener(app)))
    const page = await visitor.ask('/')
    assert.equal(page.status, 500)
    assert.doesNotMatch(page.text, /PART/)
  })
})

suite('h3 1, a request that a handler makes of its own server', { timeout: 20_000 }, () => {
  /** What Nitro calls for a path: Node's handler with stand-ins, of which the request has the context of the event. */
  async function localFetcher(app: ReturnType<typeof createApp>) {
    const made: { req: object; res: object }[] = []
    const capturing = createApp().use(eventHandler(({ node }) => String(made.push(node))))
    await toWebHandler(capturing)(new Request('http://localhost/'))
    const [Incoming, Outgoing] = [made[0]?.req.constructor, made[0]?.res.constructor] as (new (
      ...given: unknown[]
    ) => object)[]
    return async (url: unknown, init: { context: object; headers: object }) => {
      const req = Object.assign(new (Incoming as NonNullable<typeof Incoming>)(), {
        url,
        headers: init.headers,
        __unenv__: init.context,
      })
      const res = new (Outgoing as NonNullable<typeof Outgoing>)(req) as {
        _data: string
        getHeader(name: string): unknown
      }
      await toNodeListener(app)(req as never, res as never)
      return { text: res._data, cookie: res.getHeader('set-cookie') }
    }
  }

  async function site(t: TestContext) {
    silent(t)
    const { sessions } = slowSessions()
    const app = withSessions(sessions, createApp())
    app.use(
      '/count',
      eventHandler(async (event) => {
        const session = await sessions.get(event)
        return String(session.update('n', (n) => Number(n ?? 0) + 1))
      }),
    )
    const localFetch = await localFetcher(app)
    app.use(
      '/page',
      eventHandler(async (event) => {
        const { headers, context } = event.node.req.url?.includes('stripped')
          ? { headers: {}, context: event.context }
          : { headers: event.node.req.headers, context: event.context }
        const inner = [
          await localFetch('/count', { headers, context }),
          await localFetch('/count', { headers, context }),
        ]
        if (event.path.includes('fails')) throw createError({ statusCode: 500 })
        return inner.map(({ text, cookie }) => `${text} ${cookie === undefined}`).join()
      }),
    )
    return { sessions, ...(await running(t, createServer(toNodeListener(app)))) }
  }

  test('has the session of the event, which saves it with its own response', async (t) => {
    const { visitor } = await site(t)
    const page = await visitor.must('/page')
    assert.deepEqual([page.text, page.all('set-cookie').length], ['1 true,2 true', 1])
    assert.equal((await visitor.must('/count')).text, '3')
    assert.equal((await visitor.ask('/page?fails')).status, 500)
    assert.equal((await visitor.must('/count')).text, '4')
  })

  test('has none without the cookie of the event, as within what is cached for everybody', async (t) => {
    const { visitor } = await site(t)
    await visitor.must('/count')
    assert.equal((await visitor.must('/page?stripped')).text, '1 false,1 false')
    assert.equal((await visitor.must('/count')).text, '2')
  })
})

suite('strongroom/h3, used in a wrong way', () => {
  const { sessions } = slowSessions()

  test('refuses what is not sessions', () => {
    for (const wrong of [undefined, {}, () => sessions]) {
      assert.throws(() => strongroom(wrong as never), ConfigError)
      assert.throws(() => withSessions(wrong as never, createApp()), ConfigError)
      assert.throws(() => csrf(wrong as never), ConfigError)
    }
    assert.throws(() => csrf(sessions, { orgin: 'https://shop.example' } as never), /Did you mean "origin"/)
  })

  test('as middleware of h3 1 says where it belongs', async (t) => {
    silent(t)
    const errors: Error[] = []
    const app = createApp({ onError: (error) => void errors.push(error) })
    app.use(strongroom(sessions) as never)
    app.use(eventHandler(() => 'the page'))
    const response = await toWebHandler(app)(new Request('http://localhost/'))
    assert.equal(response.status, 500)
    assert.match(errors[0]?.message ?? '', /defineNitroPlugin\(strongroom\(sessions\)\).*server\/plugins/)
  })

  test('withSessions() takes an application of h3 1, and says what to write for one of h3 2', () => {
    assert.throws(() => withSessions(sessions, new H3() as never), /app\.use\(strongroom\(sessions\)\)/)
    for (const wrong of [undefined, {}, eventHandler(() => 'page')])
      assert.throws(() => withSessions(sessions, wrong as never), /withSessions\(sessions, createApp\(\)\)/)
  })

  test('a session that is asked for before it is used is an error that says so', async (t) => {
    silent(t)
    const errors: unknown[] = []
    const app = new H3({ onError: (error) => void errors.push(error.cause) })
    app.use(async (event) => void (await sessions.get(event)))
    app.use(strongroom<Values>(sessions)).get('/', () => 'page')
    assert.equal((await app.request('/')).status, 500)
    assert.ok(errors[0] instanceof NotAttachedError)
  })
})
