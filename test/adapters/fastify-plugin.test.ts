import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:http2'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { suite, type TestContext, test } from 'node:test'
import websocket from '@fastify/websocket'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { WebSocket } from 'ws'
import { csrf, type PendingSession, strongroom } from '../../packages/strongroom/src/adapters/fastify.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { StoreError, type StrongroomError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { http1 } from '../../packages/strongroom/src/testing/adapter/client.ts'
import { gate, until } from '../../packages/strongroom/src/testing/adapter/gate.ts'
import { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { secret } from '../core/fixtures/secret.ts'
import { production, slowSessions, type Values } from './site.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a user of JavaScript may write
type Anything = any

/** By hand, because @fastify/session declares `request.session`, too, and this repository has both. */
const sessionOf = (request: FastifyRequest) => request.getDecorator<PendingSession<Values>>('session')

interface Site {
  readonly app: FastifyInstance
  readonly sessions: ReturnType<typeof slowSessions>['sessions']
  readonly watch: ReturnType<typeof slowSessions>['watch']
  readonly visitor: Visitor
  readonly url: string
}

/** An application whose plugin is registered, unless `plugin` is false. `/read` responds with the data. */
async function site(
  t: TestContext,
  build: (app: FastifyInstance, sessions: Site['sessions']) => unknown,
  { plugin = true, options = {} }: { plugin?: boolean; options?: object } = {},
): Promise<Site> {
  const { sessions, watch } = slowSessions()
  const app = fastify({ forceCloseConnections: true, ...options }) as unknown as FastifyInstance
  if (plugin) app.register(strongroom(sessions))
  app.get('/read', async (request) => {
    const session = await sessions.get(request)
    return { userId: session.userId, ...Object.fromEntries(session.keys().map((key) => [key, session.get(key)])) }
  })
  await build(app, sessions)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  t.after(() => app.close())
  const client = http1(url)
  t.after(() => client.close())
  return { app, sessions, watch, url, visitor: new Visitor(client) }
}

const down = ({ watch }: Pick<Site, 'watch'>, calls = ['update', 'create']) => {
  watch.before = (call) => {
    if (calls.includes(call)) throw new StoreError('Redis at "10.0.0.1:6379" refused the connection.')
  }
}

suite('request.session', { timeout: 20_000 }, () => {
  test('is a promise of the session that sessions.get(request) and sessions.get(request.raw) resolve to', async (t) => {
    const { visitor, watch } = await site(t, (app, sessions) => {
      app.get('/same', async (request) => {
        const session = await sessionOf(request)
        session.set('a', 1)
        return [await sessions.get(request), await sessions.get(request.raw)].map((other) => other === session)
      })
    })
    assert.equal((await visitor.must('/same')).text, '[true,true]')
    assert.deepEqual(await visitor.facts(), { userId: null, a: 1 })
    assert.deepEqual(watch.calls, ['create', 'read'])
  })

  test('is the same session when the request of Node is asked first', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.get('/same', async (request) => {
        const session = await sessions.get(request.raw)
        session.set('a', 1)
        return (await sessionOf(request)) === session
      })
    })
    assert.equal((await visitor.must('/same')).text, 'true')
    assert.deepEqual(await visitor.facts(), { userId: null, a: 1 })
  })

  test('loads nothing, and fails nothing, when it is not awaited', async (t) => {
    const here = await site(t, (app) => {
      app.get('/looks', async (request) => Boolean((request as Anything).session))
    })
    await here.visitor.must('/read')
    const { cookie } = await sessionFor(here.sessions, { userId: 'ada' })
    here.watch.calls.length = 0
    down(here, ['read'])
    assert.equal((await here.visitor.ask('/looks', { cookie })).text, 'true')
    assert.deepEqual(here.watch.calls, [])
  })

  for (const [misuse, use] of [
    ['read without await', (request: Anything) => request.session.userId],
    ['asked for a value without await', (request: Anything) => request.session.get('a')],
    ['written to', (request: Anything) => void Object.assign(request.session, { user: 'ada' })],
    ['set to null', (request: Anything) => void Object.assign(request, { session: null })],
  ] as const)
    test(`says what to write when it is ${misuse}`, async (t) => {
      const { visitor } = await site(t, (app) => {
        app.get('/misuse', async (request) => String(use(request)))
      })
      const page = await visitor.ask('/misuse')
      assert.equal(page.status, 500)
      assert.match(page.text, /await request\.session/)
    })
})

