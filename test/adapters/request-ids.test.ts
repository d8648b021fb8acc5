import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { suite, test } from 'node:test'
import express from 'express'
import { fastify } from 'fastify'
import { H3 } from 'h3'
import { Hono } from 'hono'
import { requestId } from 'hono/request-id'
import Koa from 'koa'
import { strongroom as onExpress } from '../../packages/strongroom/src/adapters/express.ts'
import { strongroom as onFastify } from '../../packages/strongroom/src/adapters/fastify.ts'
import { strongroom as onH3 } from '../../packages/strongroom/src/adapters/h3.ts'
import { strongroom as onHono } from '../../packages/strongroom/src/adapters/hono.ts'
import { strongroom as onKoa } from '../../packages/strongroom/src/adapters/koa.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { LoginFailedSignal, LoginSignal, SessionEvent } from '../../packages/strongroom/src/events.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { secret } from '../core/fixtures/secret.ts'
import { listening } from './serve.ts'

interface Site {
  fetch(path: string, init?: RequestInit): Promise<Response>
  close?(): unknown
}

type Handle = (request: object, path: string) => Promise<void>

const onNode = async (listener: RequestListener): Promise<Site> => {
  const { url, close } = await listening(createServer(listener))
  return { fetch: (path, init) => fetch(new URL(path, url), init), close }
}

/** What pino-http and express-request-id do: pino-http counts, too. */
const named = (request: IncomingMessage & { id?: unknown }, id: unknown) => Object.assign(request, { id })

/** Each with ids of the usual kind, and what they are for a login and for a failed one. */
const FRAMEWORKS: Record<string, { ids: readonly (string | RegExp)[]; start(s: Sessions, h: Handle): Promise<Site> }> =
  {
    'node:http with an id as of pino-http': {
      ids: ['1', '2'],
      start(sessions, handle) {
        let count = 0
        const listener = withSessions(sessions, async (request, response) => {
          await handle(request, request.url ?? '')
          response.end()
        })
        return onNode((request, response) => listener(named(request, ++count), response))
      },
    },
    'Express with an id as of express-request-id, set after the sessions': {
      ids: ['id of /login', 'id of /failed'].map((id) => id.replaceAll(' ', '')),
      start(sessions, handle) {
        const app = express()
        app.use(onExpress(sessions))
        // Loaded before the request has its id.
        app.use(async (request, _response, next) => {
          await sessions.get(request)
          next()
        })
        app.use((request, _response, next) => {
          named(request, `id of ${request.url}`)
          next()
        })
        app.use(async (request, response) => {
          await handle(request, request.url)
          response.end()
        })
        return onNode(app)
      },
    },
    Fastify: {
      ids: [/^req-\w+$/, /^req-\w+$/],
      async start(sessions, handle) {
        const app = fastify()
        app.register(onFastify(sessions))
        app.all('*', async (request) => {
          await handle(request, request.url)
          return ''
        })
        await app.ready()
        const { url, close } = await listening(app.server)
        return { fetch: (path, init) => fetch(new URL(path, url), init), close }
      },
    },
    'Hono with hono/request-id': {
      ids: ['mine-/login', 'mine-/failed'],
      async start(sessions, handle) {
        const app = new Hono()
        app.use(requestId({ headerName: '', generator: (c) => `mine-${c.req.path}` }))
        app.use(onHono(sessions))
        app.all('*', async (c) => {
          await handle(c, c.req.path)
          return c.text('')
        })
        return { fetch: async (path, init) => app.request(path, init) }
      },
    },
    'Koa with ctx.state.reqId': {
      ids: ['k/login', 'k/failed'],
      start(sessions, handle) {
        const app = new Koa()
        app.use((ctx, next) => {
          ctx.state.reqId = `k${ctx.path}`
          return next()
        })
        app.use(onKoa(sessions))
        app.use(async (ctx) => {
          await handle(ctx, ctx.path)
          ctx.body = ''
        })
        return onNode(app.callback())
      },
    },
    'Koa with pino-http': {
      ids: ['p/login', 'p/failed'],
      start(sessions, handle) {
        const app = new Koa()
        app.use((ctx, next) => {
          named(ctx.req, `p${ctx.path}`)
          return next()
        })
        app.use(onKoa(sessions))
        app.use(async (ctx) => {
          await handle(ctx, ctx.path)
          ctx.body = ''
        })
        return onNode(app.callback())
      },
    },
    'h3 with event.context.requestId': {
      ids: ['h/login', 'h/failed'],
      async start(sessions, handle) {
        const app = new H3()
        app.use((event) => {
          event.context.requestId = `h${event.url.pathname}`
        })
        app.use(onH3(sessions))
        app.all('/**', async (event) => {
          await handle(event, event.url.pathname)
          return 'done'
        })
        return { fetch: async (path, init) => app.request(path, init) }
      },
    },
  }

for (const [name, { ids, start }] of Object.entries(FRAMEWORKS))
  suite(`the id of a request: ${name}`, () => {
    test('is in every event of the request, and in signals, which have the request that handlers get', async () => {
      const events: SessionEvent[] = []
      const [logins, failed]: [LoginSignal[], LoginFailedSignal[]] = [[], []]
      const requests: object[] = []
      const sessions = createSessions({
        secrets: secret('request ids'),
        store: memory({ max: 100 }),
        on: (event) => events.push(event),
        onLogin: (signal) => logins.push(signal),
        onLoginFailed: (signal) => failed.push(signal),
      })
      const site = await start(sessions, async (request, path) => {
        requests.push(request)
        if (path === '/failed') sessions.loginFailed(request, { userId: 'ada', reason: 'password' })
        else (await sessions.get(request)).login('ada')
      })
      try {
        const headers = { 'X-Request-Id': 'forged', 'Request-Id': 'forged' }
        for (const path of ['/login', '/failed']) assert.ok((await site.fetch(path, { headers })).ok, path)
      } finally {
        await site.close?.()
      }
      assert.deepEqual(
        events.map(({ type }) => type),
        ['created', 'loginFailed'],
      )
      for (const [n, event] of events.entries()) {
        const id = event.requestId ?? ''
        const expected = ids[n] ?? ''
        assert.ok(typeof expected === 'string' ? id === expected : expected.test(id), `${event.type}: ${id}`)
        assert.equal([logins, failed][n]?.[0]?.requestId, id)
      }
      assert.equal(logins[0]?.request, requests[0])
      assert.equal(failed[0]?.request, requests[1])
    })
  })
