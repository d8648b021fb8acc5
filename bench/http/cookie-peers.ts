import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import secureSession from '@fastify/secure-session'
import cookieSession from 'cookie-session'
import type { Request, Response } from 'express'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { getIronSession } from 'iron-session'
import { type Data, signedIn } from '../data.ts'
import { NOT_ASKED, serve } from './application.ts'
import type { Contender } from './contender.ts'

const ALL = ['untouched', 'read', 'read-object', 'write'] as const

/** Typed by hand, because two packages declare `request.session` globally. */
const sessionIn = (request: object) => (request as { session: Data }).session

const cookieSessionPeer: Contender = {
  name: 'cookie-session',
  limit: 'limit: cookie',
  routes: ALL,
  listen: () =>
    serve(
      {
        read: (request, response) => {
          response.json({ value: sessionIn(request).name })
        },
        readObject: (request, response) => {
          response.json({ value: sessionIn(request).cart?.[0]?.sku })
        },
        write: (request, response) => {
          const session = sessionIn(request)
          session.n += 1
          response.json({ value: session.index, n: session.n })
        },
        login: (request, response) => {
          const index = Number(request.params.index)
          Object.assign(sessionIn(request), signedIn(index))
          response.json({ value: index })
        },
      },
      cookieSession({ name: 'session', keys: [randomBytes(32).toString('hex')], maxAge: 1_800_000 }),
    ),
}

const ironSessionPeer: Contender = {
  name: 'iron-session',
  limit: 'limit: cookie',
  routes: ALL,
  listen() {
    const options = { password: randomBytes(32).toString('hex'), cookieName: 'session' }
    const open = (request: Request, response: Response) => getIronSession<Data>(request, response, options)
    return serve({
      read: async (request, response) => {
        const session = await open(request as Request, response)
        response.json({ value: session.name })
      },
      readObject: async (request, response) => {
        const session = await open(request as Request, response)
        response.json({ value: session.cart?.[0]?.sku })
      },
      write: async (request, response) => {
        const session = await open(request as Request, response)
        session.n = (session.n ?? 0) + 1
        await session.save()
        response.json({ value: session.index, n: session.n })
      },
      login: async (request, response) => {
        const index = Number(request.params.index)
        const session = await open(request as unknown as Request, response)
        Object.assign(session, signedIn(index))
        await session.save()
        response.json({ value: index })
      },
    })
  },
}

export async function listenTo(app: FastifyInstance): Promise<Server> {
  app.get('/untouched', async () => ({ value: NOT_ASKED }))
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server
}

const fastifyAlone: Contender = {
  name: 'fastify',
  limit: 'fastify',
  routes: ['untouched'],
  trustsAnyCookie: true,
  listen() {
    const app = fastify()
    app.get('/login/:index', async () => ({}))
    return listenTo(app)
  },
}

const secureSessionPeer: Contender = {
  name: '@fastify/secure-session',
  limit: 'fastify',
  routes: ALL,
  async listen() {
    const app = fastify()
    await app.register(secureSession, { key: randomBytes(32), cookieName: 'session', cookie: { path: '/' } })
    app.get('/read', async (request) => ({ value: secureIn(request).get('name') }))
    app.get('/read-object', async (request) => ({ value: secureIn(request).get('cart')?.[0]?.sku }))
    app.get('/write', async (request) => {
      const session = secureIn(request)
      const n = (session.get('n') ?? 0) + 1
      session.set('n', n)
      return { value: session.get('index'), n }
    })
    app.get<{ Params: { index: string } }>('/login/:index', async (request) => {
      const index = Number(request.params.index)
      for (const [key, value] of Object.entries(signedIn(index))) secureIn(request).set(key as keyof Data, value)
      return { value: index }
    })
    return listenTo(app)
  },
}

const secureIn = (request: FastifyRequest) => request.session as unknown as Access

interface Access {
  get<K extends keyof Data>(key: K): Data[K] | undefined
  set<K extends keyof Data>(key: K, value: Data[K]): void
}

export const cookiePeers: readonly Contender[] = [cookieSessionPeer, ironSessionPeer, fastifyAlone, secureSessionPeer]
