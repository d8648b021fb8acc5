import { ConfigError } from '../errors.ts'
import { checkpoint } from '../session/checkpoint.ts'
import type { LoginOptions } from '../session/login.ts'
import { type Session, stateOf } from '../session/session.ts'
import type { BaseSessions } from '../sessions.ts'
import { dataOf, type ExpressSession, FOREIGN, restart } from './express-session.ts'
import type { PassportRequest } from './session.ts'

type AnySession = Session<Record<string, unknown>>

/** A login in which everything was found to be right that can be known before it. */
export interface Attempt {
  readonly sessions: BaseSessions<Record<string, unknown>>
  readonly session: AnySession
  readonly key: string
  readonly userId: string
  readonly login: LoginOptions
  /** The user, as `serializeUser` has made it. */
  readonly serialized: unknown
}

// When a login fails, Passport tells the application that nobody is signed in, and the application responds as it likes. The response must
// not save that somebody is: neither the new user, nor the one before, whose session Passport's own login has ended by then. A visitor who
// was nobody before has lost nothing.

/** Signs a user in where no `req.session` is but the small one. */
export async function logIn(request: PassportRequest, attempt: Attempt): Promise<void> {
  const { sessions, session, key, userId, login, serialized } = attempt
  const state = stateOf(session)
  const wasSignedIn = isSignedIn(attempt)
  const takeBack = checkpoint(state)
  try {
    session.login(userId, login)
    session.set(key, { user: serialized })
    await sessions.save(request)
  } catch (error) {
    if (state.isOpen) {
      takeBack()
      if (wasSignedIn) session.logout()
    }
    throw error
  }
}

/** Signs a user in with another `req.session`, of `strongroom/express-session`. */
export async function logInAgain(request: PassportRequest, before: ExpressSession, attempt: Attempt): Promise<void> {
  const { sessions, session, key, userId, login, serialized } = attempt
  const state = stateOf(session)
  const wasSignedIn = isSignedIn(attempt)
  const takeBack = checkpoint(state)
  const { originalMaxAge } = before.cookie
  try {
    const after = await restart(request, before, login, { key, remember: sessions.policy.remember })
    after[key] = { user: serialized }
    if (!(await sessions.get(request)).has(key)) throw new ConfigError(FOREIGN)
    session.login(userId, { ...login, keep: 'all', remember: undefined })
    await sessions.save(request)
  } catch (error) {
    if (!state.isOpen) throw error
    if (request.session !== before) {
      state.forgetIntent()
      const after = request.session as ExpressSession
      fill(after, wasSignedIn ? {} : dataOf(before, key))
      // That of the login may be one to remember.
      after.cookie.maxAge = originalMaxAge
    } else if (!wasSignedIn) takeBack()
    // Of somebody who was signed in, the end that regenerate() could not bring about is tried again with the response.
    throw error
  }
}

/** For Passport, or for the sessions alone. */
function isSignedIn({ session, key }: Attempt): boolean {
  const ofPassport = session.get(key) as { readonly user?: unknown } | null | undefined
  return session.userId !== null || ofPassport?.user !== undefined
}

/** With these data alone. */
function fill(session: ExpressSession, data: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(session)) if (name !== 'cookie') delete session[name]
  Object.assign(session, data)
}
