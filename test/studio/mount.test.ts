import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import { studio } from '@strongroom/studio'
import express from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'
import { strongroom as forExpress } from '../../packages/strongroom/src/adapters/express.ts'
import { strongroom as forHono } from '../../packages/strongroom/src/adapters/hono.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { SECRET, serving, shop, signIn, siteAt } from './browserless.ts'

type Ending = { after(done: () => unknown): void }
type Mount = (sessions: Sessions, t: Ending) => Promise<{ site: ReturnType<typeof siteAt>; base: string }>

/** Only for Ada, by her session of the application. */
const guarded = (sessions: Sessions, path?: string) =>
  studio(sessions, {
    guard: async (request) => (await sessions.get(request)).userId === 'ada',
    write: true,
    ...(path !== undefined && { path }),
  })

const MOUNTS: Readonly<Record<string, Mount>> = {
  'node:http': async (sessions, t) => ({ site: await serving(t, guarded(sessions).node), base: '/studio' }),
  'node:http, at the root': async (sessions, t) => ({ site: await serving(t, guarded(sessions, '/').node), base: '' }),
  'node:http, within withSessions': async (sessions, t) => {
    const board = guarded(sessions)
    return {
      site: await serving(
        t,
        withSessions(sessions, (request, response) => board.node(request, response)),
      ),
      base: '/studio',
    }
  },
  'Express, below a router, after the sessions and a parser': async (sessions, t) => {
    const app = express()
    const admin = express.Router()
    app.use(forExpress(sessions), express.urlencoded({ extended: false }))
    admin.use('/sessions', guarded(sessions).node)
    app.use('/admin', admin)
    return { site: await serving(t, app), base: '/admin/sessions' }
  },
  'Express 4, alone': async (sessions, t) => {
    const app = express4()
    app.use('/ops', guarded(sessions).node)
    return { site: await serving(t, app), base: '/ops' }
  },
  Hono: async (sessions, t) => {
    const app = new Hono()
    const board = guarded(sessions, '/ops')
    app.use(forHono(sessions))
    app.all('/ops/*', (c) => board.fetch(c.req.raw))
    return { site: await serving(t, getRequestListener(app.fetch)), base: '/ops' }
  },
  "Hono's mount(), without the sessions before it": async (sessions, t) => {
    const app = new Hono()
    app.mount('/ops', guarded(sessions, '/ops').fetch)
    return { site: await serving(t, getRequestListener(app.fetch)), base: '/ops' }
  },
  Fastify: async (sessions, t) => {
    const app = fastify()
    const board = guarded(sessions)
    app.register(async (scope) => {
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', (_request, _body, done) => done(null))
      for (const url of ['/studio', '/studio/*'])
        scope.all(url, (request, reply) => {
          reply.hijack()
          board.node(request.raw, reply.raw)
        })
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    t.after(() => app.close())
    return { site: siteAt((app.server.address() as AddressInfo).port), base: '/studio' }
  },
}

suite('one call mounts the studio', () => {
  for (const [name, mount] of Object.entries(MOUNTS))
    test(`in ${name}: the guard knows the session, links lead to pages, and forms arrive`, async (t) => {
      const sessions = shop()
      const { site, base } = await mount(sessions, t)
      const cookie = await signIn(sessions, 'ada')
      await signIn(sessions, '42')
      assert.equal((await site.get(`${base}/sessions`)).status, 404)
      const first = await site.get(base === '' ? '/' : base, { cookie })
      assert.equal(first.status, 200, first.text)
      assert.match(String(first.headers['content-security-policy']), /default-src 'none'/)
      const links = [...first.text.matchAll(/ (?:href|src|action)="([^"#]+)"/g)].map(([, link = '']) =>
        link.replaceAll('&amp;', '&'),
      )
      assert.ok(links.length > 8)
      for (const link of new Set(links)) {
        const { status } = await site.get(link, { cookie })
        assert.ok(status === 200 || status === 303, `${link}: ${status}`)
      }
      const [device] = await sessions.of('42').list()
      const ended = await site.post(`${base}/sessions/end`, { user: '42', handle: device?.handle ?? '' }, { cookie })
      assert.deepEqual([ended.status, ended.headers.location], [303, `${base}/sessions?user=42&done=one&count=1#done`])
      assert.equal((await sessions.of('42').list()).length, 0)
    })

  test('a store that does not answer while the guard asks for the session lets nobody in', async (t) => {
    let isDown = false
    const inner = memory()
    const store = new Proxy(inner, {
      get(target, name) {
        // The other way to read, which memory has as well.
        const found = name === 'readSync' ? undefined : Reflect.get(target, name)
        if (typeof found !== 'function') return found
        return (...args: unknown[]) =>
          name === 'read' && isDown ? Promise.reject(new Error('down')) : found.apply(target, args)
      },
    })
    const sessions = createSessions({ store, secrets: SECRET, on: () => undefined })
    const cookie = await signIn(sessions, 'ada')
    const site = await serving(t, guarded(sessions).node)
    assert.equal((await site.get('/studio', { cookie })).status, 200)
    isDown = true
    const { status, text } = await site.get('/studio', { cookie })
    assert.equal(status, 500)
    assert.match(text, /guard of this page failed/)
  })
})
