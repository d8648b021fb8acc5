import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import express, { type Request, type Response } from 'express'
import { WebSocket, WebSocketServer } from 'ws'
import { csrf, strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { action, strongroom as proxy } from '../../packages/strongroom/src/adapters/next.ts'
import { strongroom as kit } from '../../packages/strongroom/src/adapters/sveltekit.ts'
import { strongroom as live } from '../../packages/strongroom/src/adapters/ws.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { type BaseSessions, bearer, createSessions, type Sessions } from '../../packages/strongroom/src/index.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/session-for.ts'

const secrets = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'

/** Sessions of a site and of its native application. */
function two(): { readonly site: Sessions; readonly native: Sessions } {
  const common = { store: memory({ max: 100 }), secrets, namespace: 'shop', sweep: false } as const
  return {
    site: createSessions({ ...common, cookie: { name: 'id', secure: false } }),
    native: createSessions({ ...common, transport: bearer() }),
  }
}

const servers: Server[] = []
after(() => servers.forEach((server) => void server.close()))

async function serve(listener: RequestListener): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer(listener).listen(0)
  servers.push(server)
  await once(server, 'listening')
  return { url: `http://localhost:${(server.address() as AddressInfo).port}`, server }
}

/** Handlers that log in, say who is there, and log out. */
function routes(choose: (request: Request) => Sessions) {
  const router = express.Router()
  router.post('/login', async (request: Request, response: Response) => {
    ;(await choose(request).get(request)).login('ada')
    response.send('welcome')
  })
  router.get('/me', async (request: Request, response: Response) => {
    response.json((await choose(request).get(request)).userId)
  })
  return router
}

const cookieOf = (response: globalThis.Response) => response.headers.get('set-cookie')?.split(';', 1)[0] ?? ''
const tokenOf = (response: globalThis.Response) => response.headers.get('session-token')

describe('a site and its native application', () => {
  it('are two adapters on different paths, with one list of devices', async () => {
    const { site, native } = two()
    const app = express()
    app.use(
      '/api',
      strongroom(native),
      routes(() => native),
    )
    app.use(
      '/',
      strongroom(site),
      routes(() => site),
    )
    const { url } = await serve(app)
    const [web, mobile] = await Promise.all([
      fetch(`${url}/login`, { method: 'POST' }),
      fetch(`${url}/api/login`, { method: 'POST' }),
    ])
    assert.equal(tokenOf(web), null)
    assert.equal(mobile.headers.get('set-cookie'), null)
    const ask = async (path: string, headers: Record<string, string>) => (await fetch(url + path, { headers })).json()
    const authorization = `Bearer ${tokenOf(mobile)}`
    assert.deepEqual(
      [await ask('/me', { cookie: cookieOf(web) }), await ask('/api/me', { authorization })],
      ['ada', 'ada'],
    )
    assert.deepEqual(
      [await ask('/api/me', { cookie: cookieOf(web) }), await ask('/me', { authorization })],
      [null, null],
    )
    assert.equal((await site.of('ada').list()).length, 2)
    await site.of('ada').revokeAll()
    assert.equal(await ask('/api/me', { authorization }), null)
  })

  it('can be two adapters on the same paths: the response varies by what was asked for', async () => {
    const { site, native } = two()
    const app = express()
    app.set('env', 'test')
    app.use(strongroom(site), strongroom(native), csrf(site))
    app.use(routes((request) => (request.headers.authorization === undefined ? site : native)))
    app.get('/both', async (request, response) => {
      response.json([(await site.get(request)).userId, (await native.get(request)).userId])
    })
    app.post('/both', async (request, response) => {
      ;(await site.get(request)).login('ada')
      ;(await native.get(request)).login('bob')
      response.end()
    })
    const { url } = await serve(app)
    const both = await fetch(`${url}/both`, { method: 'POST' })
    const cookie = cookieOf(both)
    const authorization = `Bearer ${tokenOf(both)}`
    const page = await fetch(`${url}/both`, { headers: { cookie, authorization } })
    assert.deepEqual(await page.json(), ['ada', 'bob'])
    assert.deepEqual(page.headers.get('vary')?.split(', ').sort(), ['Authorization', 'Cookie'])
    const me = await fetch(`${url}/me`, { headers: { cookie, authorization } })
    assert.deepEqual([await me.json(), me.headers.get('vary')], ['bob', 'Authorization'])
    // The check of the site lets a client pass that is no browser, and still refuses the page of another site.
    assert.equal((await fetch(`${url}/login`, { method: 'POST', headers: { authorization } })).status, 200)
    const origin = 'https://evil.example'
    assert.equal((await fetch(`${url}/login`, { method: 'POST', headers: { cookie, origin } })).status, 403)
  })
})

