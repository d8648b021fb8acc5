import type { PeerConfig } from './config.ts'
import { cookieSession, expressSession, ironSession } from './express.ts'
import { fastifySession, secureSession } from './fastify.ts'
import type { Gates, Handler } from './routes.ts'
import { counted, openStore } from './stores.ts'

export interface Peer {
  readonly handler: Handler
  readonly sweep: (() => Promise<void>) | null
  /** How many calls reached the store; null where there is none. */
  readonly storeCalls: (() => number) | null
}

/** Opens the application of another library, in this process. */
export async function openPeer(config: PeerConfig, gates: Gates): Promise<Peer> {
  const { store, sweep } = await openStore(config.library, config.store)
  const { calls } = counted(store)
  return { handler: behindTls(await handlerOf(config, store, gates)), sweep, storeCalls: store && calls }
}

function handlerOf(config: PeerConfig, store: object | null, gates: Gates): Handler | Promise<Handler> {
  switch (config.library) {
    case 'express-session':
      return expressSession(config, store, gates)
    case '@fastify/session':
      return fastifySession(config, store, gates)
    case 'cookie-session':
      return cookieSession(config, gates)
    case 'iron-session':
      return ironSession(config, gates)
    case '@fastify/secure-session':
      return secureSession(config, gates)
  }
}

/** As a proxy that ends TLS: their cookies are Secure then, as they are in production. */
function behindTls(handler: Handler): Handler {
  return (request, response) => {
    request.headers['x-forwarded-proto'] = 'https'
    return handler(request, response)
  }
}
