import { callOf } from '../calls.ts'
import type { StartConfig } from '../protocol.ts'
import { type Application, serve } from '../serve.ts'
import { cookieSession, expressSession, ironSession } from './express.ts'
import { fastifySession, secureSession } from './fastify.ts'
import type { Peer } from './peer.ts'
import type { Handler } from './routes.ts'
import { counted, openStore } from './stores.ts'

/** This file, which runs as a process of its own: the applications of other libraries. */
export const APPLICATION = new URL(import.meta.url)

async function make(config: StartConfig): Promise<Application> {
  const { library, store: kind, url } = config.settings as unknown as Peer
  const { store, sweep } = await openStore(library, kind, url)
  const { calls } = counted(store)
  const listener = behindTls(await handlerOf(library, config, store))
  const made: Application = { listener, version: null }
  return { ...made, ...(sweep && { sweep }), ...(store && { storeCalls: calls }) }
}

function handlerOf(library: Peer['library'], config: StartConfig, store: object | null): Handler | Promise<Handler> {
  switch (library) {
    case 'express-session':
      return expressSession(config, store)
    case '@fastify/session':
      return fastifySession(config, store)
    case 'cookie-session':
      return cookieSession(config)
    case 'iron-session':
      return ironSession(config)
    case '@fastify/secure-session':
      return secureSession(config)
  }
}

/** As for a page that is the same for everybody. */
const PUBLIC = 'public, max-age=60'

/** As behind a proxy that ends TLS: their cookies are Secure then, as they are in production. */
function behindTls(handler: Handler): Handler {
  return (request, response) => {
    request.headers['x-forwarded-proto'] = 'https'
    if (callOf(request.url)?.isPublic)
      for (const name of ['Cache-Control', 'CDN-Cache-Control']) response.setHeader(name, PUBLIC)
    return handler(request, response)
  }
}

if (process.argv[1] === import.meta.filename) {
  // As in production: Express puts no stack into its error pages then.
  process.env.NODE_ENV = 'production'
  await serve(make)
}