describe('where a bearer token can be sent', () => {
  it('is a WebSocket, whose handshake has the header, wherever its page is from', async () => {
    const { native } = two()
    const { url, server } = await serve((_, response) => void response.end())
    const sockets = new WebSocketServer({ noServer: true })
    const connections = live(native, { every: '100ms' })
    server.on('upgrade', connections.upgrade(sockets))
    const { headers } = await sessionFor(native, { userId: 'ada' })
    const address = url.replace('http', 'ws')
    const refused = new WebSocket(address)
    const [error] = await once(refused, 'error')
    assert.match(String(error), /401/)
    const socket = new WebSocket(address, { headers: { ...headers, origin: 'https://other.example' } })
    const [[, , session]] = await Promise.all([once(sockets, 'connection'), once(socket, 'open')])
    assert.equal(session.userId, 'ada')
    const closed = once(socket, 'close')
    await native.of('ada').revokeAll()
    assert.equal((await closed)[0], 4401)
    await connections.close()
  })

  it('is neither an action nor the proxy of Next: they say so when they are made', () => {
    const { native, site } = two()
    const message = /is for browsers.*withSessions\(sessions/
    assert.throws(() => action(native, async () => undefined), { name: 'ConfigError', message })
    assert.throws(() => proxy(native), { name: 'ConfigError', message })
    assert.ok(action(site, async () => undefined) && proxy(site))
  })

  it('is the response of a redirect that a hook of SvelteKit throws', async () => {
    const { native } = two()
    const event = {
      request: new globalThis.Request('http://localhost/'),
      locals: {},
      isSubRequest: false,
      isDataRequest: false,
      cookies: { set: () => assert.fail('a cookie was set') },
    }
    const response = await kit(native)({
      event,
      async resolve() {
        ;(await native.get(event)).login('ada')
        throw { status: 303, location: '/home' }
      },
    })
    assert.deepEqual([response.status, response.headers.get('location')], [303, '/home'])
    assert.equal((await native.read({ authorization: `Bearer ${tokenOf(response)}` })).userId, 'ada')
  })

  it('is the first of two Authorization headers on Node, and nobody where Fetch has joined them', async () => {
    const { native } = two()
    const [ada, eve] = await Promise.all(['ada', 'eve'].map((userId) => sessionFor(native, { userId })))
    const both = [ada, eve].map((one) => one?.headers.authorization ?? '')
    const app = express().use(
      '/',
      strongroom(native),
      routes(() => native),
    )
    const { url } = await serve(app)
    const raw = both.flatMap((value) => ['Authorization', value])
    const sent = request(`${url}/me`, { headers: ['Host', new URL(url).host, ...raw] }).end()
    const [response] = await once(sent, 'response')
    assert.equal(await text(response), '"ada"')

    const handler = withSessions(native, async (request) =>
      globalThis.Response.json((await native.get(request)).userId),
    )
    const headers = new Headers(both.map((value): [string, string] => ['Authorization', value]))
    assert.equal(await (await handler(new globalThis.Request(url, { headers }))).json(), null)
  })

  it('is a page of another origin only as far as the application says so: no CORS header is set', async () => {
    const { native } = two()
    const handler = withSessions(native, async (request) => {
      ;(await native.get(request)).login('ada')
      return new globalThis.Response('welcome')
    })
    const response = await handler(
      new globalThis.Request('http://localhost/', { headers: { origin: 'https://a.example' } }),
    )
    assert.deepEqual([...response.headers.keys()].sort(), ['cache-control', 'content-type', 'session-token', 'vary'])
  })

  it('is no response that began before the session was asked for: a login there fails, and stores nothing', async () => {
    const { native } = two()
    const app = express()
    app.use(strongroom(native as BaseSessions<Record<string, unknown>>))
    const failures: unknown[] = []
    app.get('/', async (request, response) => {
      response.write('begun')
      try {
        ;(await native.get(request)).login('ada')
      } catch (error) {
        failures.push((error as { code?: unknown }).code)
      }
      response.end()
    })
    const { url } = await serve(app)
    const response = await fetch(url)
    await response.text()
    assert.deepEqual([tokenOf(response), failures], [null, ['STRONGROOM_CLOSED']])
    assert.deepEqual(await native.of('ada').list(), [])
  })
})
