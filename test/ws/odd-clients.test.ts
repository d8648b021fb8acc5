import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { type WebSocket, WebSocketServer } from 'ws'
import { type LiveOptions, strongroom } from '../../packages/strongroom/src/adapters/ws.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/session-for.ts'
import { listening } from '../adapters/serve.ts'
import { secret } from '../core/fixtures/secret.ts'

/** An application that does with a socket no more than the guide shows, and clients that say what they like. */
async function site(t: TestContext, options: LiveOptions = {}) {
  const sessions = createSessions({ store: 'memory:', secrets: secret('odd clients'), sweep: false })
  const live = strongroom(sessions, options)
  const wss = new WebSocketServer({ noServer: true })
  const server = createServer().on('upgrade', live.upgrade(wss))
  const { url, close } = await listening(server)
  const clients: Socket[] = []
  t.after(async () => {
    await live.close()
    for (const client of clients) client.destroy()
    for (const socket of wss.clients) socket.terminate()
    await close()
    await sessions.close()
  })
  const { cookie } = await sessionFor(sessions, { userId: 'ada' })

  async function open(): Promise<{ client: Socket; socket: WebSocket }> {
    const client = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {})
    clients.push(client)
    const connected = once(wss, 'connection')
    const lines = ['GET / HTTP/1.1', `Host: ${new URL(url).host}`, `Origin: ${url}`, `Cookie: ${cookie}`]
    const key = randomBytes(16).toString('base64')
    lines.push('Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${key}`)
    client.write(`${lines.join('\r\n')}\r\n\r\n`)
    const [socket] = (await connected) as [WebSocket]
    await once(client, 'data')
    return { client, socket }
  }

  return { sessions, live, cookie, open }
}

/** A text of less than 126 bytes, as a client sends it. */
const frame = (text: string) => Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])

suite('clients that do not behave', () => {
  test('what is no frame closes its connection, and does not end the process', async (t) => {
    const { open } = await site(t)
    const { client, socket } = await open()
    client.write(Buffer.from([0xff, 0xff]))
    // once() would itself listen to errors.
    await new Promise((resolve) => socket.on('close', resolve))
    const other = await open()
    other.client.write(frame('still here'))
    const [message] = await once(other.socket, 'message')
    assert.equal(String(message), 'still here')
  })

  test('a message after the end of the session reaches no listener, even one that was added after it', async (t) => {
    const { sessions, open } = await site(t)
    const { client, socket } = await open()
    const heard: string[] = []
    socket.on('message', (message) => heard.push(`early: ${message}`))
    await sessions.of('ada').revokeAll()
    socket.on('message', (message) => heard.push(`late: ${message}`))
    client.write(frame('one more'))
    // A ping comes after it, and is still answered: then the message has been seen, too.
    client.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0]))
    await once(socket, 'ping')
    assert.deepEqual(heard, [])
  })

  test('a stream that nobody reads, as the body of a HEAD, is not watched, and one that is read ends', async (t) => {
    const ended: object[] = []
    const { sessions, live, cookie } = await site(t, { onEnd: (_end, stream) => ended.push(stream) })
    const session = await sessions.read({ headers: { cookie } })
    const [dropped, read] = [new ReadableStream<Uint8Array>(), new ReadableStream<Uint8Array>()]
    live.watchStream(session, dropped)
    const text = new Response(live.watchStream(session, read)).text()
    await sessions.of('ada').revokeAll()
    assert.match(await text, /event: session-ended\ndata: \{"reason":"revoked"\}/)
    assert.deepEqual(ended, [read])
  })

  test('a stream whose session ends before it is read ends with its first read', async (t) => {
    const { sessions, live, cookie } = await site(t)
    const session = await sessions.read({ headers: { cookie } })
    const stream = live.watchStream(session, new ReadableStream<Uint8Array>())
    await sessions.of('ada').revokeAll()
    assert.match(await new Response(stream).text(), /event: session-ended/)
  })
})
