import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { suite, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import express5 from 'express'
import express4 from 'express4'
import { Hono } from 'hono'
import { strongroom as express } from '../../packages/strongroom/src/adapters/express.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { strongroom as hono } from '../../packages/strongroom/src/adapters/hono.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { running, slowSessions, type Values } from './site.ts'

const count = (session: Session<Values>) => session.update('n', (n) => Number(n ?? 0) + 1)

for (const [name, framework] of [
  ['express 5', express5],
  ['express 4', express4],
] as const)
  test(`${name}: response.json(undefined) is sent, with its cookie`, async (t) => {
    const { sessions } = slowSessions()
    const app = framework().use(express(sessions))
    app.get('/', (request, response) => {
      sessions.get(request).then((session) => {
        count(session)
        response.json(undefined)
      })
    })
    app.get('/n', (request, response) => {
      sessions.get(request).then((session) => response.json(session.get('n')))
    })
    const { visitor } = await running(t, app)
    for (const n of ['1', '2']) {
      const page = await visitor.must('/')
      assert.deepEqual([page.status, page.text, page.header('content-length')], [200, '', '0'])
      assert.equal((await visitor.must('/n')).text, n)
    }
  })

suite('Response.error()', () => {
  const { sessions } = slowSessions()
  const fetch = withSessions(sessions, async (request) => {
    const session = await sessions.get(request)
    const { pathname } = new URL(request.url)
    if (pathname === '/logout') session.logout()
    else count(session)
    return pathname === '/' ? Response.json(session.get('n')) : Response.error()
  })
  const app = new Hono().use(hono(sessions)).all('*', async (c) => {
    const session = await sessions.get(c)
    if (c.req.path === '/logout') session.logout()
    else count(session)
    return c.req.path === '/' ? c.json(session.get('n')) : Response.error()
  })

  for (const [name, send] of [
    ['fetch', fetch],
    ['hono', async (request: Request) => app.fetch(request)],
  ] as const)
    test(`${name}: arrives as it is, and saves no more than a server error does`, async () => {
      const ask = (path: string, cookie = '') =>
        send(new Request(`https://shop.example${path}`, { headers: { cookie } }))
      const first = await ask('/')
      const cookie = String(first.headers.get('set-cookie')).split(';')[0]
      assert.equal(await first.text(), '1')
      const failed = await ask('/fails', cookie)
      assert.deepEqual([failed.type, failed.status], ['error', 0])
      assert.equal(await (await ask('/', cookie)).text(), '2')
      assert.equal((await ask('/logout', cookie)).type, 'error')
      assert.equal(await (await ask('/', cookie)).text(), '1')
    })
})

suite('a response that is sent to several visitors', () => {
  test('has the cookie of none in it', async () => {
    const { sessions } = slowSessions()
    const same = new Response(null, { status: 204 })
    const handler = withSessions(sessions, async (request) => {
      count(await sessions.get(request))
      return same
    })
    const sent = await Promise.all([1, 2].map(() => handler(new Request('https://shop.example/'))))
    const cookies = sent.map(({ headers }) => headers.getSetCookie())
    assert.deepEqual(
      cookies.map((lines) => lines.length),
      [1, 1],
    )
    assert.notDeepEqual(cookies[0], cookies[1])
    assert.deepEqual([...same.headers], [])
  })
})

suite('an application that is mounted in one of Hono', () => {
  const { sessions } = slowSessions()
  const bare = async (request: Request) => Response.json(count(await sessions.get(request)))
  const wrapped = withSessions(sessions, bare)

  for (const [name, app] of Object.entries({
    'has sessions of its own adapter': new Hono().mount('/shop', wrapped),
    'has those of the middleware, with replaceRequest: false': new Hono()
      .use(hono(sessions))
      .mount('/shop', bare, { replaceRequest: false }),
    'may have both, with replaceRequest: false': new Hono()
      .use(hono(sessions))
      .mount('/shop', wrapped, { replaceRequest: false }),
    'may have its own beside a middleware that only reads': new Hono()
      .use(hono(sessions))
      .use(async (c, next) => {
        assert.equal((await sessions.get(c)).userId, null)
        await next()
      })
      .mount('/shop', wrapped),
  }))
    test(name, async (t) => {
      const { visitor } = await running(t, createServer(getRequestListener(app.fetch)))
      for (const n of ['1', '2']) {
        const page = await visitor.must('/shop/basket')
        assert.equal(page.text, n)
        assert.match(String(page.header('vary')), /^cookie$/i)
      }
    })

  test('is told what to write when its request is not known', async () => {
    const app = new Hono().use(hono(sessions)).mount('/shop', bare)
    const response = await app.request('/shop/')
    assert.equal(response.status, 500)
    assert.match(await response.text(), /by mount\(\) of Hono without replaceRequest: false/)
  })
})
