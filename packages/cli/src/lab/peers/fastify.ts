import type { IncomingMessage, ServerResponse } from 'node:http'
import type { PeerConfig } from './config.ts'
import { dataOf, userOf } from './express.ts'
import { load } from './packages.ts'
import { answer, type Data, type Gates, type Handler, type Visit } from './routes.ts'

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

type Session = (options: PeerConfig) => { plugins: readonly (readonly [unknown, object])[]; open: Open }
type Open = (request: Request) => Visit

async function application(config: PeerConfig, session: Session, gates: Gates): Promise<Handler> {
  const app = (load('fastify') as (options: object) => App)({ trustProxy: true, forceCloseConnections: true })
  const { plugins, open } = session(config)
  for (const [plugin, options] of plugins) await app.register(plugin, options)
  app.all('/*', async (request, reply) => {
    const { status, body } = await answer(request.method, new URL(request.url, 'http://lab'), open(request), gates)
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

export function fastifySession(config: PeerConfig, store: object | null, gates: Gates): Promise<Handler> {
  const session: Session = ({ secret, cookieName, idle }) => ({
    plugins: [
      [load('@fastify/cookie'), {}],
      [
        load('@fastify/session'),
        { secret, cookieName, saveUninitialized: false, cookie: { maxAge: idle } , store },
      ],
    ],
    open: serverVisit,
  })
  return application(config, session, gates)
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
export function secureSession(config: PeerConfig, gates: Gates): Promise<Handler> {
  const session: Session = ({ secret, cookieName, idle }) => ({
    plugins: [
      [
        load('@fastify/secure-session'),
        {
          key: Buffer.from(secret, 'hex'),
          cookieName,
          expiry: idle / 1000,
          cookie: { path: '/', httpOnly: true, secure: true, sameSite: 'strict' },
        },
      ],
    ],
    open: secureVisit,
  })
  return application(config, session, gates)
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
