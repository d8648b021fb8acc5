import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createServer as createServer2 } from 'node:http2'
import { suite, test } from 'node:test'
import { serve as serveHono } from '@hono/node-server'
import express5 from 'express'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { strongroom as express } from '../../packages/strongroom/src/adapters/express.ts'
import { withSessions as adapter } from '../../packages/strongroom/src/adapters/fetch.ts'
import { strongroom as hono } from '../../packages/strongroom/src/adapters/hono.ts'
import { withSessions as node } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { http1, http2 } from '../../packages/strongroom/src/testing/adapter/client.ts'
import { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import type { RunningServer } from '../../packages/strongroom/src/testing/index.ts'
import { secret } from '../core/fixtures/secret.ts'
import { listening, listeningHttp2 } from './serve.ts'

type All = Sessions<Record<string, unknown>>

/**
 * The same application in each framework. `/set` sets two signed cookies, a cookie of its own and a session; `/get` responds
 * with the first signed cookie; `/plain` does not ask for the session.
 */
const FRAMEWORKS: Record<string, (sessions: All) => Promise<RunningServer>> = {
  async express(sessions) {
    const app = express5().set('env', 'test')
    app.use(express(sessions))
    app.get('/set', async (request, response) => {
      ;(await sessions.get(request)).set('a', 1)
      response.cookie('own', '1')
      sessions.setSignedCookie(response, 'tea', 'green', { salt: 'shop', secure: false })
      sessions.setSignedCookie(response, 'cup', 'large', { secure: false })
      response.send('set')
    })
    app.get('/get', (request, response) => {
      response.send(sessions.getSignedCookie(request, 'tea', { salt: 'shop' }))
    })
    app.get('/plain', (_, response) => {
      response.send('plain')
    })
    return listening(createServer(app))
  },

  node: (sessions) =>
    listening(createServer(node(sessions, (request, response) => handle(sessions, request, response)))),

  'node, HTTP/2': (sessions) =>
    listeningHttp2(createServer2(node(sessions, (request, response) => handle(sessions, request, response)) as never)),

  async hono(sessions) {
    const app = new Hono()
    app.use(hono(sessions))
    app.get('/set', async (c) => {
      ;(await sessions.get(c)).set('a', 1)
      c.header('Set-Cookie', 'own=1; Path=/', { append: true })
      sessions.setSignedCookie(c, 'tea', 'green', { salt: 'shop', secure: false })
      sessions.setSignedCookie(c, 'cup', 'large', { secure: false })
      return c.text('set')
    })
    app.get('/get', (c) => c.text(sessions.getSignedCookie(c, 'tea', { salt: 'shop' }) ?? ''))
    app.get('/plain', (c) => c.text('plain'))
    return onNode(app.fetch)
  },

  async fetch(sessions) {
    return onNode(
      adapter(sessions, async (request) => {
        const { pathname } = new URL(request.url)
        if (pathname === '/plain') return new Response('plain')
        if (pathname === '/get') return new Response(sessions.getSignedCookie(request, 'tea', { salt: 'shop' }))
        ;(await sessions.get(request)).set('a', 1)
        const response = new Response('set', { headers: { 'Set-Cookie': 'own=1; Path=/' } })
        sessions.setSignedCookie(response, 'tea', 'green', { salt: 'shop', secure: false })
        sessions.setSignedCookie(response.headers, 'cup', 'large', { secure: false })
        return response
      }),
    )
  },
}

type Handler = Parameters<typeof node<Record<string, unknown>>>[1]

async function handle(sessions: All, request: Parameters<Handler>[0], response: Parameters<Handler>[1]) {
  if (request.url === '/plain') return response.end('plain')
  if (request.url === '/get') return response.end(sessions.getSignedCookie(request, 'tea', { salt: 'shop' }))
  ;(await sessions.get(request)).set('a', 1)
  response.setHeader('Set-Cookie', 'own=1; Path=/')
  sessions.setSignedCookie(response, 'tea', 'green', { salt: 'shop', secure: false })
  sessions.setSignedCookie(response, 'cup', 'large', { secure: false })
  return response.end('set')
}

const onNode = (handler: (request: Request) => Response | Promise<Response>) =>
  new Promise<RunningServer>((resolve) => {
    const server = serveHono({ fetch: handler, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
      resolve({
        url: `http://127.0.0.1:${port}`,
        close: () => new Promise((done) => server.close(() => done())),
      }),
    )
  })

test('Fastify’s reply, which has both header methods, takes several signed cookies', async () => {
  const sessions = createSessions({ secrets: secret('signed'), store: memory({ max: 10 }) })
  const app = fastify()
  app.get('/', async (_, reply) => {
    sessions.setSignedCookie(reply, 'tea', 'green')
    sessions.setSignedCookie(reply, 'cup', 'large')
    return 'set'
  })
  app.get('/get', async (request) => sessions.getSignedCookie(request, 'cup'))
  const { headers } = await app.inject('/')
  const lines = [headers['set-cookie']].flat().map((line) => String(line).split(';')[0] ?? '')
  assert.deepEqual(
    lines.map((line) => line.split('=')[0]),
    ['tea', 'cup'],
  )
  assert.equal((await app.inject({ url: '/get', headers: { cookie: lines.join('; ') } })).body, 'large')
  await app.close()
})

for (const [name, serve] of Object.entries(FRAMEWORKS))
  suite(`over ${name}`, () => {
    const open = async (options: Omit<SessionsOptions, 'store'> = {}) => {
      const sessions = createSessions({ secrets: secret('signed'), store: memory({ max: 100 }), ...options })
      const server = await serve(sessions)
      const client = (server.http2 ? http2 : http1)(server.url)
      const close = async () => {
        client.close()
        await server.close()
      }
      return { visitor: new Visitor(client), close }
    }

    test('signed cookies are sent next to the application’s own and the session’s', async () => {
      const { visitor, close } = await open()
      try {
        const page = await visitor.must('/set')
        assert.deepEqual(
          page.all('set-cookie').map((line) => line.slice(0, line.indexOf('='))),
          ['own', 'tea', 'cup', '__Host-id'],
        )
        assert.equal((await visitor.must('/get')).text, 'green')
      } finally {
        await close()
      }
    })

    test('an altered signed cookie gets a response of 400', async () => {
      const { visitor, close } = await open()
      try {
        await visitor.must('/set')
        const { status } = await visitor.ask('/get', { cookie: `tea=${visitor.jar.value('cup')}` })
        assert.equal(status, 400)
      } finally {
        await close()
      }
    })

    test('with saveEveryRequest a page that does not ask for the session renews its cookie, and varies by it', async () => {
      const { visitor, close } = await open({ saveEveryRequest: true })
      try {
        assert.deepEqual((await visitor.must('/plain')).all('set-cookie'), [])
        await visitor.must('/set')
        const page = await visitor.must('/plain')
        assert.match(page.all('set-cookie').join(), /^__Host-id=/)
        assert.deepEqual([page.header('vary'), page.header('cache-control')], ['Cookie', 'no-store'])
      } finally {
        await close()
      }
    })
  })