suite('the plugin', { timeout: 20_000 }, () => {
  test('is for the instance that it is registered on, and what is registered there later', async (t) => {
    const { visitor } = await site(
      t,
      (app, sessions) => {
        app.register(async (scope) => {
          scope.register(strongroom(sessions))
          scope.register(async (within) => {
            within.get('/scope/within', async (request) => (await sessionOf(request)).keys())
          })
          scope.get('/scope', async (request) => (await sessionOf(request)).keys())
        })
        app.get('/beside', async (request) => String((request as Anything).session))
      },
      { plugin: false },
    )
    assert.equal((await visitor.must('/scope')).text, '[]')
    assert.equal((await visitor.must('/scope/within')).text, '[]')
    assert.equal((await visitor.must('/beside')).text, 'undefined')
    const page = await visitor.ask('/read')
    assert.equal(page.status, 500)
    assert.match(page.text, /did not come through an adapter/)
  })

  test('registered on the application and in a scope has one session and sends one cookie', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.addHook('preHandler', async (request) => void (await sessions.get(request)).set('outer', 1))
      app.register(async (scope) => {
        scope.register(strongroom(sessions))
        scope.get('/twice', async (request) => {
          const session = await sessionOf(request)
          session.login('ada')
          return String(session.get('outer'))
        })
      })
    })
    const page = await visitor.must('/twice')
    assert.equal(page.text, '1')
    assert.equal(page.all('set-cookie').length, 1)
    assert.equal((await visitor.facts()).userId, 'ada')
  })

  test('under withSessions of the node adapter has one session and sends one cookie', async (t) => {
    const { sessions } = slowSessions()
    const app = fastify({ serverFactory: (handler) => createServer(withSessions(sessions, handler)) })
    app.register(strongroom(sessions))
    app.get('/', async (request) => {
      ;(await sessions.get(request.raw)).set('a', 1)
      return String((await sessionOf(request)).get('a'))
    })
    t.after(() => app.close())
    const page = await fetch(await app.listen({ host: '127.0.0.1', port: 0 }))
    assert.equal(await page.text(), '1')
    assert.equal(page.headers.getSetCookie().length, 1)
  })

  test('is found when a hook asks before the plugin: the error says what the order is', async (t) => {
    const { visitor } = await site(
      t,
      async (app, sessions) => {
        app.addHook('onRequest', async (request) => void (await sessions.get(request)))
        await app.register(strongroom(sessions))
      },
      { plugin: false },
    )
    const page = await visitor.ask('/read')
    assert.equal(page.status, 500)
    assert.match(page.text, /register it before the hooks and plugins that ask for the session/)
  })

  test('reaches a scope that was registered before it', async (t) => {
    const { visitor } = await site(
      t,
      async (app, sessions) => {
        await app.register(async (scope) => {
          scope.get('/early', async (request) => (await sessionOf(request)).keys())
        })
        await app.register(strongroom(sessions))
      },
      { plugin: false },
    )
    assert.equal((await visitor.must('/early')).text, '[]')
  })

  test('of a second createSessions is refused until it leaves request.session alone', async (t) => {
    const { sessions } = slowSessions()
    const admin = slowSessions({ cookie: { name: '__Host-admin' } }).sessions
    await assert.rejects(async () => fastify().register(strongroom(sessions)).register(strongroom(admin)).ready(), {
      name: 'ConfigError',
      message: /taken already, by other sessions\. Write .*decorate: false/,
    })
    const { visitor } = await site(t, (app) => {
      app.register(strongroom(admin, { decorate: false }))
      app.get('/both', async (request) => {
        ;(await sessionOf(request)).login('ada')
        ;(await admin.get(request)).login('root')
        return 'both'
      })
      app.get('/who', async (request) => (await admin.get(request)).userId)
    })
    assert.equal((await visitor.must('/both')).all('set-cookie').length, 2)
    assert.equal((await visitor.facts()).userId, 'ada')
    assert.equal((await visitor.must('/who')).text, 'root')
  })

  const load = createRequire(import.meta.url)
  test('beside @fastify/session says that request.session is taken, and can leave it alone', async (t) => {
    const { sessions } = slowSessions()
    const secret = 'x'.repeat(32)
    const beside = () =>
      fastify({ forceCloseConnections: true })
        .register(load('@fastify/cookie'))
        .register(load('@fastify/session'), { secret, cookie: { secure: false } } as object)
    await assert.rejects(async () => beside().register(strongroom(sessions)).ready(), {
      name: 'ConfigError',
      message: /taken already, by another plugin, such as @fastify\/session/,
    })
    const app = beside().register(strongroom(sessions, { decorate: false }))
    app.get('/', async (request) => {
      ;(await sessions.get(request)).set('a', 1)
      ;(request as Anything).session.b = 2
      return 'both'
    })
    t.after(() => app.close())
    const page = await app.inject('/')
    assert.deepEqual(page.cookies.map(({ name }) => name).sort(), ['__Host-id', 'sessionId'])
  })

  test('leaves the cookies of @fastify/cookie beside its own', async (t) => {
    const { visitor } = await site(t, (app) => {
      app.register(load('@fastify/cookie'))
      app.get('/cookies', async (request, reply) => {
        ;(await sessionOf(request)).set('a', 1)
        ;(reply as Anything).setCookie('theme', 'dark').setCookie('lang', 'de')
        return 'ok'
      })
    })
    const lines = (await visitor.must('/cookies')).all('set-cookie')
    assert.deepEqual(
      lines.map((line) => line.split('=')[0]),
      ['theme', 'lang', '__Host-id'],
    )
  })

  test('is refused by another version of Fastify', async () => {
    const { sessions } = slowSessions()
    const older = Object.assign(fastify(), {})
    Object.defineProperty(older, 'version', { value: '4.29.0' })
    await assert.rejects(
      async () => older.register(strongroom(sessions)).ready(),
      /strongroom.*expected '5\.x'.*'4\.29\.0'/,
    )
  })

  for (const [mistake, make, message] of [
    ['nothing', () => (strongroom as Anything)(), /takes sessions: .*app\.register\(strongroom\(sessions\)\)/],
    [
      'an unknown option',
      () => strongroom(slowSessions().sessions, { decorates: false } as Anything),
      /"decorates".*Did you mean "decorate"/,
    ],
    [
      'a wrong option',
      () => strongroom(slowSessions().sessions, { decorate: 'no' } as Anything),
      /decorate must be one of/,
    ],
    [
      'itself, and not what it returns',
      () => (strongroom as Anything)(fastify()),
      /It got an application: it was registered itself/,
    ],
    [
      'options in the wrong place',
      () =>
        fastify()
          .register(strongroom(slowSessions().sessions), { decorate: false } as Anything)
          .ready(),
      /Unknown option "decorate".*Write app\.register\(strongroom\(sessions, \{ decorate \}\)\)/,
    ],
    ['csrf as a plugin', () => (csrf(slowSessions().sessions) as Anything)(fastify(), {}), /is a hook, and no plugin/],
    ['csrf with an unknown option', () => csrf(slowSessions().sessions, { fields: 'x' } as Anything), /"fields"/],
  ] as const)
    test(`refuses ${mistake}`, () => assert.rejects(async () => make(), { name: 'ConfigError', message }))
})

