import type { RequestHandler } from 'express'
import type { SessionData, SessionData as StoredData } from 'express-session'
import { ownEvents } from '../adapters/node/events.ts'
import { type Fail, failWith, type Next } from '../adapters/node/fail.ts'
import { hold, type NodeResponse } from '../adapters/node/hold.ts'
import { type Sessions, sessionsOf } from '../assemble.ts'
import { type Created, createContext } from '../create.ts'
import { ConfigError } from '../errors.ts'
import { servers } from '../servers.ts'
import type { Values } from '../session/content.ts'
import { Cookie } from './cookie.ts'
import { watchEnd } from './end.ts'
import {
  type CookieOptions as CookieSettings,
  type Options,
  type Settings,
  settingsOf,
  transportOf,
} from './options.ts'
import { pathOf, type SessionRequest, VISIT } from './request.ts'
import { RequestSession } from './request-session.ts'
import { MemoryStore, Store } from './store.ts'
import { ExpressVisit } from './visit.ts'

export type { CookieOptions, Options as SessionOptions, Quirk } from './options.ts'

/** The middleware, and the sessions that are underneath: the same that `sessions.get(request)` resolves to. */
export type SessionMiddleware = RequestHandler & {
  /** For all that express-session does not have: logins, a user's sessions, events. Throws without the option `secret`. */
  readonly sessions: Sessions<Omit<SessionData, 'cookie'>>
}

/**
 * A drop-in for express-session 1.19: its options, and its `req.session`, `req.sessionID` and `req.sessionStore`, over sessions that
 * are sealed, merged, and final when they end. docs/express-session.md lists what is not the same. Throws `ConfigError` or `TypeError`
 * for options that cannot be honoured.
 */
function session(options: Options = {}): SessionMiddleware {
  const settings = settingsOf(options)
  const { secrets, store, foreign } = settings
  const served = secrets && serve(settings, secrets)
  let isConnected = true
  foreignEvents(foreign, store, (connected) => {
    isConnected = connected
  })
  /** Null for a request that gets no session. */
  function visitOf(request: SessionRequest, response: NodeResponse, fail: Fail): ExpressVisit | null {
    // Mounted twice; or, as in express-session, a store that says that it has lost its server.
    if (request.session || !isConnected) return null
    if (!pathOf(request).startsWith(settings.path(request))) return null
    if (!served) throw new Error(NO_SECRET)
    return new ExpressVisit(served.created.context, settings, request, { response, fail })
  }

  const middleware = function session(request: SessionRequest, response: NodeResponse, next: Next): void {
    let visit: ExpressVisit | null
    const fail = failWith(request, response, next)
    try {
      visit = visitOf(request, response, fail)
    } catch (error) {
      next(error as Error)
      return
    }
    if (!visit) {
      next()
      return
    }
    request.sessionStore = store
    Object.defineProperty(request, 'sessionID', SESSION_ID)
    request[VISIT] = visit
    // A stand-in for a response has none of the methods: at a WebSocket's upgrade, for example. Then save() saves.
    const begin = typeof response.writeHead === 'function' ? hold<Values>(response, fail) : null
    if (served?.sessions.attach(request, visit) === false) {
      next(new ConfigError(TWO_WAYS))
      return
    }
    begin?.(visit)
    if (begin && served) ownEvents(served.sessions, request, request, response)
    if (begin) watchEnd(response, visit, fail)
    // Not `then(next)` alone: an error that `next` throws must not call it a second time.
    visit.start().then(() => (served ? served.sessions.within(request, next) : next()), next)
  }
  Object.defineProperty(middleware, 'sessions', {
    get() {
      if (served) return served.sessions
      throw new Error(NO_SECRET)
    },
  })
  return middleware as unknown as SessionMiddleware
}

/** For all requests the same: it costs a hash, which most of them do without. */
const SESSION_ID: PropertyDescriptor = {
  configurable: true,
  enumerable: true,
  get(this: SessionRequest) {
    return this[VISIT]?.sessionId
  },
  set(this: object, value: unknown) {
    Object.defineProperty(this, 'sessionID', { value, configurable: true, enumerable: true, writable: true })
  },
}

const TWO_WAYS =
  'Another adapter has given this request its session already: mount session() alone, or before strongroom(middleware.sessions).'

const NO_SECRET =
  'The secret option is required for sessions: session({ secret: process.env.SESSION_SECRET, … }). Is the variable set?'

interface Served {
  readonly created: Created
  readonly sessions: Sessions<Values>
}

function serve(settings: Settings, secrets: NonNullable<Settings['secrets']>): Served {
  const { engine, ours, resave, rolling, store } = settings
  const layer = { transport: transportOf(settings), resaves: resave, touchShare: rolling ? 0 : undefined }
  const created = createContext({ ...ours, store: engine, secrets }, servers, layer)
  // Which of its methods an engine cannot do, they say themselves.
  const sessions = sessionsOf<Values>(created) as Sessions<Values>
  store.serve(sessions)
  return { created, sessions }
}

/** `disconnect` and `connect` of an application's own store are also those of `req.sessionStore`. */
function foreignEvents(foreign: Settings['foreign'], store: Store, changed: (isConnected: boolean) => void): void {
  const { on } = (foreign ?? {}) as { on?: (name: string, listener: () => void) => unknown }
  if (typeof on !== 'function') return
  for (const name of ['connect', 'disconnect'])
    on.call(foreign, name, () => {
      changed(name === 'connect')
      store.emit(name)
    })
}

export type { SessionData } from 'express-session'
export { Cookie, MemoryStore, RequestSession as Session, Store }

/** Types under the names that express-session has: `session.SessionData`. */
declare namespace session {
  type SessionOptions = Options
  type CookieOptions = CookieSettings
  type SessionData = StoredData
}

session.Store = Store
session.MemoryStore = MemoryStore
session.Cookie = Cookie
session.Session = RequestSession

export default session
// What `require('strongroom/express-session')` returns.
export { session as 'module.exports' }
