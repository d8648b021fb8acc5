import { ConfigError, NotAttachedError } from '../errors.ts'
import type { Session } from '../session/session.ts'
import type { BaseSessions } from '../sessions.ts'

export type PassportRequest = object & { session?: unknown; readonly sessionStore?: unknown }
type Next = (error?: unknown) => void
type Middleware = (request: PassportRequest, response: object, next: Next) => unknown

interface AuthenticateOptions {
  readonly session?: boolean
  readonly assignProperty?: string
}

/** Of Passport's framework: makes the middleware. Options may be left out. */
export type Authenticate = (
  passport: object,
  name: unknown,
  options?: AuthenticateOptions | (() => unknown),
  callback?: () => unknown,
) => Middleware

type AnySessions = BaseSessions<Record<string, unknown>>

/**
 * Gives a request `req.session` before a strategy runs, unless it has one. Passport and its strategies read and write it in the middle
 * of their work: who is signed in, `messages`, `returnTo`, and the state of OAuth.
 */
export function withSession(sessions: AnySessions, authenticate: Authenticate): Authenticate {
  return (passport, name, options, callback) => {
    const middleware = authenticate(passport, name, options, callback)
    const needed = needsSession(options, callback)
    return function authenticate(request, response, next) {
      // With a sessionStore, it was unset, which is Passport's business.
      if (request.session || request.sessionStore) return middleware(request, response, next)
      sessions.get(request).then(
        (session) => {
          request.session = expressLike(session, () => sessions.save(request))
          run(middleware, request, response, next)
        },
        (error) => {
          // A bearer token's route may be outside of the sessions.
          if (error instanceof NotAttachedError && !needed) run(middleware, request, response, next)
          else next(error)
        },
      )
    }
  }
}

/** Not where nobody is signed in by it, or where the application does that itself. */
const needsSession = (options: Parameters<Authenticate>[2], callback: unknown) =>
  !callback && typeof options !== 'function' && options?.session !== false && options?.assignProperty === undefined

/** What Passport throws goes to `next`, as from middleware that nobody waited for: a rejection would end the process. */
function run(middleware: Middleware, request: PassportRequest, response: object, next: Next): void {
  try {
    middleware(request, response, next)
  } catch (error) {
    next(error)
  }
}

const small = new WeakSet<object>()

/** Is it one that was made here? */
export const isSmall = (session: object): boolean => small.has(session)

const METHODS: ReadonlySet<unknown> = new Set(['regenerate', 'destroy', 'reload', 'touch', 'resetMaxAge'])

/** The data of a session as the properties of an object, and `save(callback)`. */
function expressLike(session: Session<Record<string, unknown>>, save: () => Promise<void>): object {
  const isKey = (name: string | symbol): name is string => typeof name === 'string' && !name.startsWith('~')
  const methods = {
    save(done: Next = () => {}) {
      save().then(() => done(), done)
    },
  }
  const proxy = new Proxy(Object.create(null) as object, {
    get(_, name) {
      if (name === 'save') return methods.save
      if (METHODS.has(name) && !session.has(name as string)) throw noSuchMethod(String(name))
      return isKey(name) ? session.get(name) : undefined
    },
    set(_, name, value) {
      if (!isKey(name)) return false
      if (value === undefined) session.delete(name)
      else session.set(name, value)
      return true
    },
    deleteProperty(_, name) {
      if (isKey(name)) session.delete(name)
      return true
    },
    has: (_, name) => isKey(name) && session.has(name),
    ownKeys: () => session.keys(),
    getOwnPropertyDescriptor: (_, name) =>
      isKey(name) && session.has(name)
        ? { value: session.get(name), writable: true, enumerable: true, configurable: true }
        : undefined,
    // It would end up in the object, and not in the session.
    defineProperty: () => false,
  })
  small.add(proxy)
  return proxy
}

const noSuchMethod = (name: string) =>
  new ConfigError(
    `This req.session is a small one for Passport, without ${name}(). Use req.logout(done), or await sessions.get(req); strongroom/express-session has all of req.session.`,
  )
