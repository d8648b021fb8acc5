import type { IncomingMessage, ServerResponse } from 'node:http'
import type { StartConfig } from '../protocol.ts'
import { load } from './packages.ts'
import { answer, type Data, type Handler, type Visit } from './routes.ts'

type Next = (error?: unknown) => void
type Middleware = (request: Request, response: Response, next: Next) => unknown

/** What is used of Express and of its sessions. */
interface Request extends IncomingMessage {
  session: (Data & Partial<ServerSession>) | null
  sessionOptions?: { maxAge?: number }
}
interface Response extends ServerResponse {
  status(code: number): Response
  json(body: object): void
}
interface App {
  (request: IncomingMessage, response: ServerResponse): void
  set(name: string, value: unknown): void
  use(middleware: Middleware): void
}

interface ServerSession {
  regenerate(done: (error?: unknown) => void): void
  save(done: (error?: unknown) => void): void
}

/** With the setting that both libraries ask for behind a proxy that speaks TLS, which is how they run in production. */
function application(middleware: Middleware | null, open: Open): Handler {
  const app = (load('express') as () => App)()
  app.set('trust proxy', 1)
  if (middleware) app.use(middleware)
  app.use(async (request, response, next) => {
    try {
      const visit = await open(request, response)
      const { status, body } = await answer(request.url, visit)
      response.status(status).json(body)
    } catch (error) {
      next(error)
    }
  })
  return app
}

type Open = (request: Request, response: Response) => Visit | Promise<Visit>

/** What the library keeps in the session for itself. session-file-store adds the second. */
const OWN = new Set(['cookie', '__lastAccess', 'user'])

export function dataOf(session: object | null): Data {
  return Object.fromEntries(Object.entries(session ?? {}).filter(([key]) => !OWN.has(key)))
}

export const userOf = (session: Data | null): string | null => (session?.user as string | null | undefined) ?? null

const done = (start: (callback: (error?: unknown) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())))

export const secretOf = ({ secrets }: StartConfig): string => secrets[0] ?? ''

/** express-session, with login and logout as in the example "User login" of its README. */
export function expressSession(config: StartConfig, store: object | null): Handler {
  const session = load('express-session') as (options: object) => Middleware
  const middleware = session({
    secret: secretOf(config),
    resave: false,
    saveUninitialized: false,
    name: config.cookieName,
    cookie: { secure: true, maxAge: config.idle },
    store,
  })
  return application(middleware, (request) => serverVisit(request))
}

function serverVisit(request: Request): Visit {
  const session = () => request.session as Data & ServerSession
  return {
    data: () => dataOf(request.session),
    user: () => userOf(request.session),
    set: (key, value) => {
      session()[key] = value
    },
    async login(user) {
      await done((callback) => session().regenerate(callback))
      session().user = user
      await done((callback) => session().save(callback))
    },
    async logout() {
      session().user = null
      await done((callback) => session().save(callback))
      await done((callback) => session().regenerate(callback))
    },
  }
}

export function cookieSession(config: StartConfig): Handler {
  const middleware = (load('cookie-session') as (options: object) => Middleware)({
    name: config.cookieName,
    keys: config.secrets,
    maxAge: config.idle,
  })
  return application(middleware, cookieVisit)
}

function cookieVisit(request: Request): Visit {
  const set = (key: string, value: unknown) => {
    const session = request.session as Data
    session[key] = value
  }
  return {
    data: () => dataOf(request.session),
    user: () => userOf(request.session),
    set,
    login: (user) => set('user', user),
    logout: () => {
      request.session = null
    },
  }
}

interface IronSession extends Data {
  save(): Promise<void>
  destroy(): void
}

export function ironSession(config: StartConfig): Handler {
  const { getIronSession } = load('iron-session') as {
    getIronSession(request: IncomingMessage, response: ServerResponse, options: object): Promise<IronSession>
  }
  const options = { password: secretOf(config), cookieName: config.cookieName, ttl: config.idle / 1000 }
  const open: Open = async (request, response) => ironVisit(await getIronSession(request, response, options))
  return application(null, open)
}

function ironVisit(session: IronSession): Visit {
  const save = () => session.save()
  return {
    // Its methods are not enumerable.
    data: () => dataOf(session),
    user: () => userOf(session),
    set: (key, value) => {
      session[key as keyof Data] = value
    },
    save,
    async login(user) {
      session.user = user
      await save()
    },
    logout: () => session.destroy(),
  }
}
