import { once } from 'node:events'
import type { Server, ServerResponse } from 'node:http'
import type { Http2Server, Http2ServerResponse, ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Answer, Served } from '../../packages/strongroom/src/testing/index.ts'

/** Starts a server on a free port; its end does not wait for clients that keep their connections. */
export async function listening(server: Server): Promise<Served> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: urlOf(server), close }
}

/** The same for HTTP/2 in the clear. */
export async function listening2(server: Http2Server): Promise<Served> {
  const open = new Set<ServerHttp2Session>()
  server.on('session', (session) => open.add(session))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const close = async () => {
    for (const session of open) session.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: urlOf(server), http2: true, close }
}

function urlOf(server: Server | Http2Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Sends an answer of the suite's application over a Node response. */
export async function send(
  response: ServerResponse | Http2ServerResponse,
  { status, headers, body }: Answer,
): Promise<void> {
  response.statusCode = status
  for (const [name, value] of headers) response.appendHeader(name, value)
  if (body === null) response.end()
  else if (typeof body === 'string') response.end(body)
  else if (body instanceof Uint8Array) response.end(body)
  // A client that goes away is no fault of the application.
  else await pipeline(Readable.from(body), response as ServerResponse).catch(() => undefined)
}

/** An answer of the suite's application as a Fetch response. */
export function toResponse({ status, headers, body }: Answer): Response {
  const lines = headers.map(([name, value]): [string, string] => [name, value])
  const stream =
    body === null || typeof body === 'string' || body instanceof Uint8Array ? body : ReadableStream.from(body)
  return new Response(stream as string | null, { status, headers: lines })
}
