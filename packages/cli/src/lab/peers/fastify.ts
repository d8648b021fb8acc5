import type { IncomingMessage, ServerResponse } from 'node:http'
import type { StartConfig } from '../protocol.ts'
import { dataOf, secretOf, userOf } from './express.ts'
import { load } from './packages.ts'
import { keyOf } from './peer.ts'
import { answer, type Data, type Handler, type Visit } from './routes.ts'

/** What is used of Fastify and of its sessions. */
interface App {
  register(plugin: unknown, options?: object): PromiseLike<unknown>
  all(path: string, handler: (request: Request, reply: Reply) => Promise<object>): void
  ready(): PromiseLike<unknown>
  routing(request: IncomingMessage, response: ServerResponse): void
}
interface Request {
  readonly method: string
  readonly url: string
  session: unknown
}
interface Reply {
  code(status: number): Reply
}

type Plugins = readonly (readonly [unknown, object])[]
type Open = (request: Request) => Visit

async function application(plugins: Plugins, open: Open): Promise<Handler> {
  const app = (load('fastify') as (options: object) => App)({ trustProxy: true, forceCloseConnections: true })
  for (const [plugin, options] of plugins) await app.register(plugin, options)
  app.all('/*', async (request, reply) => {
    const { status, body } = await answer(request.url, open(request))
    reply.code(status)
    return body
  })
  await app.ready()
  return (request, response) => app.routing(request, response)
}

interface ServerSession extends Data {
  regenerate(keep?: readonly string[]): Promise<void>
  save(): Promise<void>
  destroy(): Promise<void>
}

export function fastifySession(config: StartConfig, store: object | null): Promise<Handler> {
  const { cookieName, idle } = config
  const options = { secret: secretOf(config), cookieName, saveUninitialized: false, cookie: { maxAge: idle }, store }
  const plugins: Plugins = [
    [load('@fastify/cookie'), {}],
    [load('@fastify/session'), options],
  ]
  return application(plugins, serverVisit)
}

function serverVisit(request: Request): Visit {
  const session = () => request.session as ServerSession
  return {
    data: () => dataOf(session()),
    user: () => userOf(session()),
    set: (key, value) => {
      session()[key as keyof Data] = value
    },
    async login(user) {
      await session().regenerate()
      session().user = user
    },
    logout: () => session().destroy(),
    // "You can pass an array of fields that should be kept when the session is regenerated."
    renew: () => session().regenerate(['user', ...Object.keys(dataOf(session()))]),
  }
}

interface SecureSession {
  get(key: string): unknown
  set(key: string, value: unknown): void
  data(): Data
  delete(): void
  readonly deleted: boolean
}

/** @fastify/secure-session, with the cookie options of its section "Cookie security options". */
export function secureSession(config: StartConfig): Promise<Handler> {
  const { cookieName, idle } = config
  const cookie = { path: '/', httpOnly: true, secure: true, sameSite: 'strict' }
  const options = { key: keyOf(secretOf(config)), cookieName, expiry: idle / 1000, cookie }
  return application([[load('@fastify/secure-session'), options]], secureVisit)
}

function secureVisit(request: Request): Visit {
  const session = request.session as SecureSession
  const data = () => (session.deleted ? {} : session.data())
  return {
    data: () => dataOf(data()),
    user: () => userOf(data()),
    set: (key, value) => session.set(key, value),
    login: (user) => session.set('user', user),
    logout: () => session.delete(),
  }
}
