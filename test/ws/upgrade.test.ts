import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { suite, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { WebSocket, WebSocketServer } from 'ws'
import { type LiveOptions, SessionEndedError, strongroom } from '../../packages/strongroom/src/adapters/ws.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/session-for.ts'
import { listening } from '../adapters/serve.ts'
import { secret } from '../core/fixtures/secret.ts'

type Opened = { socket: WebSocket; request: IncomingMessage; session: Session<Record<string, unknown>> }

interface Site {
  readonly url: string
  readonly sessions: Sessions
  readonly server: Server
  readonly wss: WebSocketServer
  readonly live: ReturnType<typeof strongroom<Record<string, unknown>>>
  /** What the server has opened. */
  readonly opened: Opened[]
}

async function site(t: TestContext, options: LiveOptions = {}, more: Partial<SessionsOptions> = {}): Promise<Site> {
  const given = { store: memory(), secrets: secret('upgrade'), sweep: false, on: () => {}, ...more }
  const sessions = createSessions(given as SessionsOptions) as Sessions
  const live = strongroom(sessions, options)
  const wss = new WebSocketServer({ noServer: true })
  const opened: Opened[] = []
  wss.on('connection', (socket: WebSocket, request: IncomingMessage, session: Opened['session']) => {
    opened.push({ socket, request, session })
    socket.send('hello')
  })
  const server = createServer()
  server.on('upgrade', live.upgrade(wss))
  const { url, close } = await listening(server)
  t.after(async () => {
    await live.close()
    for (const client of wss.clients) client.terminate()
    await close()
    await sessions.close()
  })
  return { url, sessions, live, server, wss, opened }
}

/** A store in memory that is asked as one elsewhere is, and lets the test do something before an answer arrives. */
function hooked() {
  const inner = memory()
  const between = { read: async () => {} }
  const store = Object.assign(Object.create(inner) as Store, {
    traits: inner.traits,
    byOwner: inner.byOwner,
    readSync: undefined,
    updateSync: undefined,
  })
  for (const method of ['create', 'update', 'touch', 'delete', 'clearExpired', 'close'] as const)
    Object.assign(store, { [method]: (inner[method] as (...args: unknown[]) => unknown).bind(inner) })
  store.read = async (...args) => {
    const found = await inner.read(...args)
    await between.read()
    return found
  }
  return { inner, store, between }
}

/** The status of the response to an upgrade, 101 if it is accepted, and what it says. */
async function upgrade(url: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  const sent = request(url, {
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
    },
  })
  sent.end()
  const [response, socket] = (await Promise.race([once(sent, 'upgrade'), once(sent, 'response')])) as [
    IncomingMessage,
    Socket?,
  ]
  if (!socket) return { status: response.statusCode ?? 0, body: await text(response) }
  socket.destroy()
  return { status: 101, body: '' }
}

