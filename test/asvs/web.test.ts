import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { strongroom } from '../../packages/strongroom/src/adapters/ws.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, TooLargeError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { parseSetCookie } from '../../packages/strongroom/src/testing/jar.ts'
import { listening } from '../adapters/serve.ts'
import { secret } from '../core/fixtures/secret.ts'
import { prove } from './prove.ts'
import { cookieOf, NAME, setCookieOf, site, tokenOf, visitorOf } from './site.ts'

const secrets = secret('asvs')
const PATHS = ['/login', '/set?theme=dark', '/renew', '/login?user=bob&remember', '/logout'] as const

/** What the site sets on the way through all of its pages. */
async function allCookies(t: TestContext) {
  const browser = (await site(t)).visitor()
  const lines: string[] = []
  for (const path of PATHS) lines.push(...(await browser.must(path)).all('set-cookie'))
  assert.ok(lines.length >= 4)
  return lines.map(parseSetCookie)
}

prove('ASVS 3.3.1', async (t) => {
  for (const { name, attributes } of await allCookies(t)) {
    assert.ok(attributes.has('secure'))
    assert.match(name, /^__(Host|Secure)-/)
  }
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'production'
  try {
    for (const wrong of [{ name: 'id' }, { name: 'id', secure: false }, { secure: false }])
      assert.throws(() => createSessions({ store: memory(), secrets, cookie: wrong }), ConfigError)
  } finally {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  }
})

prove('ASVS 3.3.3', async (t) => {
  for (const { name, attributes } of await allCookies(t)) {
    assert.match(name, /^__Host-/)
    assert.equal(attributes.get('path'), '/')
    assert.equal(attributes.has('domain'), false)
  }
  for (const wrong of [{ domain: 'shop.example' }, { path: '/shop' }])
    assert.throws(() => createSessions({ store: memory(), secrets, cookie: wrong }), ConfigError)
})

prove('ASVS 3.3.4', async (t) => {
  for (const { attributes } of await allCookies(t)) assert.ok(attributes.has('httponly'))
  assert.throws(() => createSessions({ store: memory(), secrets, cookie: { httpOnly: false } as never }), ConfigError)
  const shop = await site(t)
  const browser = shop.visitor()
  for (const path of ['/login', '/whoami', '/read', '/renew', '/fail', '/asset']) {
    const page = await browser.ask(path)
    const token = tokenOf(browser)
    const bytes = Buffer.from(token, 'base64url')
    const forms = [token, bytes.toString('base64'), bytes.toString('hex'), ...shop.rows().map(({ id }) => id)]
    const elsewhere =
      page.text + ['location', 'link', 'etag', 'x-session', 'authorization'].map((name) => page.header(name))
    for (const form of forms) assert.ok(!elsewhere.includes(form), `${path} shows it`)
  }
})

prove('ASVS 3.3.5', async (t) => {
  const long = (length: number) => `__Host-${'n'.repeat(length - 7)}`
  assert.throws(() => createSessions({ store: memory(), secrets, cookie: { name: long(257) } }), ConfigError)
  const name = long(256)
  const shop = await site(t, { cookie: { name } })
  const line = setCookieOf(await shop.visitor().must('/login'))
  assert.ok(line.split(';')[0] && Buffer.byteLength(line.split(';')[0] as string) - 1 <= 4096)
  // Sessions in cookies are as large as what is in them.
  const sessions = createSessions({ store: cookie(), secrets })
  for (const [length, fits] of [
    [2000, true],
    [4000, false],
  ] as const) {
    const visit = sessions.open({})
    ;(await visit.get()).set('text', 'x'.repeat(length))
    if (!fits) await assert.rejects(Promise.resolve(visit.commit()), TooLargeError)
    else assert.ok(((await visit.commit()).setCookie?.split(';')[0]?.length ?? 0) - 1 <= 4096)
  }
})

const FOREIGN: readonly Readonly<Record<string, string>>[] = [
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { referer: 'https://evil.example/page' },
]
/** What a form, or a script without asking first, can send to another site. */
const SAFELISTED = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']

prove('ASVS 3.5.1', async (t) => {
  const shop = await site(t, {
    csrf: true,
    routes: ({ sessions }) => ({ token: (_, __, request) => sessions.csrfToken(request) }),
  })
  const browser = await shop.signedIn()
  const own = new URL(shop.url).origin
  const post = async (headers: Readonly<Record<string, string>>) =>
    (await browser.ask('/set?paid=yes', { method: 'POST', headers })).status
  for (const headers of FOREIGN) assert.equal(await post(headers), 403, JSON.stringify(headers))
  // What says nothing of where it comes from needs the token of its own session.
  const token = JSON.parse((await browser.must('/token')).text)
  const other = JSON.parse((await (await shop.signedIn('bob')).must('/token')).text)
  assert.equal(await post({}), 403)
  assert.equal(await post({ 'x-csrf-token': other }), 403)
  assert.deepEqual(JSON.parse((await browser.must('/read')).text), {})
  assert.equal(await post({ 'x-csrf-token': token }), 200)
  assert.equal(await post({ origin: own }), 200)
})

