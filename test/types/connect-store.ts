/** Compiled, never run: what the types promise. Each `@ts-expect-error` is a mistake that must not compile. */

import type { EventEmitter } from 'node:events'
import fastifySession from '@fastify/session'
import session from 'express-session'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { connectStore } from '../../packages/strongroom/src/express-session/connect-store.ts'

const secrets = 'a secret'

export const forExpress: session.Store = connectStore(session, memory(), { secrets })
export const forFastify: fastifySession.SessionStore = connectStore(fastifySession, memory(), { secrets })
export const forAnything: EventEmitter = connectStore({}, 'sqlite:./sessions.db', { secrets })

export const middleware = session({ secret: 'of the cookie', store: connectStore(session, 'memory:', { secrets }) })
export const options: fastifySession.FastifySessionOptions = {
  secret: 'of the cookie',
  store: connectStore(fastifySession, 'memory:', { secrets }),
}

export async function bothStyles() {
  const store = connectStore(session, memory(), { secrets, ttl: '2h', sweep: false, namespace: 'shop' })
  store.get('sid', (_error, found) => found?.cookie.originalMaxAge)
  const found = await store.get<{ user: string }>('sid')
  const user: string | undefined = found?.user
  await store.set('sid', { user })
  const count: number = await store.length()
  // What a store of express-session inherits.
  store.on('disconnect', () => count)
  store.load('sid', () => undefined)
  await store.close()
}

export function mistakes() {
  // @ts-expect-error: no secrets
  connectStore(session, memory(), {})
  // @ts-expect-error: seconds, or milliseconds?
  connectStore(session, memory(), { secrets, ttl: 86_400 })
  // @ts-expect-error: the engine is the second
  connectStore(session, { secrets })
  // @ts-expect-error: an option of createSessions that would do nothing here
  connectStore(session, memory(), { secrets, idle: '30m' })
}
