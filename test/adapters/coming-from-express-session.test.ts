import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, suite, test } from 'node:test'
import express, { type Express } from 'express'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { expressSession } from '../../packages/strongroom/src/adoption/express-session.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import type { RunningServer } from '../../packages/strongroom/src/testing/index.ts'
import { connectStorages, type OpenStore } from './connect-stores.ts'
import { Browser, hold, oldApplication, SECRET } from './express-session-site.ts'
import { environment, listening } from './serve.ts'

const HOUR = 3_600_000

function newApplication(sessions: Sessions): Express {
  const app = express().set('env', environment())
  app.use(strongroom(sessions))
  app.get('/me', async (request, response) => {
    const mine = await sessions.get(request)
    response.json({ user: mine.userId, cart: mine.get('cart') ?? [] })
  })
  app.get('/add', async (request, response) => {
    const mine = await sessions.get(request)
    mine.set(`item ${request.query.item}`, 1)
    response.json(mine.handle)
  })
  app.get('/logout', async (request, response) => {
    const mine = await sessions.get(request)
    mine.logout()
    response.json('bye')
  })
  app.get('/login', async (request, response) => {
    const mine = await sessions.get(request)
    mine.login(String(request.query.user))
    response.json('welcome')
  })
  return app
}

for (const { name, skip, open } of connectStorages)
  suite(`an application that leaves express-session: ${name}`, { skip }, () => {
    let storage: OpenStore
    let old: RunningServer
    let rolling: RunningServer
    let slow = hold()
    const events: SessionEvent[] = []
    const opened: RunningServer[] = []
    const start = async (app: Express) => {
      const server = await listening(createServer(app))
      opened.push(server)
      return server
    }

    /** A server with this library, over a store of its own, which adopts from the store of express-session. */
    async function startNew(cookie = 'id') {
      const sessions = createSessions({
        ...{ store: memory(), secrets: 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx', sweep: false },
        cookie: { name: cookie, secure: false },
        adoptFrom: expressSession({
          ...{ store: storage.store, secret: ['newer', SECRET], cookie: { secure: false } },
          until: new Date(Date.now() + 30 * 24 * HOUR),
        }),
        on: (event) => void events.push(event),
      })
      return { sessions, server: await start(newApplication(sessions)) }
    }

    const login = async (user: string, server = old) => {
      const browser = new Browser()
      await browser.ask(server, `/login?user=${user}`)
      await browser.ask(server, '/add')
      return browser
    }

    before(async () => {
      storage = await open()
      old = await start(oldApplication(storage.store, () => slow, {}))
      const options = { rolling: true, cookie: { maxAge: HOUR } }
      rolling = await start(oldApplication(storage.store, () => slow, options))
    })
    after(async () => {
      for (const server of opened) await server.close()
      await storage?.close()
    })

    test('its visitors stay signed in, with their data, and are no longer in its store', async () => {
      const { server } = await startNew()
      for (const from of [old, rolling]) {
        const browser = await login('ada', from)
        const before = browser.copy()
        assert.deepEqual(await browser.ask(server, '/me'), { user: 'ada', cart: ['tea', 'milk'] })
        assert.deepEqual([...browser.cookies.keys()], ['id'])
        assert.deepEqual(await browser.ask(server, '/me'), { user: 'ada', cart: ['tea', 'milk'] })
        assert.deepEqual(await before.ask(from, '/me'), { user: null, cart: [] })
      }
    })

    test('a visitor who has not signed in keeps the data, and stays anonymous', async () => {
      const { server } = await startNew()
      const browser = new Browser()
      await browser.ask(old, '/add')
      assert.deepEqual(await browser.ask(server, '/me'), { user: null, cart: ['milk'] })
      await browser.ask(server, '/login?user=ada')
      assert.deepEqual(await browser.ask(server, '/me'), { user: 'ada', cart: ['milk'] })
    })

    test('parallel first requests become one session, and each of their changes is saved', async () => {
      const { server, sessions } = await startNew()
      const browser = await login('ada')
      const tabs = Array.from({ length: 20 }, () => browser.copy())
      const handles = await Promise.all(tabs.map((tab, i) => tab.ask(server, `/add?item=${i}`)))
      assert.equal(new Set(handles).size, 1)
      assert.equal(new Set(tabs.map(({ cookies }) => cookies.get('id'))).size, 1)
      assert.equal((await sessions.of('ada').list()).length, 1)
      const kept = await sessions.find(String(handles[0]))
      assert.notEqual(kept, null)
    })

    test('a logout here ends the session in both, also in the very first request', async () => {
      const { server } = await startNew()
      for (const visits of [['/me', '/logout'], ['/logout']]) {
        const browser = await login('ada')
        const stolen = browser.copy()
        for (const path of visits) await browser.ask(server, path)
        assert.equal(browser.cookies.size, 0)
        for (const each of [old, server]) {
          const { user } = (await stolen.copy().ask(each, '/me')) as { user: string | null }
          assert.equal(user, null)
        }
      }
    })

    test('a slow request of the old application, which is still running, brings no session back that ended here', async () => {
      const { server } = await startNew()
      const browser = await login('ada')
      const stolen = browser.copy()
      slow = hold()
      const late = browser.copy().ask(old, '/slow')
      await slow.began
      await browser.ask(server, '/me')
      await browser.ask(server, '/logout')
      slow.release()
      await late
      // It has written its whole record, as stores of express-session do.
      assert.deepEqual(await stolen.copy().ask(old, '/me'), { user: 'ada', cart: ['tea', 'milk', 'late'] })
      assert.deepEqual(await stolen.ask(server, '/me'), { user: null, cart: [] })
      // That request ended it there once more.
      assert.deepEqual(await stolen.ask(old, '/me'), { user: null, cart: [] })
    })

    test('visitors who go to and fro between old and new servers have their session here', async () => {
      const { server } = await startNew()
      const browser = await login('ada')
      await browser.ask(server, '/me')
      assert.deepEqual(await browser.ask(old, '/me'), { user: null, cart: [] })
      await browser.ask(old, '/add')
      assert.deepEqual(await browser.ask(server, '/me'), { user: 'ada', cart: ['tea', 'milk'] })
    })

    test('the cookie here may have the same name', async () => {
      const { server } = await startNew('connect.sid')
      const browser = await login('ada')
      const stolen = browser.copy()
      assert.deepEqual(await browser.ask(server, '/me'), { user: 'ada', cart: ['tea', 'milk'] })
      assert.match(String(browser.cookies.get('connect.sid')), /^[\w-]{88}$/)
      assert.deepEqual(await browser.ask(server, '/me'), { user: 'ada', cart: ['tea', 'milk'] })
      await browser.ask(server, '/logout')
      assert.equal(browser.cookies.size, 0)
      assert.deepEqual(await stolen.ask(server, '/me'), { user: null, cart: [] })
    })

    test('its sessions can be listed as its store lists them, which connect-pg-simple alone does not', async () => {
      const browser = await login('ada')
      const source = expressSession({ store: storage.store, secret: SECRET, until: new Date(Date.now() + HOUR) })
      assert.equal(source.keys === undefined, name === 'connect-pg-simple')
      const keys: string[] = []
      for await (const page of source.keys?.() ?? []) keys.push(...page)
      const sid = source.keyIn(`connect.sid=${browser.cookies.get('connect.sid')}`)
      assert.equal(keys.includes(String(sid)), name !== 'connect-pg-simple')
    })

    test('no event was about a failure', () => {
      const bad = events.filter(({ type }) => type === 'storeError' || type === 'rejected')
      assert.deepEqual(bad, [])
      assert.ok(events.some((event) => event.type === 'adopted' && event.source === 'express-session'))
    })
  })
