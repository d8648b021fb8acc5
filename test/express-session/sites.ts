import { EventEmitter, once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import express from 'express'
import session from 'express-session'
import { fastify } from 'fastify'
import {
  type ConnectStoreMethods,
  type ConnectStoreOptions,
  connectStore,
} from '../../packages/strongroom/src/express-session/connect-store.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { secret } from '../core/fixtures/secret.ts'

/** A site whose sessions are those of the framework itself, in a store of ours. */
export interface Site {
  readonly store: ConnectStoreMethods
  /** What the framework was told of errors of the store. */
  readonly errors: unknown[]
  /** Resolves when a request to `/slow/…` has loaded its session, and waits. */
  readonly slowHasLoaded: () => Promise<void>
  readonly goOn: () => void
  readonly visitor: () => Visitor
  close(): Promise<void>
}

export interface Visitor {
  cookie: string
  /** The text of a page; its status is first if it is not 200. */
  get(path: string): Promise<string>
}

interface Values {
  user?: string
  note?: string
}

declare module 'express-session' {
  interface SessionData extends Values {}
}

/** Its type is another one here, because another package for sessions has declared it, too. */
const fastifySessionOf = (request: object) =>
  (request as { session: fastifySession.FastifySessionObject & Values }).session

const MAX_AGE = 3_600_000
const COOKIE_SECRET = 'a secret of the framework itself, for its cookie'

interface Framework {
  /** Of @fastify/session, too: whether a request that only reads stores the session. */
  readonly rolling?: boolean
  /** The same, of express-session. */
  readonly resave?: boolean
}
type Given = Partial<ConnectStoreOptions> & Framework

const meOf = (values: Values) => `${values.user ?? 'nobody'} ${values.note ?? ''}`.trim()

/** Holds slow requests until the test lets them go on. */
function gate() {
  const steps = new EventEmitter()
  let waiting = 0
  return {
    async wait() {
      waiting++
      steps.emit('loaded')
      await once(steps, 'go on')
      waiting--
    },
    async slowHasLoaded() {
      if (waiting === 0) await once(steps, 'loaded')
    },
    goOn: () => void steps.emit('go on'),
  }
}

export const SITES: Readonly<Record<string, (engine: Store, given?: Given) => Promise<Site>>> = {
  async 'express-session'(engine, { rolling = false, resave = false, ...given } = {}) {
    const errors: unknown[] = []
    const { wait, ...slow } = gate()
    const options: ConnectStoreOptions = { secrets: secret('site'), sweep: false, on: () => undefined, ...given }
    const store = connectStore(session, engine, options)
    const app = express()
    app.use(
      session({
        store,
        secret: COOKIE_SECRET,
        resave,
        saveUninitialized: false,
        rolling,
        cookie: { maxAge: MAX_AGE },
      }),
    )
    app.get('/me', (request, response) => void response.send(meOf(request.session)))
    app.get('/login/:user', (request, response, next) => {
      request.session.regenerate((error) => {
        if (error) return next(error)
        request.session.user = request.params.user
        response.send('welcome')
      })
    })
    app.get('/note/:note', (request, response) => {
      request.session.note = request.params.note
      response.send('noted')
    })
    app.get('/slow/:note', async (request, response) => {
      await wait()
      request.session.note = request.params.note
      response.send('noted')
    })
    app.get('/slow', async (_request, response) => {
      await wait()
      response.send('read')
    })
    app.get('/logout', (request, response, next) => {
      request.session.destroy((error) => (error ? next(error) : response.send('bye')))
    })
    const failed: express.ErrorRequestHandler = (error, _request, response, next) => {
      errors.push(error)
      if (response.headersSent) return next(error)
      response.status(error.status ?? 500).send('failed')
    }
    app.use(failed)
    return listening(app, { store, errors, ...slow })
  },

  async '@fastify/session'(engine, { rolling = false, resave: _, ...given } = {}) {
    const errors: unknown[] = []
    const { wait, ...slow } = gate()
    const options: ConnectStoreOptions = { secrets: secret('site'), sweep: false, on: () => undefined, ...given }
    const store = connectStore(fastifySession, engine, options)
    const app = fastify({ forceCloseConnections: true })
    app.register(fastifyCookie)
    app.register(fastifySession, {
      store,
      secret: COOKIE_SECRET,
      rolling,
      saveUninitialized: false,
      cookie: { maxAge: MAX_AGE, secure: false },
    })
    app.get('/me', async (request) => meOf(fastifySessionOf(request)))
    app.get<{ Params: { user: string } }>('/login/:user', async (request) => {
      await fastifySessionOf(request).regenerate()
      fastifySessionOf(request).user = request.params.user
      return 'welcome'
    })
    app.get<{ Params: { note: string } }>('/note/:note', async (request) => {
      fastifySessionOf(request).note = request.params.note
      return 'noted'
    })
    app.get<{ Params: { note: string } }>('/slow/:note', async (request) => {
      await wait()
      fastifySessionOf(request).note = request.params.note
      return 'noted'
    })
    app.get('/slow', async () => {
      await wait()
      return 'read'
    })
    app.get('/logout', async (request) => {
      await fastifySessionOf(request).destroy()
      return 'bye'
    })
    app.setErrorHandler((error, _request, reply) => {
      errors.push(error)
      return reply.code((error as { status?: number }).status ?? 500).send('failed')
    })
    await app.ready()
    return listening(app.routing, { store, errors, ...slow })
  },
}

type Parts = Omit<Site, 'visitor' | 'close'>

async function listening(listener: RequestListener, parts: Parts): Promise<Site> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    ...parts,
    visitor: () => {
      const visitor: Visitor = {
        cookie: '',
        async get(path) {
          const response = await fetch(url + path, { headers: { cookie: visitor.cookie } })
          for (const line of response.headers.getSetCookie()) visitor.cookie = line.split(';')[0] ?? ''
          const text = await response.text()
          return response.ok ? text : `${response.status} ${text}`
        },
      }
      return visitor
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await parts.store.close()
    },
  }
}

/** The sid in a cookie of either framework. */
export function sidIn(cookie: string): string {
  const value = decodeURIComponent(cookie.slice(cookie.indexOf('=') + 1)).replace(/^s:/, '')
  return value.slice(0, value.lastIndexOf('.'))
}
