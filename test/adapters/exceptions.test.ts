import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import express5 from 'express'
import express4 from 'express4'
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { strongroom as express } from '../../packages/strongroom/src/adapters/express.ts'
import { withSessions as fetchAdapter } from '../../packages/strongroom/src/adapters/fetch.ts'
import { strongroom as hono } from '../../packages/strongroom/src/adapters/hono.ts'
import { withSessions as node } from '../../packages/strongroom/src/adapters/node.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { nodeSite, type Running, running, slowSessions } from './site.ts'

type Sessions = ReturnType<typeof slowSessions>['sessions']

const forbidden = () => Object.assign(new Error('not yours'), { status: 403 })

/** `/login` signs in, `/logout` signs out, and both throw afterwards. */
async function work(sessions: Sessions, request: object, path: string): Promise<void> {
  const session = await sessions.get(request)
  if (path === '/login') session.login('ada')
  else session.logout()
}

const expressWith =
  (framework: typeof express5 | typeof express4) =>
  (t: TestContext, sessions: Sessions): Promise<Running> => {
    const app = (framework as typeof express5)().set('env', 'test').use(express(sessions))
    app.use((request, _response, next) => {
      work(sessions, request, request.path).then(() => next(forbidden()), next)
    })
    return running(t, app)
  }

const FRAMEWORKS = {
  'express 5': expressWith(express5),
  'express 4': expressWith(express4),
  hono(t: TestContext, sessions: Sessions) {
    const app = new Hono().use(hono(sessions))
    app.all('*', async (c) => {
      await work(sessions, c, c.req.path)
      throw new HTTPException(403, { message: 'not yours' })
    })
    return running(t, createServer(getRequestListener(app.fetch)))
  },
} satisfies Record<string, (t: TestContext, sessions: Sessions) => Promise<Running>>

const userOf = async (sessions: Sessions, { visitor }: Running) =>
  (await sessions.read({ cookie: visitor.jar.header() })).userId

for (const [name, serve] of Object.entries(FRAMEWORKS))
  test(`${name}: an exception that becomes a 403 counts by its status, so a login before it is saved`, async (t) => {
    const { sessions } = slowSessions()
    const site = await serve(t, sessions)
    assert.equal((await site.visitor.ask('/login')).status, 403)
    assert.equal(await userOf(sessions, site), 'ada')
    assert.equal((await site.visitor.ask('/logout')).status, 403)
    assert.equal(await userOf(sessions, site), null)
  })

suite('an exception that leaves the handler of a withSessions', { timeout: 20_000 }, () => {
  test('of node counts as a 500: a login before it is dropped, and a logout is saved', async (t) => {
    const { sessions } = slowSessions()
    const { cookie } = await sessionFor(sessions, { userId: 'eve' })
    const site = await running(
      t,
      node(sessions, async (request) => {
        await work(sessions, request, request.url ?? '')
        throw forbidden()
      }),
    )
    assert.equal((await site.visitor.ask('/login')).status, 500)
    assert.equal(await userOf(sessions, site), null)
    assert.equal((await site.visitor.ask('/logout', { cookie })).status, 500)
    assert.equal((await sessions.read({ cookie })).userId, null)
  })

  test('of fetch counts as a 500: a login before it is dropped', async (t) => {
    const { sessions } = slowSessions()
    const handler = fetchAdapter(sessions, async (request) => {
      await work(sessions, request, new URL(request.url).pathname)
      throw forbidden()
    })
    const site = await running(t, createServer(getRequestListener(handler)))
    assert.equal((await site.visitor.ask('/login')).status, 500)
    assert.equal(await userOf(sessions, site), null)
  })

  test('of node counts by the status with which onError responds', async (t) => {
    const site = await nodeSite(
      t,
      async (request, _response, sessions) => {
        await work(sessions, request, request.url ?? '')
        throw forbidden()
      },
      {
        onError(_error, _request, response) {
          response.statusCode = 403
          response.end()
        },
      },
    )
    assert.equal((await site.visitor.ask('/login')).status, 403)
    assert.equal(await userOf(site.sessions, site), 'ada')
  })
})

suite('a rejection does not end the process', { timeout: 20_000 }, () => {
  const broken = (): never => {
    throw new Error('broken')
  }

  test('when the handler rejects: its visitor gets a 500, and a warning has the stack', async (t) => {
    const site = await nodeSite(t, async () => broken())
    const warned = once(process, 'warning')
    const page = await site.visitor.ask('/')
    assert.deepEqual([page.status, page.text], [500, 'Internal Server Error\n'])
    const [warning] = (await warned) as [Error & { code?: string; detail?: string }]
    assert.equal(warning.code, 'STRONGROOM_HANDLER')
    assert.match(warning.detail ?? '', /broken[\s\S]*exceptions\.test\.ts/)
  })

  test('when the handler rejects after it has responded: the response arrives unchanged', async (t) => {
    const site = await nodeSite(t, async (request, response, sessions) => {
      ;(await sessions.get(request)).set('a', 1)
      response.end('the page')
      broken()
    })
    const page = await site.visitor.ask('/')
    assert.deepEqual([page.status, page.text], [200, 'the page'])
    assert.equal((await site.visitor.ask('/read')).text, '{"a":1}')
  })

  test('when the handler rejects in the middle of its response: the connection is cut', async (t) => {
    const site = await nodeSite(t, async (_request, response) => {
      response.write('half a pa')
      broken()
    })
    await assert.rejects(site.visitor.ask('/'))
    assert.equal((await site.visitor.ask('/read')).status, 200)
  })

  for (const [what, onError] of [
    ['throws', broken],
    ['rejects', async () => broken()],
  ] as const)
    test(`when onError ${what}, after the handler failed and after the store failed`, async (t) => {
      const site = await nodeSite(
        t,
        async (request, response, sessions) => {
          ;(await sessions.get(request)).set('a', 1)
          if (request.url === '/fail') broken()
          response.end('the page')
        },
        { onError },
      )
      assert.equal((await site.visitor.ask('/fail')).status, 500)
      site.watch.before = (call) => call === 'create' && broken()
      assert.equal((await site.visitor.ask('/save')).status, 500)
      site.watch.before = null
      assert.equal((await site.visitor.ask('/save')).text, 'the page')
    })

  test('when a request that is asked for too late, with saveEveryRequest, finds no secrets', async (t) => {
    const { sessions } = slowSessions({ saveEveryRequest: true, secrets: async () => broken() })
    const { visitor } = await running(t, (request, response) => {
      response.end('the page')
      express(sessions)(request, response, () => undefined)
    })
    const cookie = `${sessions.policy.cookieName}=x`
    assert.equal((await visitor.ask('/', { cookie })).text, 'the page')
    assert.equal((await visitor.ask('/', { cookie })).text, 'the page')
  })
})