suite('a reply', { timeout: 20_000 }, () => {
  test('that was hijacked is held until the session is saved', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.get('/hijack', async (request, reply) => {
        reply.hijack()
        ;(await sessions.get(request)).set('a', 1)
        reply.raw.writeHead(201, { 'content-type': 'text/plain' })
        reply.raw.end('raw')
      })
    })
    const page = await visitor.ask('/hijack')
    assert.deepEqual([page.status, page.text], [201, 'raw'])
    assert.deepEqual(await visitor.facts(), { userId: null, a: 1 })
  })

  test('that was hijacked gets the status of an error of the save, and its body is dropped', async (t) => {
    const here = await site(t, (app, sessions) => {
      app.get('/hijack', async (request, reply) => {
        reply.hijack()
        ;(await sessions.get(request)).set('a', 1)
        reply.raw.end('raw')
      })
    })
    down(here)
    const page = await here.visitor.ask('/hijack')
    assert.equal(page.status, 503)
    assert.doesNotMatch(page.text, /raw/)
    assert.deepEqual(page.all('set-cookie'), [])
  })

  test('whose raw end() is read before the session is asked for is held all the same', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      const render = async (request: object) => {
        const session = await sessions.get(request)
        return `visit ${session.update('n', (n) => Number(n ?? 0) + 1)}`
      }
      app.get('/raw', async (request, reply) => {
        reply.hijack()
        reply.raw.end(await render(request))
      })
    })
    assert.equal((await visitor.must('/raw')).text, 'visit 1')
    assert.equal((await visitor.must('/raw')).text, 'visit 2')
  })

  test('that is a stream which fails before its first byte saves nothing, and gets the error handler', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.setErrorHandler((_error, _request, reply) => reply.code(500).send('my page'))
      app.get('/stream', async (request, reply) => {
        ;(await sessions.get(request)).set('a', 1)
        return reply.send(new Readable({ read: () => undefined }).destroy(new Error('no file')))
      })
    })
    const page = await visitor.ask('/stream')
    assert.deepEqual([page.status, page.text, page.all('set-cookie')], [500, 'my page', []])
    assert.deepEqual(await visitor.facts(), { userId: null })
  })

  test('that is a stream gets the error handler when the session cannot be saved', async (t) => {
    const destroyed = gate()
    const here = await site(t, (app, sessions) => {
      app.setErrorHandler((error: StrongroomError, _request, reply) => reply.code(error.status).send('my page'))
      app.get('/stream', async (request, reply) => {
        ;(await sessions.get(request)).set('a', 1)
        const body = Readable.from(['one', 'two'])
        body.on('close', destroyed.open)
        return reply.send(body)
      })
    })
    down(here)
    const page = await here.visitor.ask('/stream')
    assert.deepEqual([page.status, page.text], [503, 'my page'])
    await destroyed.opened
  })

  test('of the error handler is about the error of the save, which has its hooks and its status', async (t) => {
    const seen: unknown[] = []
    const here = await site(t, (app, sessions) => {
      app.addHook('onError', async (_request, _reply, error) => void seen.push(error.constructor))
      app.setErrorHandler((error: StrongroomError, _request, reply) => {
        seen.push(error instanceof StoreError)
        return reply.code(error.status).header('x-handled', 'yes').send({ code: error.code })
      })
      app.get('/set', async (request, reply) => {
        ;(await sessions.get(request)).set('a', 1)
        reply.header('etag', '"1"').header('cache-control', 'public').header('x-own', 'kept')
        return { body: true }
      })
    })
    down(here)
    const page = await here.visitor.ask('/set')
    assert.deepEqual([page.status, page.text], [503, '{"code":"STRONGROOM_STORE"}'])
    assert.deepEqual(seen, [StoreError, true])
    assert.deepEqual(['etag', 'x-own', 'x-handled'].map(page.header), [undefined, 'kept', 'yes'])
  })

  test('of the error handler that cannot be saved either is a plain line with the status of that', async (t) => {
    production(t)
    const here = await site(t, (app, sessions) => {
      app.get('/fails', async (request) => {
        ;(await sessions.get(request)).update('n', (n) => Number(n ?? 0) + 1)
        throw Object.assign(new Error('not here'), { statusCode: 404 })
      })
    })
    assert.equal((await here.visitor.ask('/fails')).status, 404)
    down(here)
    const page = await here.visitor.ask('/fails')
    assert.deepEqual([page.status, page.text], [503, 'Service Unavailable\n'])
  })

  test('of an error keeps the cookie of what was saved before', async (t) => {
    const here = await site(t, (app, sessions) => {
      app.get('/early', async (request, reply) => {
        const session = await sessions.get(request)
        session.login('ada')
        await sessions.save(request)
        session.set('odd', 1n)
        reply.header('set-cookie', 'theme=dark').header('vary', 'Accept')
        return 'saved'
      })
    })
    const page = await here.visitor.ask('/early')
    assert.equal(page.status, 500)
    assert.deepEqual(
      page.all('set-cookie').map((line) => line.split('=')[0]),
      ['theme', '__Host-id'],
    )
    assert.equal(page.header('vary'), 'Accept, Cookie')
    assert.equal((await here.visitor.facts()).userId, 'ada')
  })

  test('never shows in production where the store is, whoever asks and whatever fails', async (t) => {
    production(t)
    const here = await site(t, (app, sessions) => {
      app.get('/set', async (request) => void (await sessions.get(request)).set('a', 2))
      app.get('/pending', async (request) => (await sessionOf(request)).keys())
      app.register(async (scope) => {
        scope.setErrorHandler((error: Error, _request, reply) =>
          reply.code(503).type('text/html').send(`<p>${error.message}`),
        )
        scope.get('/echo', async (request) => (await sessions.get(request)).keys())
      })
    })
    const { cookie } = await sessionFor(here.sessions, { userId: 'ada' })
    down(here, ['read', 'update', 'create'])
    for (const path of ['/set', '/read', '/pending', '/echo']) {
      const page = await here.visitor.ask(path, { cookie })
      assert.equal(page.status, 503, path)
      assert.match(page.text, /Service Unavailable/, path)
      assert.doesNotMatch(page.text, /Redis|10\.0\.0\.1/, path)
    }
    const page = await here.visitor.ask('/set', { cookie: '' })
    assert.equal(
      page.text,
      '{"statusCode":503,"code":"STRONGROOM_STORE","error":"Service Unavailable","message":"Service Unavailable"}',
    )
  })

  test('that another onSend hook fails saves nothing', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.addHook('onSend', async (request) => {
        if (request.url === '/set') throw new Error('onSend')
      })
      app.get('/set', async (request) => {
        ;(await sessions.get(request)).login('ada')
        return 'saved'
      })
    })
    const page = await visitor.ask('/set')
    assert.deepEqual([page.status, page.all('set-cookie')], [500, []])
  })

  test('saves what another onSend hook changes', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.addHook('onSend', async (request) => {
        if (request.url === '/page') (await sessions.get(request)).set('last', request.url)
      })
      app.get('/page', async () => 'page')
    })
    await visitor.must('/page')
    assert.equal((await visitor.facts()).last, '/page')
  })

  test('has its session where no route is found, and is redirected, with the cookie', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.setNotFoundHandler(async (request, reply) => {
        ;(await sessions.get(request)).flash('from', request.url)
        return reply.redirect('/read')
      })
    })
    const page = await visitor.ask('/nowhere')
    assert.deepEqual([page.status, page.header('location'), page.all('set-cookie').length], [302, '/read', 1])
  })

  test('by the 404 handler of Fastify itself is sent as without the plugin', async (t) => {
    const { visitor } = await site(t, () => {})
    assert.equal((await visitor.ask('/nowhere')).status, 404)
  })

  test('to HEAD saves the session of the GET route', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.get('/set', async (request) => {
        ;(await sessions.get(request)).set('a', 1)
        return 'saved'
      })
    })
    const page = await visitor.ask('/set', { method: 'HEAD' })
    assert.deepEqual([page.status, page.text, page.header('content-length')], [200, '', '5'])
    assert.equal((await visitor.facts()).a, 1)
  })

  test('to a client that has gone is saved if the handler responds, and dropped if it does not', async (t) => {
    const [arrived, gone] = [gate(), gate()]
    const here = await site(t, (app, sessions) => {
      app.addHook('onRequestAbort', async (_request) => gone.open())
      app.get('/slow', async (request) => {
        const session = await sessions.get(request)
        session.set((request.query as Values).key as string, 1)
        arrived.open()
        await gone.opened
        if ('fails' in (request.query as Values)) throw new Error('after all')
        return 'late'
      })
    })
    await here.visitor.ask('/read')
    const { cookie } = await sessionFor(here.sessions, { data: { begun: 1 } })
    const going = here.visitor.begin('/slow?key=a', { cookie })
    await arrived.opened
    going.leave()
    await until(async () => (await here.sessions.read({ cookie })).get('a') === 1)
    const failing = here.visitor.begin('/slow?key=b&fails', { cookie })
    await failing.head.catch(() => undefined)
    failing.leave()
    assert.equal((await here.sessions.read({ cookie })).get('b'), undefined)
  })

  test('to inject() has the session, and its errors', async (t) => {
    const here = await site(t, (app, sessions) => {
      app.get('/set', async (request) => {
        ;(await sessions.get(request)).set('a', 1)
        return 'saved'
      })
    })
    const page = await here.app.inject('/set')
    assert.deepEqual([page.statusCode, page.payload, page.cookies.length], [200, 'saved', 1])
    const cookie = `__Host-id=${page.cookies[0]?.value}`
    assert.equal((await here.app.inject({ url: '/read', headers: { cookie } })).payload, '{"userId":null,"a":1}')
    down(here)
    assert.equal((await here.app.inject('/set')).statusCode, 503)
  })

  test('over HTTP/2 of more than one frame arrives whole', async (t) => {
    const body = 'x'.repeat(300_000)
    const { sessions } = slowSessions()
    const app = fastify({ http2: true })
    app.register(strongroom(sessions))
    app.get('/', async (request) => {
      ;(await sessions.get(request)).set('a', 1)
      return body
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const client = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
    t.after(async () => {
      client.destroy()
      await app.close()
    })
    const stream = client.request({ ':path': '/' })
    const [head] = await once(stream, 'response')
    assert.equal(head['set-cookie'].length, 1)
    let size = 0
    for await (const chunk of stream) size += chunk.length
    assert.equal(size, body.length)
  })
})

