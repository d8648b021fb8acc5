import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import express from 'express'
import { fastify } from 'fastify'
import Koa from 'koa'
import { strongroom as onExpress } from '../../packages/strongroom/src/adapters/express.ts'
import { strongroom as onFastify } from '../../packages/strongroom/src/adapters/fastify.ts'
import { strongroom as onKoa } from '../../packages/strongroom/src/adapters/koa.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { secret } from '../core/fixtures/secret.ts'
import { listening } from './serve.ts'

type Login = (request: object) => Promise<void>

/** Each sends a cookie of its own, and a page that nobody gets because its session cannot be saved. */
const HOSTS: Readonly<Record<string, (all: Sessions[], login: Login) => Promise<RequestListener>>> = {
  async 'node:http'(all, login) {
    const page: RequestListener = async (request, response) => {
      await login(request)
      response.end('saved')
    }
    return all.reduceRight((listener, sessions) => withSessions(sessions, listener), page)
  },
  async Express(all, login) {
    const app = express().set('env', 'test')
    for (const sessions of all) app.use(onExpress(sessions))
    return app.get('/', async (request, response) => {
      await login(request)
      response.cookie('own', '1').send('saved')
    })
  },
  async Koa(all, login) {
    const app = new Koa()
    app.silent = true
    for (const sessions of all) app.use(onKoa(sessions, { decorate: false }))
    app.use(async (ctx) => {
      await login(ctx)
      ctx.cookies.set('own', '1')
      ctx.body = 'saved'
    })
    return app.callback() as RequestListener
  },
  async Fastify(all, login) {
    const app = fastify()
    for (const sessions of all) app.register(onFastify(sessions, { decorate: false }))
    app.get('/', async (request, reply) => {
      await login(request)
      reply.header('Set-Cookie', 'own=1')
      return 'saved'
    })
    await app.ready()
    return app.routing as RequestListener
  },
}

function sessionsWith(t: TestContext, store: ReturnType<typeof memory>, name: string): Sessions {
  const given = { store, secrets: secret(name), sweep: false, on: () => {}, cookie: { name } } as const
  const sessions: Sessions = createSessions(given)
  t.after(() => sessions.close())
  return sessions
}

async function get(t: TestContext, listener: RequestListener): Promise<Response> {
  const { url, close } = await listening(createServer(listener))
  t.after(close)
  const response = await fetch(url)
  await response.arrayBuffer()
  return response
}

suite('an error page has the cookie of what is stored', () => {
  for (const [host, serve] of Object.entries(HOSTS))
    test(`of one of two sessions, when the other could not be saved, on ${host}`, async (t) => {
      const store = memory()
      const [shop, staff] = [sessionsWith(t, memory(), '__Host-shop'), sessionsWith(t, store, '__Host-staff')]
      const login: Login = async (request) => {
        for (const sessions of [shop, staff]) (await sessions.get(request)).login('ada')
        await store.close()
      }
      const response = await get(t, await serve([staff, shop], login))
      assert.equal(response.status, 503)
      assert.match(response.headers.getSetCookie().at(-1) ?? '', /^__Host-shop=/)
      assert.match(response.headers.get('cache-control') ?? '', /no-store/)
      assert.equal(response.headers.get('vary'), 'Cookie')
      assert.equal((await shop.of('ada').list()).length, 1)
    })

  test('whose head could not be sent, after the session was saved', async (t) => {
    const sessions = sessionsWith(t, memory(), '__Host-shop')
    const app = new Koa().use(onKoa(sessions))
    app.silent = true
    app.use(async (ctx) => {
      ;(await ctx.session).login('ada')
      ctx.body = 'saved'
      ctx.message = 'two\nlines'
    })
    const response = await get(t, app.callback() as RequestListener)
    assert.equal(response.status, 500)
    const [line = ''] = response.headers.getSetCookie()
    const { userId } = await sessions.read({ headers: { cookie: line.split(';')[0] } })
    assert.equal(userId, 'ada')
  })
})
