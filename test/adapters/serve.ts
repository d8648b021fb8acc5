import { once } from 'node:events'
import type { Server, ServerResponse } from 'node:http'
import type { Http2Server, Http2ServerResponse, ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { RunningServer, SuiteResponse } from '../../packages/strongroom/src/testing/index.ts'

/** For Express, which prints errors unless this is `test`. In production its error pages are silent. */
export const environment = () => (process.env.NODE_ENV === 'production' ? 'production' : 'test')

/** Starts a server on a free port. Closing it does not wait for clients that keep their connections open. */
export async function listening(server: Server): Promise<RunningServer> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: urlOf(server), close }
}

/** The same for HTTP/2 without TLS. */
export async function listeningHttp2(server: Http2Server): Promise<RunningServer> {
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

/** Sends a response of the suite's application with a Node response. */
export async function send(
  response: ServerResponse | Http2ServerResponse,
  { status, headers, body }: SuiteResponse,
): Promise<void> {
  response.statusCode = status
  for (const [name, value] of headers) response.appendHeader(name, value)
  if (body === null) response.end()
  else if (typeof body === 'string') response.end(body)
  else if (body instanceof Uint8Array) response.end(body)
  // A client that disconnects is not an error of the application.
  else await pipeline(Readable.from(body), response as ServerResponse).catch(() => undefined)
}

/** A response of the suite's application as a Fetch response. */
export function toResponse({ status, headers, body }: SuiteResponse): Response {
  const lines = headers.map(([name, value]): [string, string] => [name, value])
  const stream =
    body === null || typeof body === 'string' || body instanceof Uint8Array ? body : ReadableStream.from(body)
  return new Response(stream as string | null, { status, headers: lines })
}
