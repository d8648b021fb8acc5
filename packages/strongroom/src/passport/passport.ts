import type { IncomingMessage } from 'node:http'
import { checkSessions } from '../adapters/shared/check.ts'
import type { Awaitable } from '../base/awaitable.ts'
import { checkOptions } from '../base/check.ts'
import { parseJson } from '../base/json.ts'
import { ConfigError } from '../errors.ts'
import { checkLogin, checkUserId, LOGIN_OPTIONS, type LoginOptions } from '../session/login.ts'
import { checkProof } from '../session/proof.ts'
import { stateOf } from '../session/session.ts'
import type { BaseSessions } from '../sessions.ts'
import { dataOf, type ExpressSession, regenerated, sessionOf } from './express-session.ts'
import { logIn, logInAgain } from './login.ts'
import { type Authenticate, type PassportRequest, withSession } from './session.ts'

/** What `req.login(user, options, done)` takes. */
export interface PassportLoginOptions extends LoginOptions {
  /** True keeps the data of the session before; by default it is dropped, as Passport does. `keep` says it more precisely. */
  readonly keepSessionInfo?: boolean | undefined
  /** Passport's own: false signs the user in for this request alone. */
  readonly session?: boolean | undefined
}

declare global {
  namespace Express {
    interface User {}
    interface Request {
      login(user: User, options: PassportLoginOptions, done: (error?: unknown) => void): void
      logIn(user: User, options: PassportLoginOptions, done: (error?: unknown) => void): void
    }
  }
}

/** Options of `passportSessions`. */
export interface PassportSessionsOptions {
  /**
   * The user id that a login belongs to: `sessions.of(userId)` lists it. `serialized` is what `serializeUser` made of the user. By
   * default that is the id, if it is a string or a number. Numbers become strings.
   */
  userId?(user: Express.User, serialized: unknown): string | number
  /** Options for a login of this request, such as `remember` from a form. Those passed to `req.login` have precedence. */
  loginOptions?(request: IncomingMessage, user: Express.User): Awaitable<LoginOptions>
  /** The key of the session that Passport uses. By default that of its session strategy, which is `passport`. */
  readonly key?: string | undefined
}

/** What this needs of a Passport 0.7: `passport` itself, or a `new Authenticator()`. */
export interface PassportInstance {
  serializeUser(...args: never[]): unknown
  framework(framework: never): unknown
}

type Done = (error?: unknown) => void
type CallOptions = PassportLoginOptions & Readonly<Record<string, unknown>>

/** The parts of Passport that are the same since 0.6, and not in its types. */
interface Passport {
  _sm: SessionManager
  readonly _framework: { readonly authenticate: Authenticate }
  serializeUser(user: unknown, request: object, done: (error: unknown, serialized: unknown) => void): void
  framework(framework: object): unknown
  _strategy(name: string): object | undefined
  use(name: string, strategy: object): unknown
}

interface SessionManager {
  logIn(request: PassportRequest, user: Express.User, options: CallOptions | Done, done?: Done): void
  logOut(request: PassportRequest, options: CallOptions | Done, done?: Done): void
}

const WHERE = 'passportSessions()'
const EXAMPLE = 'passportSessions(passport, sessions)'

/**
 * Makes the logins and logouts of Passport those of these sessions: a user's devices are listed, limited and ended by
 * `sessions.of(userId)`. Call it once, before `passport.session()` and `passport.authenticate()` are. `sessions` is what `createSessions`
 * returns, or the middleware of `strongroom/express-session`. Without a `req.session`, Passport and its strategies get a small one. Throws
 * `ConfigError` for what is not Passport or sessions, and for a wrong option.
 */
export function passportSessions<Data extends object>(
  passport: PassportInstance,
  sessions: BaseSessions<Data> | { readonly sessions: BaseSessions<Data> },
  options: PassportSessionsOptions = {},
): void {
  const instance = checkPassport(passport)
  // The middleware of strongroom/express-session has the sessions that are underneath.
  const given = sessions && 'sessions' in sessions ? sessions.sessions : sessions
  checkSessions(EXAMPLE, given)
  checkOptions(WHERE, options, ['userId', 'loginOptions', 'key'])
  for (const name of ['userId', 'loginOptions'] as const)
    if (options[name] !== undefined && typeof options[name] !== 'function')
      throw new ConfigError(`Option "${name}" of ${WHERE} must be a function.`)
  const key = sessionKey(instance, options.key)
  // Sessions of any data: the key is Passport's.
  const any = given as unknown as BaseSessions<Record<string, unknown>>
  instance._sm = sessionManager(instance, any, { ...options, key })
  const framework = instance._framework
  instance.framework({ ...framework, authenticate: withSession(any, framework.authenticate) })
}

