import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import { type DefaultEventsMap, Server, type ServerOptions } from 'socket.io'
import { io as connect, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import { type LiveOptions, strongroom } from '../../packages/strongroom/src/adapters/ws.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/session-for.ts'
import { listening } from '../adapters/serve.ts'
import { secret } from '../core/fixtures/secret.ts'

async function site(t: TestContext, { server: given = {}, live: options = {} as LiveOptions, allow = false } = {}) {
  const store = memory()
  const elsewhere = () =>
    createSessions({ store, secrets: secret('socket.io'), sweep: false, on: () => {} }) as Sessions
  const sessions = elsewhere()
  const live = strongroom(sessions, options)
  const server = createServer()
  const io = new Server<DefaultEventsMap, DefaultEventsMap>(server, {
    serveClient: false,
    ...(given as Partial<ServerOptions>),
    ...(allow && { allowRequest: live.allowRequest }),
  })
  live.socketIo(io)
  const { url, close } = await listening(server)
  t.after(async () => {
    await live.close()
    await io.close()
    await close()
    await sessions.close()
  })
  function client(cookie: string, path = '', more: Partial<ManagerOptions & SocketOptions> = {}): Socket {
    const extraHeaders = { cookie, origin: url, ...more.extraHeaders }
    const socket = connect(url + path, { reconnection: false, forceNew: true, ...more, extraHeaders })
    t.after(() => socket.disconnect())
    return socket
  }
  return { sessions, live, io, url, client, elsewhere }
}

const event = (socket: Socket, name: string) =>
  new Promise<{ message: string; data?: { status: number; code: string; reason?: string }; reason?: string }>(
    (resolve) => {
      socket.once(name, resolve)
    },
  )

suite('socket.io', { timeout: 30_000 }, () => {
  test('a socket has the read-only session of its visitor', async (t) => {
    const { sessions, io, client } = await site(t)
    const { cookie, handle } = await sessionFor(sessions, { userId: 'ada' })
    const connected = new Promise<{ data: { session: Awaited<ReturnType<Sessions['get']>> } }>((resolve) => {
      io.on('connection', resolve)
    })
    client(cookie)
    const { session } = (await connected).data
    assert.deepEqual([session.userId, session.handle, session.isReadOnly], ['ada', handle, true])
  })

  test('a handshake without an Origin is one that only its own page can read, and no script', async (t) => {
    const { sessions, url } = await site(t, { allow: true })
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const ask = async (more: string) =>
      (await fetch(`${url}/socket.io/?EIO=4&transport=polling${more}`, { headers: { cookie } })).status
    assert.deepEqual(await Promise.all(['', '&j=0', '&%6a=0'].map(ask)), [200, 403, 403])
  })

  for (const transport of ['polling', 'websocket'] as const)
    test(`by ${transport}, other sites and visitors who are not signed in get a connect_error, or no connection`, async (t) => {
      const lenient = await site(t)
      const { cookie } = await sessionFor(lenient.sessions, { userId: 'ada' })
      const evil = { transports: [transport], extraHeaders: { origin: 'https://evil.example' } }
      const [foreign, nobody] = [lenient.client(cookie, '', evil), lenient.client('', '', { transports: [transport] })]
      assert.deepEqual((await event(foreign, 'connect_error')).data, { code: 'STRONGROOM_CSRF', status: 403 })
      assert.deepEqual((await event(nobody, 'connect_error')).data, {
        code: 'STRONGROOM_ENDED',
        status: 401,
        reason: 'signed-out',
      })
      const strict = await site(t, { allow: true })
      const errors: unknown[] = []
      strict.io.engine.on('connection_error', ({ context }) => errors.push(context.message))
      await event(strict.client(cookie, '', evil), 'connect_error')
      await event(strict.client('', '', { transports: [transport] }), 'connect_error')
      assert.match(String(errors), /another site.*signed-out/)
    })

  test('a client that is no browser may poll without an Origin, and not open a WebSocket with a cookie', async (t) => {
    const { sessions, client } = await site(t)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const headers = { extraHeaders: { origin: '' } }
    assert.match(
      (await event(client(cookie, '', { transports: ['websocket'], ...headers }), 'connect_error')).message,
      /site/,
    )
  })

  test('every namespace is guarded: those from before, later ones, and dynamic ones', async (t) => {
    const { io, client, sessions } = await site(t)
    io.of('/later')
    io.of(/^\/room-\d+$/)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    for (const path of ['', '/later', '/room-1']) {
      assert.equal((await event(client('', path), 'connect_error')).data?.status, 401)
      await event(client(cookie, path), 'connect')
    }
  })

  test('all namespaces of a connection end with the session, and the client is told why', async (t) => {
    const { io, client, sessions } = await site(t)
    io.of('/other')
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const first = client(cookie, '', { forceNew: false })
    await event(first, 'connect')
    const second = first.io.socket('/other')
    second.connect()
    await event(second, 'connect')
    const ended = Promise.all([event(first, 'session-ended'), event(second, 'session-ended')])
    const reasons = Promise.all([event(first, 'disconnect'), event(second, 'disconnect')])
    await sessions.of('ada').revokeAll()
    assert.deepEqual(await ended, [{ reason: 'revoked' }, { reason: 'revoked' }])
    assert.deepEqual(await reasons, ['io server disconnect', 'io server disconnect'])
  })

  test('a namespace that is asked for after the session has ended closes the connection, which nobody had told of that', async (t) => {
    const { io, client, sessions, elsewhere } = await site(t, { live: { every: '1h', maxUnknown: '1h' } })
    io.of('/other')
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const first = client(cookie, '', { forceNew: false })
    await event(first, 'connect')
    const visit = elsewhere().open({ cookie })
    ;(await visit.get()).logout()
    await visit.commit()
    const second = first.io.socket('/other')
    const closed = event(first, 'session-ended')
    second.on('connect', () => assert.fail('It was let in.'))
    second.connect()
    assert.deepEqual(await closed, { reason: 'ended' })
  })

  test('a namespace may be joined after the session was renewed, because the session goes on', async (t) => {
    const { io, client, sessions } = await site(t)
    io.of('/other')
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const first = client(cookie, '', { forceNew: false })
    await event(first, 'connect')
    const visit = sessions.open({ cookie })
    ;(await visit.get()).renew()
    await visit.commit()
    const second = first.io.socket('/other')
    second.connect()
    await event(second, 'connect')
  })

  test('a client that asks for a namespace again and again, and is refused, leaves nothing behind', async (t) => {
    const ends: unknown[] = []
    const { io, client, sessions } = await site(t, { live: { onEnd: (end) => ends.push(end) } })
    io.of('/no').use((_socket, next) => next(new Error('no')))
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const first = client(cookie, '', { forceNew: false })
    await event(first, 'connect')
    for (let each = 0; each < 20; each++) {
      const other = first.io.socket('/no')
      other.connect()
      assert.equal((await event(other, 'connect_error')).message, 'no')
    }
    const [server] = await io.fetchSockets()
    const { conn } = io.sockets.sockets.get(server?.id ?? '') as unknown as { conn: NodeJS.EventEmitter }
    assert.ok(conn.listenerCount('close') < 5)
    const disconnected = event(first, 'disconnect')
    await sessions.of('ada').revokeAll()
    await disconnected
    assert.equal(ends.length, 1)
  })

  test('connectionStateRecovery that skips the check is refused', async (t) => {
    const { live } = await site(t)
    for (const connectionStateRecovery of [{}, { skipMiddlewares: true }])
      assert.throws(() => live.socketIo(new Server({ connectionStateRecovery })), /skipMiddlewares: false/)
    live.socketIo(new Server({ connectionStateRecovery: { skipMiddlewares: false } }))
    assert.throws(() => live.socketIo({} as never), /Server of socket\.io/)
  })

  test('a socket that comes back gets its rooms again only with the same session', async (t) => {
    const given = { connectionStateRecovery: { skipMiddlewares: false } }
    const { io, client, sessions } = await site(t, { server: given })
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const other = await sessionFor(sessions, { userId: 'bob' })
    io.on('connection', (socket) => socket.emit('offset'))
    for (const [cookies, comesBack] of [
      [cookie, true],
      [other.cookie, false],
    ] as const) {
      const socket = client(cookie, '', { transports: ['websocket'] })
      await event(socket, 'offset')
      const lost = event(socket, 'disconnect')
      socket.io.engine.close()
      await lost
      ;(socket.io.opts as ManagerOptions).extraHeaders = {
        cookie: cookies,
        origin: String(socket.io.opts.extraHeaders?.origin),
      }
      const outcome = Promise.race([event(socket, 'connect'), event(socket, 'connect_error')])
      socket.connect()
      assert.equal((await outcome)?.data?.reason, comesBack ? undefined : 'ended')
      if (comesBack) assert.equal(socket.recovered, true)
      else assert.equal(socket.connected, false)
    }
  })

  test('messages count as use, and the heartbeat does not', async (t) => {
    const { io, client, sessions, live } = await site(t, { server: { pingInterval: 20 } })
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const socket = client(cookie, '', { transports: ['websocket'] })
    await event(socket, 'connect')
    const touched: number[] = []
    const [server] = io.sockets.sockets.values()
    const { conn } = server as unknown as { conn: NodeJS.EventEmitter }
    conn.on('packet', ({ type }) => touched.push(type))
    await once(conn, 'heartbeat')
    socket.emit('hello')
    await new Promise<void>((resolve) => server?.once('hello', () => resolve()))
    assert.ok(touched.includes('pong' as never) && touched.includes('message' as never))
    await live.close()
  })
})
