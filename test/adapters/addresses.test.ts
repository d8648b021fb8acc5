import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { Req } from '@nestjs/common'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import express5, { type Request as ExpressRequest } from 'express'
import express4 from 'express4'
import { fastify as createFastify, type FastifyRequest } from 'fastify'
import { type Context, Hono } from 'hono'
import Koa from 'koa'
import { strongroom as express } from '../../packages/strongroom/src/adapters/express.ts'
import { strongroom as fastify } from '../../packages/strongroom/src/adapters/fastify.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { strongroom as hono } from '../../packages/strongroom/src/adapters/hono.ts'
import { strongroom as koa } from '../../packages/strongroom/src/adapters/koa.ts'
import { StrongroomModule } from '../../packages/strongroom/src/adapters/nest.ts'
import { withSessions as node } from '../../packages/strongroom/src/adapters/node.ts'
import dropIn from '../../packages/strongroom/src/express-session/session.ts'
import { http1 } from '../../packages/strongroom/src/testing/adapter/client.ts'
import { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { controller, createApp, get, moduleOf, visit } from './nest/site.ts'
import { running, slowSessions } from './site.ts'

/** As a proxy writes it: the first is the visitor. */
const FORWARDED = { 'X-Forwarded-For': '203.0.113.7' }
const DIRECT = '127.0.0.0/24'
const NETWORK = '203.0.113.0/24'

/** Without what would write the address of Fastify's request on Node's. */
const FASTIFY = { trustProxy: true, skipMiddie: true }

type Sessions = ReturnType<typeof slowSessions>['sessions']

const signIn = async (sessions: Pick<Sessions, 'get'>, request: object) =>
  void (await sessions.get(request)).login('ada')

/** The addresses of the devices of Ada, after a login that came straight, and after one that came through a proxy. */
async function networks(sessions: Pick<Sessions, 'of'>, visitor: Visitor) {
  const seen: (string | null | undefined)[] = []
  for (const headers of [{}, FORWARDED]) {
    assert.ok([200, 204].includes((await visitor.ask('/login', { headers })).status))
    const devices = await sessions.of('ada').list()
    assert.equal(devices.length, 1)
    seen.push(devices[0]?.address)
  }
  return seen
}

suite('the address that a framework knows is in the list of devices', { timeout: 30_000 }, () => {
  const ip = (request: { readonly ip?: string | undefined }) => request.ip
  const onNode = async (t: TestContext, sessions: Sessions, listener: RequestListener) =>
    networks(sessions, (await running(t, listener)).visitor)

  for (const [name, framework] of [
    ['Express 5', express5],
    ['Express 4', express4],
  ] as const)
    for (const trusts of [true, false])
      test(`${name}, which ${trusts ? 'trusts a' : 'has no'} proxy`, async (t) => {
        const { sessions } = slowSessions({ address: (request: ExpressRequest) => request.ip })
        const app = framework().set('env', 'test').set('trust proxy', trusts).use(express(sessions))
        app.get('/login', (request, response, next) => {
          signIn(sessions, request).then(() => response.sendStatus(204), next)
        })
        assert.deepEqual(await onNode(t, sessions, app), [DIRECT, trusts ? NETWORK : DIRECT])
      })

  test('the drop-in for express-session', async (t) => {
    const middleware = dropIn({ secret: 'x'.repeat(32), address: ip, place: () => 'Berlin' })
    const app = express5().set('env', 'test').set('trust proxy', true).use(middleware)
    app.get('/login', (request, response, next) => {
      signIn(middleware.sessions as never, request).then(() => response.sendStatus(204), next)
    })
    assert.deepEqual(await onNode(t, middleware.sessions as never, app), [DIRECT, NETWORK])
    assert.equal((await middleware.sessions.of('ada').list())[0]?.place, 'Berlin')
  })

  test('Fastify', async (t) => {
    const { sessions } = slowSessions({ address: (request: FastifyRequest) => request.ip })
    const app = createFastify({ forceCloseConnections: true, trustProxy: true })
    app.register(fastify(sessions))
    app.get('/login', async (request, reply) => {
      // By Node's request, too, it is the one session, and Fastify's request is the one that knows proxies.
      await signIn(sessions, request.raw)
      return reply.code(204).send()
    })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    t.after(() => app.close())
    const client = http1(url)
    t.after(() => client.close())
    assert.deepEqual(await networks(sessions, new Visitor(client)), [DIRECT, NETWORK])
  })

  test('Koa', async (t) => {
    const { sessions } = slowSessions({ address: (ctx: Koa.Context) => ctx.ip })
    const app = new Koa({ proxy: true })
    app.use(koa(sessions))
    app.use(async (ctx) => {
      await signIn(sessions, ctx)
      ctx.status = 204
    })
    assert.deepEqual(await onNode(t, sessions, app.callback()), [DIRECT, NETWORK])
  })

  test('Hono', async (t) => {
    const { sessions } = slowSessions({ address: (c: Context) => getConnInfo(c).remote.address })
    const app = new Hono().use(hono(sessions))
    app.get('/login', async (c) => {
      await signIn(sessions, c)
      return c.body(null, 204)
    })
    assert.deepEqual(await onNode(t, sessions, getRequestListener(app.fetch)), [DIRECT, DIRECT])
  })

  test('node:http', async (t) => {
    const { sessions } = slowSessions({ address: (request: IncomingMessage) => request.socket.remoteAddress })
    const listener = node(sessions, async (request, response) => {
      await signIn(sessions, request)
      response.writeHead(204).end()
    })
    assert.deepEqual(await networks(sessions, (await running(t, createServer(listener))).visitor), [DIRECT, DIRECT])
  })

  test('a handler of Fetch, by a header of its platform', async (t) => {
    const { sessions } = slowSessions({ address: (request: Request) => request.headers.get('X-Forwarded-For') })
    const handler = withSessions(sessions, async (request) => {
      await signIn(sessions, request)
      return new Response(null, { status: 204 })
    })
    assert.deepEqual(await onNode(t, sessions, getRequestListener(handler)), [null, NETWORK])
  })

  for (const platform of ['Express', 'Fastify'] as const)
    test(`Nest on ${platform}`, async (t) => {
      const { sessions } = slowSessions({ address: ip })
      const login = get('login', (request: object) => signIn(sessions, request), [Req()])
      const root = moduleOf({ imports: [StrongroomModule.forRoot({ sessions })], controllers: [controller([login])] })
      const app = await createApp(root, platform === 'Express' ? platform : new FastifyAdapter(FASTIFY))
      if (platform === 'Express') app.getHttpAdapter().getInstance().set('trust proxy', true)
      const { visitor } = await visit(t, app)
      assert.deepEqual(await networks(sessions, visitor), [DIRECT, NETWORK])
    })
})
