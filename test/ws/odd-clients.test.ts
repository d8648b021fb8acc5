import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { type WebSocket, WebSocketServer } from 'ws'
import { strongroom } from '../../packages/strongroom/src/adapters/ws.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/session-for.ts'
import { listening } from '../adapters/serve.ts'
import { secret } from '../core/fixtures/secret.ts'

/** An application that does with a socket no more than the guide shows, and clients that say what they like. */
async function site(t: TestContext) {
  const sessions = createSessions({ store: 'memory:', secrets: secret('odd clients'), sweep: false })
  const live = strongroom(sessions)
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

  return { sessions, live, open }
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
})