suite('an upgrade', { timeout: 30_000 }, () => {
  test('is accepted for a user, on the own page', async (t) => {
    const { url, sessions, opened } = await site(t)
    const { cookie } = await sessionFor(sessions, { userId: 'ada', data: { theme: 'dark' } })
    assert.equal((await upgrade(url, { cookie, origin: url })).status, 101)
    const { request, session } = opened[0] as Opened
    assert.deepEqual([session.userId, session.get('theme')], ['ada', 'dark'])
    assert.throws(() => session.set('theme', 'light'), { code: 'STRONGROOM_READ_ONLY' })
    assert.equal(await sessions.get(request), session)
  })

  test('shows later what the session has become, when it is asked for again', async (t) => {
    const { url, sessions, opened } = await site(t)
    const { cookie } = await sessionFor(sessions, { userId: 'ada', data: { theme: 'dark' } })
    await upgrade(url, { cookie, origin: url })
    const visit = sessions.open({ cookie })
    ;(await visit.get()).set('theme', 'light')
    await visit.commit()
    const { request, session } = opened[0] as Opened
    assert.equal((await sessions.get(request, { fresh: true })).get('theme'), 'light')
    assert.throws(() => session.set('theme', 'blue'), { code: 'STRONGROOM_READ_ONLY' })
  })

  for (const [who, headers] of Object.entries({
    'another site': { origin: 'https://evil.example' },
    'another port of this host': { origin: 'http://127.0.0.1:1' },
    'a sandboxed frame': { origin: 'null' },
    'another site, by Sec-Fetch-Site': { 'sec-fetch-site': 'cross-site' },
    'a subdomain, by Sec-Fetch-Site': { 'sec-fetch-site': 'same-site' },
    'nobody says where': {},
  }))
    test(`from a page of ${who} is refused with 403, and nothing is asked of the store`, async (t) => {
      const store = memory()
      const { url, sessions, opened } = await site(t, {}, { store })
      const { cookie } = await sessionFor(sessions, { userId: 'ada' })
      const asked: unknown[] = []
      if (who !== 'nobody says where') Object.assign(store, { readSync: (id: unknown) => void asked.push(id) })
      const { status, body } = await upgrade(url, { cookie, ...headers })
      assert.deepEqual([status, opened.length, asked], [403, 0, []])
      assert.match(body, /^This request may come from another site/)
    })

  test('from another site is refused for one who is not signed in, too', async (t) => {
    const { url } = await site(t, { anonymous: true })
    assert.equal((await upgrade(url, { origin: 'https://evil.example' })).status, 403)
  })

  test('from an origin that is trusted, or the own one behind a proxy, is accepted', async (t) => {
    const { url, sessions } = await site(t, {
      origin: 'https://shop.example',
      trustedOrigins: ['https://*.shop.example'],
    })
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    for (const origin of ['https://shop.example', 'https://chat.shop.example'])
      assert.equal((await upgrade(url, { cookie, origin })).status, 101)
    assert.equal((await upgrade(url, { cookie, origin: url })).status, 403)
  })

  test('of a visitor who is not signed in is refused with 401, unless that is allowed', async (t) => {
    const refusing = await site(t)
    const { cookie } = await sessionFor(refusing.sessions, { data: { basket: 1 } })
    for (const cookies of ['', cookie, '__Host-id=forged']) {
      const { status, body } = await upgrade(refusing.url, { cookie: cookies, origin: refusing.url })
      assert.equal(status, 401)
      assert.match(body, /^There is no session for this connection \(signed-out\)/)
    }
    const { url, opened } = await site(t, { anonymous: true })
    assert.equal((await upgrade(url, { origin: url })).status, 101)
    assert.equal(opened[0]?.session.userId, null)
  })

  test('with a cookie that was superseded, or of a session that has ended, is refused with 401', async (t) => {
    const { url, sessions } = await site(t)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const visit = sessions.open({ cookie })
    ;(await visit.get()).renew()
    const renewed = (await visit.commit()).setCookie?.split(';')[0] ?? ''
    assert.equal((await upgrade(url, { cookie, origin: url })).status, 401)
    assert.equal((await upgrade(url, { cookie: renewed, origin: url })).status, 101)
    await sessions.of('ada').revokeAll()
    assert.equal((await upgrade(url, { cookie: renewed, origin: url })).status, 401)
  })

  test('while the store is down is refused with 503, however lenient pages are, and says nothing of the store', async (t) => {
    const { store, between } = hooked()
    const before = process.env.NODE_ENV
    process.env.NODE_ENV = 'production'
    t.after(() => {
      if (before === undefined) delete process.env.NODE_ENV
      else process.env.NODE_ENV = before
    })
    const { url, sessions } = await site(t, { anonymous: true }, { store, onStoreError: 'anonymous' })
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    between.read = () => Promise.reject(new StoreError('Redis at 10.0.0.1 cannot be reached.'))
    const { status, body } = await upgrade(url, { cookie, origin: url })
    assert.deepEqual([status, body], [503, 'Service Unavailable\n'])
  })

  test('that is no WebSocket is refused by ws, and nothing is watched any more', async (t) => {
    const { url, sessions, live, opened } = await site(t)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const { status } = await upgrade(url, { cookie, origin: url, 'sec-websocket-key': 'none' })
    assert.deepEqual([status, opened.length], [400, 0])
    await live.close()
  })

  test('whose client has gone while the store was asked leaves nothing behind', async (t) => {
    const { store, between } = hooked()
    const told: unknown[] = []
    const { url, sessions, server } = await site(t, { onEnd: (end) => told.push(end) }, { store })
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const client = new WebSocket(url.replace('http', 'ws'), { headers: { cookie }, origin: url })
    client.on('error', () => {})
    const [socket] = (await once(server, 'connection')) as [Socket]
    const closed = once(socket, 'close')
    between.read = async () => {
      between.read = async () => {}
      client.terminate()
      await once(client, 'close')
    }
    await closed
    await sessions.of('ada').revokeAll()
    assert.deepEqual(told, [])
  })

  test('during which a logout elsewhere is saved is refused, or closed within the interval if the last answer was older', async (t) => {
    const { store, inner, between } = hooked()
    const { url, sessions, opened } = await site(t, { every: '100ms' }, { store })
    const elsewhere = createSessions({ store: inner, secrets: secret('upgrade'), sweep: false, on: () => {} })
    for (const logoutAt of [1, 2]) {
      const { cookie } = await sessionFor(sessions, { userId: 'ada' })
      let reads = 0
      // After the store was asked, and before its answer arrives.
      between.read = async () => {
        if (++reads !== logoutAt) return
        const visit = elsewhere.open({ cookie })
        ;(await visit.get()).logout()
        await visit.commit()
      }
      const client = new WebSocket(url.replace('http', 'ws'), { headers: { cookie }, origin: url })
      t.after(() => client.terminate())
      const refused = once(client, 'error').then(([error]) => error.message)
      if (logoutAt === 1) assert.match(await refused, /401/)
      else await Promise.race([once(client, 'open'), refused])
    }
    assert.equal(opened.length, 1)
    const [one] = opened as [Opened]
    if (one.socket.readyState < 2) await once(one.socket, 'close')
  })
})

