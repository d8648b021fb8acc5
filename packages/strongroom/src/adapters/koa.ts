import type { DefaultState, Middleware, ParameterizedContext } from 'koa'
import { booleanOption, checkOptions } from '../base/check.ts'
import { ConfigError } from '../errors.ts'
import type { CsrfOptions } from '../http/csrf.ts'
import type { BaseSessions } from '../sessions.ts'
import { ownEvents } from './node/events.ts'
import { fieldOf, nodeFacts } from './node/facts.ts'
import { type Fail, respond } from './node/fail.ts'
import { hold } from './node/hold.ts'
import { checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'
import { assigning, type PendingSession, pendingSessions } from './shared/pending-session.ts'

export type { CsrfOptions, PendingSession }

/** What the middleware adds to the context. `new Koa().use(strongroom(sessions))` has it in its type. */
export interface SessionContext<Data extends object> {
  readonly session: PendingSession<Data>
}

/** Options of the middleware for Koa. */
export interface KoaOptions {
  /**
   * Adds `ctx.session`. With false, `sessions.get(ctx)` is the only way to the session, as needed for a second `createSessions`, and
   * beside koa-session. Default true.
   */
  readonly decorate?: boolean | undefined
}

/**
 * Middleware for Koa 3. After it, `await ctx.session` and `await sessions.get(ctx)` are the request's session. It is saved before the
 * first byte of the response, when all middleware has run, and what its status is then decides. An error of the save is an `error` event
 * of the application, and the visitor gets its status. Throws `ConfigError` for what is not sessions, and for a wrong option; a request
 * fails with one where `ctx.session` is taken.
 */
export function strongroom<Data extends object>(
  sessions: BaseSessions<Data>,
  options: KoaOptions & { readonly decorate: false },
): Middleware<DefaultState, object>
export function strongroom<Data extends object>(
  sessions: BaseSessions<Data>,
  options?: KoaOptions,
): Middleware<DefaultState, SessionContext<Data>>
export function strongroom<Data extends object>(
  sessions: BaseSessions<Data>,
  options: KoaOptions = {},
): Middleware<DefaultState, object> {
  checkSessions('app.use(strongroom(sessions))', sessions)
  checkOptions('strongroom()', options, ['decorate'])
  const decorates = booleanOption('Option "decorate" of strongroom()', options.decorate, true)
  const property = decorates ? propertyOf(sessions) : null
  return function strongroom(ctx, next) {
    const own = sessions.ownRequests?.node(ctx.req, ctx.res)
    if (own) {
      ctx.respond = false
      return own
    }
    if (property) decorate(ctx, property)
    const begin = hold<Data>(ctx.res, failWith(ctx))
    sessions.attach(ctx, () => begin(sessions.open(ctx.req.headers)), ctx.req)
    ownEvents(sessions, ctx, ctx.req, ctx.res)
    return sessions.within(ctx, next)
  }
}

const properties = new WeakMap<object, PropertyDescriptor>()

/** One for the same sessions, which may be used on the application and on a router. */
function propertyOf<Data extends object>(sessions: BaseSessions<Data>): PropertyDescriptor {
  const known = properties.get(sessions)
  if (known) return known
  const pendingSession = pendingSessions('ctx.session', sessions)
  const property = {
    get(this: object) {
      return pendingSession(this)
    },
    set: assigning('ctx.session'),
  }
  properties.set(sessions, property)
  return property
}

/** Each context of its own: routers of one application may have different sessions. */
function decorate(ctx: object, property: PropertyDescriptor): void {
  if (!('session' in ctx)) {
    Object.defineProperty(ctx, 'session', property)
    return
  }
  if (Object.getOwnPropertyDescriptor(ctx, 'session')?.get === property.get) return
  throw new ConfigError(
    'ctx.session is taken already, by other sessions or by a package such as koa-session. Write app.use(strongroom(sessions, { decorate: false })), and sessions.get(ctx) instead of ctx.session.',
  )
}

/** An error of the save is the error of this context, while nothing has been sent. */
const failWith =
  (ctx: Pick<ParameterizedContext, 'onerror'>): Fail =>
  (error, response) => {
    try {
      ctx.onerror(error as Error)
    } catch (second) {
      // A listener of `error` has thrown.
      respond(second, response)
    }
  }

/**
 * Middleware that refuses requests which the page of another site may have made: a `CsrfError` (403) is thrown. Belongs after
 * `strongroom(sessions)`, and after what parses forms. A token is looked for in a header, and in `ctx.request.body`. Throws `ConfigError`
 * for what is not sessions, and for a wrong option.
 */
export function csrf<Data extends object>(
  sessions: BaseSessions<Data>,
  options: CsrfOptions = {},
): Middleware<DefaultState, object> {
  const check = csrfCheck('app.use(csrf(sessions))', sessions, options)
  return async function csrf(ctx, next) {
    const { body } = ctx.request as { body?: unknown }
    await check(
      ctx,
      nodeFacts(ctx.req, (name) => fieldOf(body, name)),
    )
    await next()
  }
}
