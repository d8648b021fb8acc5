import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, type TestContext, test } from 'node:test'
import websocket from '@fastify/websocket'
import { fastify } from 'fastify'
import { WebSocket } from 'ws'
import { strongroom } from '../../packages/strongroom/src/adapters/fastify.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { StoreError, type StrongroomError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { secret } from '../core/fixtures/secret.ts'
import { sessionOf, site } from './fastify-site.ts'
import type { Values } from './site.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a user of JavaScript may write
type Anything = any

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
