import { createServer, type RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { RunningServer } from '../../packages/strongroom/src/testing/index.ts'
import { listening } from '../adapters/serve.ts'

type Handler = (request: Request) => Response | Promise<Response>

interface BunServer {
  readonly port: number
  stop(closeConnections: boolean): Promise<void>
}

interface DenoServer {
  readonly addr: { readonly port: number }
  shutdown(): Promise<void>
}

/** As far as it is used here: no package of types may change what the library is compiled with. */
interface Runtimes {
  readonly Bun?: { serve(options: object): BunServer }
  readonly Deno?: { serve(options: object, handler: Handler): DenoServer }
}

const { Bun, Deno } = globalThis as Runtimes

/** Serves a Fetch handler as the runtime does. */
export async function serveFetch(handler: Handler): Promise<RunningServer> {
  if (Bun) {
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: handler,
      error: () => new Response('failed', { status: 500 }),
    })
    return { url: `http://127.0.0.1:${server.port}`, close: () => server.stop(true) }
  }
  if (Deno) {
    const stop = new AbortController()
    const onError = () => new Response('failed', { status: 500 })
    const options = { port: 0, hostname: '127.0.0.1', signal: stop.signal, onListen() {}, onError }
    const server = Deno.serve(options, handler)
    return { url: `http://127.0.0.1:${server.addr.port}`, close: async () => stop.abort() }
  }
  return listening(createServer(getRequestListener(handler)))
}

/** Serves a listener of `node:http`, which all of them have. */
export const serveNode = (listener: RequestListener): Promise<RunningServer> => listening(createServer(listener))
