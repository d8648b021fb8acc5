import { isLoaded } from '../backing/backing.ts'
import { booleanOption, functionOption } from '../base/check.ts'
import { guarded } from '../base/guarded.ts'
import { warnOfOption } from '../base/warn.ts'
import type { Audit, SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import type { Emit, EventDetails, SessionEvent, SignInListeners } from '../events.ts'
import { tidyLabel } from '../session/device.ts'
import type { State } from '../session/state.ts'
import { requestIdOf, tidyRequestId } from './request-id.ts'

/** A login that the application has refused. */
export interface LoginAttempt {
  /** Who was named: an id or a name, as it was typed. Never the password. */
  readonly userId?: string | null | undefined
  /** A word of the application's own, such as `password` or `locked`. */
  readonly reason?: string | null | undefined
}

export interface AuditOptions extends SignInListeners {
  /**
   * Do events of logins, logouts and revocations have the user's id? It is personal data wherever events are written to. Default false.
   */
  readonly eventUserIds?: boolean | undefined
  /**
   * Returns the id of a request, as it is in the application's log, for events; null if it has none. It is called with what the framework
   * hands to handlers. By default the id that the framework, or its middleware for that, has given: never a header.
   * Not async: a promise counts as no id, with a warning.
   */
  readonly requestId?: ((request: object) => string | null | undefined) | undefined
}

/** Tells which request it was, and who signs in and out. Throws `ConfigError` for what cannot be called. */
export function auditOf({ eventUserIds, requestId, onLogin, onLogout, onLoginFailed }: AuditOptions): Audit {
  const userIds = booleanOption('eventUserIds', eventUserIds, false)
  const id = requestIds(functionOption<(request: object) => unknown>('requestId', requestId, requestIdOf))
  const facts = ({ clock }: SessionsContext, request: object | null) => ({
    at: new Date(clock()),
    request,
    requestId: (request && id(request)) ?? null,
  })
  const listeners = {
    onLogin: listenerOf('onLogin', onLogin),
    onLogout: listenerOf('onLogout', onLogout),
    onLoginFailed: listenerOf('onLoginFailed', onLoginFailed),
  }
  return {
    complete(event, details) {
      const userId = userIds && whoseOf(event, details)
      const requestId = details.requestId?.()
      return {
        ...event,
        ...(userId && { userId }),
        ...(requestId !== undefined && { requestId }),
        ...(details.began !== undefined && { ms: Math.round((performance.now() - details.began) * 1000) / 1000 }),
      }
    },
    ofRequest(context, request) {
      const { emit } = context
      if (request === null || !emit.wantsHandle()) return context
      // Asked for each event: middleware may give the request its id later.
      const requestId = () => id(request)
      const named: Emit = Object.assign(
        (event: SessionEvent, details?: EventDetails) => emit(event, { ...details, requestId }),
        emit,
      )
      return { ...context, emit: named }
    },
    saved({ context, request, state }, saved) {
      if (!listeners.onLogin || state.intent?.verb !== 'login' || !isLoaded(saved)) return
      const { userId, label, persistent } = saved.meta
      const signal = { userId: userId as string, ...facts(context, request), handle: handleOf(saved.ref.cookie.id) }
      listeners.onLogin({ ...signal, label, persistent })
    },
    loggedOut({ context, request, state }, id, userId = state.ref?.cookie.id === id ? state.meta?.userId : null) {
      if (userId != null) listeners.onLogout?.({ userId, ...facts(context, request), handle: handleOf(id) })
    },
    loginFailed(context, request, { userId, reason }) {
      listeners.onLoginFailed?.({ userId, reason, ...facts(context, request) })
    },
  }
}

/** Finds the id of each request once. One that has none yet is asked again at its next event: middleware may give it one later. */
function requestIds(find: (request: object) => unknown): (request: object) => string | undefined {
  const warn = warnOfOption(
    'STRONGROOM_LISTENER',
    'requestId',
    'Events and signals have no request id, and requests go on.',
  )
  const known = new WeakMap<object, string | undefined>()

  function ask(request: object): unknown {
    let given: unknown
    try {
      // The application's, and getters of the framework's.
      given = find(request)
    } catch {
      warn('threw an error')
      return NO_ID
    }
    if (!(given instanceof Promise)) return given
    // Nobody waits for it: a rejection would end the process.
    given.catch(() => {})
    warn('returned a promise. It must return the id itself')
    return NO_ID
  }

  return (request) => {
    if (known.has(request)) return known.get(request)
    const given = ask(request)
    if (given === null || given === undefined) return undefined
    const id = tidyRequestId(given)
    known.set(request, id)
    return id
  }
}

/** Of a request that is not asked again. */
const NO_ID = ''

/** Whose event it is: of a login, the user who signs in; of an end, the one whose session the request had. */
function whoseOf(event: SessionEvent, details: EventDetails): string | null | undefined {
  const state = details.state as State | undefined
  if (!state) return details.userId
  if ('reason' in event && event.reason === 'login') return state.intent?.verb === 'login' ? state.intent.userId : null
  if (event.type === 'renewed') return event.reason === 'step-up' ? state.meta?.userId : null
  const isOwn = event.type === 'revoked' && state.ref !== null && event.handle === handleOf(state.ref.cookie.id)
  return isOwn ? state.meta?.userId : null
}

/** See `loginFailed` of `BaseSessions`. */
export function loginFailed(context: SessionsContext, request: object | null, attempt: LoginAttempt = {}): void {
  if (typeof request !== 'object') throw new TypeError('loginFailed() takes the request of the framework, or null.')
  for (const [name, value] of Object.entries(attempt))
    if ((name !== 'userId' && name !== 'reason') || (value != null && typeof value !== 'string'))
      throw new TypeError(
        `loginFailed() takes { userId, reason }, strings or null. Remove "${name}", or make it a string: a password has no place in a log.`,
      )
  const { userId, reason } = attempt
  const { emit } = context.audit?.ofRequest(context, request) ?? context
  // Cut: a visitor may type as much as fits into a form, and an application may quote it.
  if (emit.wanted()) emit({ type: 'loginFailed', reason: tidyLabel(reason) }, { userId: tidyLabel(userId) })
  context.audit?.loginFailed(context, request, { userId: userId ?? null, reason: reason ?? null })
}

function listenerOf<T>(name: string, given: ((signal: T) => void) | undefined) {
  const listener = functionOption(name, given, undefined)
  return listener && guarded(name, listener)
}