suite('with @fastify/websocket, a socket', { timeout: 20_000 }, () => {
  async function socketSite(t: TestContext, before: boolean) {
    return site(
      t,
      async (app, sessions) => {
        if (before) await app.register(websocket)
        await app.register(strongroom(sessions))
        if (!before) await app.register(websocket)
        app.get('/live', { websocket: true }, async (socket, request) => {
          const session = await sessionOf(request)
          socket.send(String(session.userId))
          try {
            session.set('a', 1)
          } catch (error) {
            socket.send((error as StrongroomError).code)
          }
        })
        app.get(
          '/members',
          {
            websocket: true,
            preValidation: async (request, reply) => {
              const { userId } = await sessions.get(request)
              if (userId === null) await reply.code(401).send('sign in')
            },
          },
          (socket) => socket.send('welcome'),
        )
      },
      { plugin: false },
    )
  }

  const messages = async (url: string, path: string, count: number, cookie: string) => {
    const socket = new WebSocket(url.replace('http', 'ws') + path, { headers: { cookie } })
    const found: string[] = []
    socket.on('message', (message) => {
      found.push(String(message))
      if (found.length === count) socket.close()
    })
    await once(socket, 'close')
    return found
  }

  for (const before of [true, false])
    test(`has the session, read-only, with that plugin ${before ? 'before' : 'after'} ours`, async (t) => {
      const { url, sessions, watch } = await socketSite(t, before)
      const { cookie } = await sessionFor(sessions, { userId: 'ada' })
      watch.calls.length = 0
      assert.deepEqual(await messages(url, '/live', 2, cookie), ['ada', 'STRONGROOM_READ_ONLY'])
      assert.deepEqual(watch.calls, ['read'])
    })

  test('is refused by a hook that finds nobody signed in', async (t) => {
    const { url, sessions } = await socketSite(t, true)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    assert.deepEqual(await messages(url, '/members', 1, cookie), ['welcome'])
    const socket = new WebSocket(`${url.replace('http', 'ws')}/members`)
    const [, response] = await once(socket, 'unexpected-response')
    assert.equal(response.statusCode, 401)
    socket.on('error', () => undefined).terminate()
  })

  test('stays read-only when its session could be loaded only in a second attempt', async (t) => {
    const store = memory()
    const { readSync } = store as Anything
    let failing = false
    Object.assign(store, {
      readSync(...given: unknown[]) {
        if (failing) throw new StoreError('down')
        return Reflect.apply(readSync, store, given)
      },
    })
    const sessions = createSessions<Values>({ store, secrets: secret('second attempt'), on: () => {} })
    const app = fastify({ forceCloseConnections: true })
    await app.register(websocket)
    app.register(strongroom(sessions))
    app.get('/live', { websocket: true }, async (socket, request) => {
      failing = true
      socket.send(await sessionOf(request).catch(({ code }) => code))
      failing = false
      const session = await sessionOf(request)
      try {
        session.set('a', 1)
      } catch (error) {
        socket.send((error as StrongroomError).code)
      }
    })
    t.after(() => app.close())
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    assert.deepEqual(await messages(url, '/live', 2, cookie), ['STRONGROOM_STORE', 'STRONGROOM_READ_ONLY'])
  })
})