prove('ASVS 3.5.2', async (t) => {
  const shop = await site(t, { csrf: true })
  const browser = await shop.signedIn()
  for (const type of [...SAFELISTED, 'application/json'])
    for (const headers of FOREIGN) {
      const options = { method: 'POST', headers: { ...headers, 'content-type': type }, body: '{"paid":true}' }
      assert.equal((await browser.ask('/set?paid=yes', options)).status, 403, `${type} ${JSON.stringify(headers)}`)
    }
  assert.deepEqual(JSON.parse((await browser.must('/read')).text), {})
})

prove('ASVS 3.5.3', async (t) => {
  const shop = await site(t, { csrf: true })
  const browser = await shop.signedIn()
  const before = cookieOf(browser)
  const stored = shop.rows().length
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY'])
    for (const from of ['cross-site', 'same-site', 'unheard-of'])
      assert.equal((await browser.ask('/set?paid=yes', { method, headers: { 'sec-fetch-site': from } })).status, 403)
  // What is safe changes nothing of itself: no new token, no session for a visitor.
  for (const method of ['GET', 'HEAD', 'OPTIONS'])
    for (const who of [browser, shop.visitor()])
      assert.deepEqual((await who.ask('/whoami', { method })).all('set-cookie'), [])
  assert.equal(cookieOf(browser), before)
  assert.equal(shop.rows().length, stored)
})

/** As a client writes that wants to be taken for somebody behind a proxy. */
const SPOOFED = {
  'x-forwarded-for': '203.0.113.7',
  'x-real-ip': '203.0.113.7',
  forwarded: 'for=203.0.113.7;proto=https;host=evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'evil.example',
}

prove('ASVS 4.1.3', async (t) => {
  const shop = await site(t, { csrf: true })
  const browser = await shop.signedIn()
  const headers = { ...SPOOFED, origin: 'https://evil.example' }
  assert.equal((await browser.ask('/set?paid=yes', { method: 'POST', headers })).status, 403)
  const page = await shop.visitor().ask('/login', { headers: { ...SPOOFED, 'x-forwarded-proto': 'http' } })
  assert.match(setCookieOf(page), /; Secure/)
  assert.doesNotMatch(setCookieOf(page), /Domain|evil/)
})

prove('ASVS 15.3.4', async (t) => {
  const address = (request: IncomingMessage) => request.socket.remoteAddress
  for (const [option, expected] of [
    [{}, null],
    [{ address }, '127.0.0.0/24'],
  ] as const) {
    const shop = await site(t, option)
    await shop.visitor().ask('/login', { headers: SPOOFED })
    const [device] = await shop.sessions.of('ada').list()
    assert.equal(device?.address, expected)
  }
})

/** A site with a WebSocket that tells whose it is. */
async function chat(t: TestContext) {
  const sessions = createSessions({ store: memory(), secrets, sweep: false, on: () => {} })
  const live = strongroom(sessions)
  const server = createServer(
    withSessions(sessions, async (request: IncomingMessage, response: ServerResponse) => {
      const session = await sessions.get(request)
      if (request.url === '/login') session.login('ada')
      if (request.url === '/logout') session.logout()
      response.end()
    }),
  )
  const wss = new WebSocketServer({ noServer: true })
  server.on('upgrade', live.upgrade(wss))
  wss.on('connection', (socket: WebSocket, _: unknown, session: { userId: string }) => socket.send(session.userId))
  const { url, close } = await listening(server)
  t.after(async () => {
    await live.close()
    for (const client of wss.clients) client.terminate()
    await close()
    await sessions.close()
  })
  return { url, browser: visitorOf(t, url) }
}

/** The status with which the server answers the opening of a WebSocket. */
async function opening(url: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> {
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
  const asked = request(url, { headers: { ...upgrade, 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', ...headers } })
  asked.end()
  const [response] = await Promise.race([once(asked, 'response'), once(asked, 'upgrade')])
  asked.destroy()
  return response.statusCode
}

prove('ASVS 4.4.2', async (t) => {
  const { url, browser } = await chat(t)
  await browser.must('/login')
  const cookie = cookieOf(browser)
  for (const origin of ['https://evil.example', 'null', `${url}0`, url.replace('127.0.0.1', 'localhost')])
    assert.equal(await opening(url, { cookie, origin }), 403, origin)
  assert.equal(await opening(url, { cookie, origin: url }), 101)
})

prove('ASVS 4.4.3', async (t) => {
  const { url, browser } = await chat(t)
  await browser.must('/login')
  const socket = new WebSocket(url, { headers: { cookie: cookieOf(browser), origin: url } })
  const [message] = await once(socket, 'message')
  assert.equal(String(message), 'ada')
  const closed = once(socket, 'close')
  await browser.must('/logout')
  const [code, reason] = await closed
  assert.deepEqual([code, String(reason)], [4401, 'logout'])
})

prove('ASVS 4.4.4', async (t) => {
  const { url, browser } = await chat(t)
  assert.equal(await opening(url, { origin: url }), 401)
  assert.equal(await opening(`${url}/?token=anything`, { origin: url, authorization: 'Bearer anything' }), 401)
  await browser.must('/login')
  assert.equal(await opening(`${url}/?${NAME}=${tokenOf(browser)}`, { origin: url }), 401)
  assert.equal(await opening(url, { origin: url, cookie: cookieOf(browser) }), 101)
})
