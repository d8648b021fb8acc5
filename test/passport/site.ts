import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import passport from 'passport'
import { Strategy as LocalStrategy } from 'passport-local'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import session from '../../packages/strongroom/src/express-session/session.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { type PassportSessionsOptions, passportSessions } from '../../packages/strongroom/src/passport/passport.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import type { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { type Watched, watched } from '../../packages/strongroom/src/testing/watched.ts'
import { running } from '../adapters/site.ts'

export type Values = Record<string, unknown>
export type Passport = InstanceType<typeof passport.Passport>

export interface User {
  readonly id: string | number
  readonly name?: string
}

export interface SiteParts {
  readonly app: Express
  readonly passport: Passport
  readonly sessions: Sessions<Values>
}

export interface SiteOptions {
  /** Mounts `strongroom/express-session` instead of `strongroom(sessions)`. */
  readonly dropIn?: boolean
  readonly sessions?: Pick<SessionsOptions, 'credential' | 'adoptFrom' | 'onLogin' | 'onLogout'>
  readonly passport?: PassportSessionsOptions
  readonly serialize?: (user: Express.User) => unknown
  /** Passport itself, before `passportSessions` is called. */
  readonly before?: (passport: Passport) => void
  readonly routes?: (parts: SiteParts) => void
}

export interface Site extends SiteParts {
  readonly visitor: Visitor
  readonly watch: Watched
  /** What the last `done` of `req.login` or `req.logout` was called with. */
  readonly seen: { error?: unknown; user?: unknown /** And the error handler. */; page?: unknown }
  /** What `/me` says: the user of Passport, and the data of the session. */
  me(cookie?: string): Promise<{ readonly user: unknown; readonly data: Values }>
}

/** An Express application with passport-local. The password is "right". */
export async function site(t: TestContext, options: SiteOptions = {}): Promise<Site> {
  const watch = watched(memory({ max: 1000 }))
  const store = watch.store as ReturnType<typeof memory>
  const middleware = options.dropIn
    ? session({ secret: randomBytes(32), resave: false, saveUninitialized: false, ...options.sessions, store })
    : null
  const sessions =
    (middleware?.sessions as Sessions<Values> | undefined) ??
    createSessions<Values>({ secrets: randomBytes(32), ...options.sessions, store })
  const instance = new passport.Passport()
  instance.use(
    new LocalStrategy((username, password, done) => {
      if (password === 'right') done(null, { id: username })
      else done(null, false, { message: 'Wrong password' })
    }),
  )
  const serialize = options.serialize ?? ((user) => (user as User).id)
  instance.serializeUser((user, done) => done(null, serialize(user)))
  instance.deserializeUser((id: unknown, done) => done(null, { id } as User))
  options.before?.(instance)
  passportSessions(instance, middleware ?? sessions, options.passport)

  const app = express().set('env', 'test')
  const seen: Site['seen'] = {}
  app.use(middleware ?? strongroom(sessions), instance.session())
  app.get('/put', async (request, response) => {
    const session = await sessions.get(request)
    for (const [key, value] of Object.entries(request.query)) session.set(key, value)
    response.send('put')
  })
  app.get('/me', async (request, response) => {
    const session = await sessions.get(request)
    const data = Object.fromEntries(session.keys().map((key) => [key, session.get(key)]))
    response.json({ user: request.user ?? null, data })
  })
  app.get('/who', async (request, response) => {
    response.json((await sessions.get(request)).userId)
  })
  app.post('/logout', (request, response) => {
    const keepSessionInfo = request.query.keep !== undefined
    request.logout({ keepSessionInfo }, (error) => {
      Object.assign(seen, { error, user: request.user })
      response.send('logged out')
    })
  })
  options.routes?.({ app, passport: instance, sessions })
  app.post('/login', instance.authenticate('local', { successRedirect: '/me', failureRedirect: '/login' }))
  app.use((error: { status?: number; message: string }, _request: Request, response: Response, _next: NextFunction) => {
    Object.assign(seen, { page: error })
    response.status(error.status ?? 500).send(error.message)
  })
  const { visitor } = await running(t, app)
  const me = async (cookie?: string) => {
    const page = await visitor.ask('/me', cookie === undefined ? {} : { cookie })
    return JSON.parse(page.text) as { user: unknown; data: Values }
  }
  return { app, passport: instance, sessions, visitor, watch, seen, me }
}

export const login = (visitor: Visitor, username = 'ada', query = '') =>
  visitor.ask(`/login?username=${username}&password=right${query}`, { method: 'POST' })

/** A route that signs in with `req.login`, and responds 200 whatever happens. */
export function loginRoute({ app }: SiteParts, seen: () => Site['seen'], options: object, user: User = { id: 'ada' }) {
  app.post('/direct', (request, response) => {
    request.login(user as Express.User, options, (error) => {
      Object.assign(seen(), { error, user: request.user })
      response.send(error ? 'refused' : 'signed in')
    })
  })
}