suite('a socket whose session has ended', { timeout: 30_000 }, () => {
  async function connected(t: TestContext, options: LiveOptions = {}) {
    const one = await site(t, options)
    const { cookie } = await sessionFor(one.sessions, { userId: 'ada' })
    const client = new WebSocket(one.url.replace('http', 'ws'), { headers: { cookie }, origin: one.url })
    t.after(() => client.terminate())
    await once(client, 'message')
    return { ...one, cookie, client }
  }

  test('is closed with 4401 and the reason', async (t) => {
    const { client, sessions } = await connected(t)
    const closed = once(client, 'close')
    await sessions.of('ada').revokeAll()
    const [code, reason] = await closed
    assert.deepEqual([code, `${reason}`], [4401, 'revoked'])
  })

  test('is closed with 1001 when the server closes its connections', async (t) => {
    const { client, live } = await connected(t)
    const closed = once(client, 'close')
    await live.close()
    const [code, reason] = await closed
    assert.deepEqual([code, `${reason}`], [1001, 'closed'])
  })

  test('gets what onEnd sends it, and the error of one onEnd keeps no other socket open', async (t) => {
    const warned = once(process, 'warning')
    const told: unknown[] = []
    const { client, sessions, url, cookie } = await connected(t, {
      onEnd(end, socket) {
        told.push(end)
        ;(socket as WebSocket).send(`goodbye: ${end.reason}`)
        throw new Error('secret')
      },
    })
    const second = new WebSocket(url.replace('http', 'ws'), { headers: { cookie }, origin: url })
    await once(second, 'message')
    const [message, other] = [once(client, 'message'), once(second, 'close')]
    await sessions.of('ada').revokeAll()
    assert.equal(String((await message)[0]), 'goodbye: revoked')
    assert.equal((await other)[0], 4401)
    assert.ok(told.every((end) => end instanceof SessionEndedError))
    const [warning] = await warned
    assert.equal(warning.code, 'STRONGROOM_LISTENER')
    assert.ok(!warning.message.includes('secret'))
  })

  test('whose client does not answer the close hands nothing on that it still sends, and is cut', async (t) => {
    const { url, sessions, opened } = await site(t)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const { port, hostname } = new URL(url)
    const raw = connect(Number(port), hostname)
    t.after(() => raw.destroy())
    raw.write(
      `GET / HTTP/1.1\r\nHost: ${hostname}:${port}\r\nOrigin: ${url}\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    )
    await once(raw, 'data')
    while (opened.length === 0) await turn()
    const heard: string[] = []
    opened[0]?.socket.on('message', (message) => heard.push(String(message)))
    // A text frame, masked with zeros.
    const frame = Buffer.concat([Buffer.of(0x81, 0x82, 0, 0, 0, 0), Buffer.from('hi')])
    raw.write(frame)
    while (heard.length === 0) await turn()
    const cut = once(raw, 'close')
    raw.resume()
    await sessions.of('ada').revokeAll()
    raw.write(frame)
    raw.write(frame)
    await cut
    assert.deepEqual(heard, ['hi'])
  })
})

suite('mistakes', () => {
  const sessions = createSessions({ store: memory(), secrets: secret('mistakes'), sweep: false })

  test('what is no sessions is refused', () => {
    assert.throws(() => strongroom(undefined as never), { code: 'STRONGROOM_CONFIG' })
    assert.throws(() => strongroom({} as never), ConfigError)
  })

  for (const [mistake, options] of Object.entries({
    'an unknown option': { evry: '10s' },
    'an interval of no time': { every: 0 },
    'an interval that is too short': { every: '50ms' },
    'an interval that is too long': { every: '2h' },
    'an interval that is no duration': { every: 'often' },
    'a bound for outages that is shorter than an interval': { every: '10s', maxUnknown: '5s' },
    'a wrong touch': { touch: 'yes' },
    'a wrong anonymous': { anonymous: 1 },
    'an onEnd that is no function': { onEnd: 'close' },
    'an origin with a path': { origin: 'https://shop.example/' },
  }))
    test(`${mistake} is refused by its name`, () => {
      const message = new RegExp(String(Object.keys(options).at(-1)))
      assert.throws(() => strongroom(sessions, options as never), { name: 'ConfigError', message })
    })

  test('a server of ws that opens connections itself is refused, because it would ask nobody', async (t) => {
    const live = strongroom(sessions)
    const wss = new WebSocketServer({ port: 0 })
    t.after(() => wss.close())
    assert.throws(() => live.upgrade(wss), /noServer: true/)
    assert.throws(() => live.upgrade({} as never), /WebSocketServer/)
  })

  test('an unknown session is refused', () => {
    const live = strongroom(sessions)
    assert.throws(() => live.watch({} as never), TypeError)
  })
})
