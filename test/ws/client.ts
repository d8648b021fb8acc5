import assert from 'node:assert/strict'
import { once } from 'node:events'
import { io } from 'socket.io-client'
import { WebSocket } from 'ws'

/** A connection that is open. */
export interface OpenConnection {
  /** Resolves to the reason when the server has closed it. */
  readonly closed: Promise<string>
  /** The client says something, which counts as use; false where it has no way to. */
  say(): boolean
  close(): void
}

export type Connect = (url: string, cookie: string) => Promise<OpenConnection>

/** Every way in which a client is connected to a server for long. */
export const TRANSPORTS: Readonly<Record<string, Connect>> = {
  ws: connectWs,
  'socket.io': (url, cookie) => connectSocketIo(url, cookie, ['websocket']),
  'socket.io by polling': (url, cookie) => connectSocketIo(url, cookie, ['polling']),
  'Server-Sent Events of Node': (url, cookie) => connectEvents(`${url}/events`, cookie),
  'Server-Sent Events of a Fetch handler': (url, cookie) => connectEvents(`${url}/stream`, cookie),
}

export async function connectWs(url: string, cookie: string): Promise<OpenConnection> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, { headers: { cookie }, origin: url })
  const closed = new Promise<string>((resolve) => {
    socket.on('close', (code, reason) => resolve(reason.length > 0 ? `${reason}` : `${code}`))
  })
  await once(socket, 'message')
  return {
    closed,
    say: () => {
      socket.send('hello')
      return true
    },
    close: () => socket.terminate(),
  }
}

async function connectSocketIo(url: string, cookie: string, transports: string[]): Promise<OpenConnection> {
  const extraHeaders = { cookie, origin: url }
  const socket = io(url, { transports, extraHeaders, reconnection: false, forceNew: true })
  const closed = new Promise<string>((resolve) => {
    socket.on('session-ended', ({ reason }) => resolve(reason))
    socket.on('disconnect', resolve)
  })
  await new Promise<void>((resolve, reject) => {
    socket.on('connect', resolve)
    socket.on('connect_error', (error) => {
      socket.close()
      reject(error)
    })
  })
  return {
    closed,
    say: () => {
      socket.emit('hello')
      return true
    },
    close: () => socket.disconnect(),
  }
}

async function connectEvents(url: string, cookie: string): Promise<OpenConnection> {
  const aborted = new AbortController()
  const response = await fetch(url, { headers: { cookie }, signal: aborted.signal })
  assert.equal(response.status, 200)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  assert.match((await reader?.read())?.value ?? '', /hello/)
  async function rest(): Promise<string> {
    let text = ''
    for (;;) {
      const { done = true, value } = (await reader?.read()) ?? {}
      if (done) return /event: session-ended\ndata: \{"reason":"([\w-]+)"\}\n\n$/.exec(text)?.[1] ?? text
      text += value
    }
  }
  const closed = rest().catch(() => 'broken')
  return { closed, say: () => false, close: () => aborted.abort() }
}

/** Makes a request as the visitor; resolves to the cookie that the visitor has then, and to the text. */
export async function act(url: string, action: string, cookie: string): Promise<{ cookie: string; text: string }> {
  const response = await fetch(`${url}/${action}`, { headers: { cookie, connection: 'close' } })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  const line = response.headers.getSetCookie().at(-1)?.split(';')[0]
  return { cookie: line ?? cookie, text }
}

/** Ms until it has closed, and why. Rejects when it is still open after `limit`. */
export async function closedWithin(limit: number, { closed }: OpenConnection): Promise<{ reason: string; ms: number }> {
  const began = performance.now()
  const late = AbortSignal.timeout(limit)
  const reason = await Promise.race([
    closed,
    new Promise<never>((_resolve, reject) => {
      late.addEventListener('abort', () => reject(new Error(`The connection was still open after ${limit} ms.`)))
    }),
  ])
  return { reason, ms: performance.now() - began }
}