function checkPassport(given: unknown): Passport {
  const passport = given as Partial<Passport> | null | undefined
  const isPassport =
    typeof passport?._sm?.logIn === 'function' &&
    typeof passport._sm.logOut === 'function' &&
    typeof passport._framework?.authenticate === 'function'
  if (isPassport) return passport as Passport
  throw new ConfigError(
    `${WHERE} takes Passport 0.7 as its first argument: import passport from 'passport', then ${EXAMPLE}.`,
  )
}

/** Has the session strategy use the same key. */
function sessionKey(passport: Passport, given: unknown): string {
  const strategy = passport._strategy('session') as { readonly _key?: string } | undefined
  const key = given ?? strategy?._key ?? 'passport'
  if (typeof key !== 'string' || key === '' || key.startsWith('~') || key === 'cookie')
    throw new ConfigError(
      `Option "key" of ${WHERE} must be a key of the session: not empty, not "cookie", without "~".`,
    )
  if (strategy && strategy._key !== key)
    passport.use('session', Object.assign(Object.create(Object.getPrototypeOf(strategy)), strategy, { _key: key }))
  return key
}

function sessionManager(
  passport: Passport,
  sessions: BaseSessions<Record<string, unknown>>,
  options: PassportSessionsOptions & { readonly key: string },
): SessionManager {
  const { key } = options

  async function signIn(request: PassportRequest, user: Express.User, call: CallOptions): Promise<void> {
    const session = await sessions.get(request)
    const serialized = await serialize(passport, user, request)
    const userId = options.userId ? asString(options.userId(user, serialized)) : idOf(serialized)
    const own = (await options.loginOptions?.(request as IncomingMessage, user)) ?? {}
    const login = loginOptions(own, call)
    // A login that is refused by one of these ends nothing.
    checkUserId('login()', userId)
    checkLogin(userId, login)
    checkProof('login', login)
    await stateOf(session).checkLimit({ userId, options: login })
    const before = sessionOf(request)
    const attempt = { sessions, session, key, userId, login, serialized }
    await (before ? logInAgain(request, before, attempt) : logIn(request, attempt))
  }

  async function logOut(request: PassportRequest, { keepSessionInfo }: CallOptions): Promise<void> {
    const session = await sessions.get(request)
    const before = sessionOf(request)
    if (before) {
      await regenerated(before)
      if (keepSessionInfo) Object.assign(request.session as ExpressSession, dataOf(before, key))
      return
    }
    const names = keepSessionInfo ? session.keys().filter((name) => name !== key) : []
    const kept = names.map((name) => [name, session.get(name)] as const)
    session.logout()
    await sessions.save(request)
    for (const [name, value] of kept) session.set(name, value)
  }

  return {
    logIn: (request, user, given, done) => run(given, done, (call) => signIn(request, user, call)),
    logOut: (request, given, done) => run(given, done, (call) => logOut(request, call)),
  }
}

/** Not a promise to the caller: what `done` throws must reach the process, as from every callback, and not call it again. */
function run(given: CallOptions | Done, last: Done | undefined, work: (options: CallOptions) => Promise<void>): void {
  const done = typeof given === 'function' ? given : (last as Done)
  work(typeof given === 'function' ? {} : (given ?? {})).then(() => done(), done)
}

/** As JSON gives it back, like the stores of express-session: an ObjectId of MongoDB comes back as its string. */
async function serialize(passport: Passport, user: unknown, request: object): Promise<unknown> {
  const serialized = await new Promise((resolve, reject) => {
    passport.serializeUser(user, request, (error, made) => (error ? reject(error) : resolve(made)))
  })
  return parseJson(JSON.stringify(serialized) ?? 'null')
}

/** As ids of adopted sessions become strings; `checkUserId` refuses what is no id. */
const asString = (id: string | number): string => (Number.isFinite(id) ? String(id) : (id as string))

function idOf(serialized: unknown): string {
  if (typeof serialized === 'string' || typeof serialized === 'number') return String(serialized)
  throw new ConfigError(
    `serializeUser made an object, in which ${WHERE} cannot know the user id. Name it: passportSessions(passport, sessions, { userId: (user) => user.id }).`,
  )
}

/** `call` has options of `passport.authenticate` in it, too, which are Passport's business. */
function loginOptions(own: LoginOptions, call: CallOptions): LoginOptions {
  const given = Object.fromEntries(
    LOGIN_OPTIONS.flatMap((name) => (call[name] === undefined ? [] : [[name, call[name]]])),
  )
  const { keepSessionInfo } = call
  const byPassport = keepSessionInfo === undefined ? (own.keep ?? 'none') : keepSessionInfo ? 'all' : 'none'
  return { ...own, keep: byPassport, ...given }
}
