import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import express5 from 'express'
import express4 from 'express4'
import { Hono } from 'hono'
import { strongroom as express } from '../../packages/strongroom/src/adapters/express.ts'
import { withSessions as fetchAdapter } from '../../packages/strongroom/src/adapters/fetch.ts'
import { strongroom as hono } from '../../packages/strongroom/src/adapters/hono.ts'
import { withSessions as node } from '../../packages/strongroom/src/adapters/node.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { type Running, running, slowSessions, type Values } from './site.ts'

type Sessions = ReturnType<typeof slowSessions>['sessions']

/** What the application does with the request before and behind the second place where the adapter is mounted. */
interface Work {
  outer(request: object): Promise<unknown>
  inner(request: object): Promise<string>
}

type Serve = (t: TestContext, sessions: Sessions, work: Work) => Promise<Running>

const expressWith =
  (framework: typeof express5 | typeof express4): Serve =>
  (t, sessions, { outer, inner }) => {
    const app = (framework as typeof express5)().set('env', 'test').use(express(sessions))
    app.use((request, _response, next) => {
      outer(request).then(() => next(), next)
    })
    const router = (framework as typeof express5).Router().use(express(sessions))
    router.get('/page', (request, response, next) => {
      inner(request).then((text) => response.send(text), next)
    })
    return running(t, app.use('/shop', router))
  }

const PLACES: Readonly<Record<string, Serve>> = {
  'express 5': expressWith(express5),
  'express 4': expressWith(express4),
  hono(t, sessions, { outer, inner }) {
    const app = new Hono().use(hono(sessions))
    app.use(async (c, next) => {
      await outer(c)
      await next()
    })
    const router = new Hono().use(hono(sessions))
    router.get('/page', async (c) => c.text(await inner(c)))
    return running(t, createServer(getRequestListener(app.route('/shop', router).fetch)))
  },
  'hono within fetch'(t, sessions, { outer, inner }) {
    const app = new Hono().use(hono(sessions))
    app.get('/shop/page', async (c) => c.text(await inner(c)))
    const handler = fetchAdapter(sessions, async (request) => {
      await outer(request)
      return app.fetch(request)
    })
    return running(t, createServer(getRequestListener(handler)))
  },
  fetch(t, sessions, { outer, inner }) {
    const within = fetchAdapter(sessions, async (request) => new Response(await inner(request)))
    const handler = fetchAdapter(sessions, async (request) => {
      await outer(request)
      return within(request)
    })
    return running(t, createServer(getRequestListener(handler)))
  },
  node(t, sessions, { outer, inner }) {
    const within = node(sessions, async (request, response) => {
      const text = await inner(request)
      response.end(text)
    })
    return running(
      t,
      node(sessions, async (request, response) => {
        await outer(request)
        await within(request, response)
      }),
    )
  },
}

for (const [name, serve] of Object.entries(PLACES))
  suite(`${name}, with the adapter mounted twice`, { timeout: 20_000 }, () => {
    test('has one session for the request: the inner handler sees the logout of the outer one', async (t) => {
      const { sessions } = slowSessions()
      const { cookie } = await sessionFor(sessions, { userId: 'ada' })
      const { visitor } = await serve(t, sessions, {
        outer: async (request) => (await sessions.get(request)).logout(),
        inner: async (request) => String((await sessions.get(request)).userId),
      })
      const page = await visitor.ask('/shop/page', { cookie })
      assert.equal(page.text, 'null')
      assert.equal((await sessions.read({ cookie })).userId, null)
    })

    test('sends its cookie once, and loses no login', async (t) => {
      const { sessions } = slowSessions()
      const { visitor } = await serve(t, sessions, {
        outer: async (request) => (await sessions.get(request)).set('basket', 1),
        async inner(request) {
          const session = await sessions.get(request)
          session.login('ada')
          return String(session.get('basket'))
        },
      })
      const page = await visitor.ask('/shop/page')
      assert.equal(page.text, '1')
      assert.equal(page.all('set-cookie').length, 1)
      const session = await sessions.read({ cookie: visitor.jar.header() })
      assert.deepEqual([session.userId, session.get('basket')], ['ada', 1])
    })

    test('serves a request that asks for its session only in the inner handler', async (t) => {
      const { sessions } = slowSessions()
      const { visitor } = await serve(t, sessions, {
        outer: async () => undefined,
        async inner(request) {
          ;(await sessions.get(request)).set('a', 1)
          return 'saved'
        },
      })
      assert.equal((await visitor.ask('/shop/page')).all('set-cookie').length, 1)
      assert.equal((await sessions.read({ cookie: visitor.jar.header() })).get('a'), 1)
    })
  })

test('a Request object that is sent twice is two requests', async () => {
  const { sessions } = slowSessions()
  const count = async (key: object) => {
    const session = await sessions.get(key)
    return String(session.update('n', (n) => Number(n ?? 0) + 1))
  }
  const app = new Hono().use(hono<Values>(sessions)).get('/', async (c) => c.text(await count(c)))
  const handler = fetchAdapter(sessions, async (request) => new Response(await count(request)))
  for (const serve of [handler, app.fetch]) {
    const { cookie } = await sessionFor(sessions, { data: { n: 0 } })
    const request = new Request('http://localhost/', { headers: { cookie } })
    assert.equal(await (await serve(request)).text(), '1')
    assert.equal(await (await serve(request)).text(), '2')
  }
})
