import { milliseconds } from '../base/duration.ts'
import { ConfigError } from '../errors.ts'
import type { LoginOptions } from '../session/login.ts'
import { isSmall, type PassportRequest } from './session.ts'

/** `req.session` of `strongroom/express-session`: what Passport uses of it. */
export interface ExpressSession {
  [key: string]: unknown
  cookie: { maxAge: number | null | undefined; readonly originalMaxAge: number | null | undefined }
  regenerate(done: (error?: unknown) => void): unknown
}

export const FOREIGN =
  'passportSessions() got other sessions than those of req.session. With strongroom/express-session, pass what session() returns; with strongroom(sessions), mount nothing that sets req.session.'

/** The `req.session` of a request; null for the small one of Passport, and if there is none. */
export function sessionOf({ session }: PassportRequest): ExpressSession | null {
  if (!session || isSmall(session)) return null
  const { regenerate } = session as Partial<ExpressSession>
  if (typeof regenerate !== 'function') throw new ConfigError(FOREIGN)
  return session as ExpressSession
}

/** The data, without the user of Passport. */
export const dataOf = (session: ExpressSession, key: string): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(session).filter(([name]) => name !== key && name !== 'cookie'))

export const regenerated = (session: ExpressSession): Promise<void> =>
  new Promise((resolve, reject) => {
    session.regenerate((error) => (error ? reject(error) : resolve()))
  })

/**
 * Another `req.session`, as Passport begins one for each login: with the data that the login keeps. How long it lives is said by its
 * cookie.
 */
export async function restart(
  request: PassportRequest,
  before: ExpressSession,
  { keep, remember }: LoginOptions,
  { key, remember: standard }: { readonly key: string; readonly remember: number },
): Promise<ExpressSession> {
  await regenerated(before)
  const after = request.session as ExpressSession
  const isKept = (name: string) => keep === 'all' || (Array.isArray(keep) && keep.includes(name))
  for (const [name, value] of Object.entries(dataOf(before, key))) if (isKept(name)) after[name] = value
  if (keep === 'all') after.cookie = before.cookie
  if (remember === false) after.cookie.maxAge = null
  else if (remember !== undefined)
    after.cookie.maxAge = remember === true ? standard : milliseconds(remember, 'login: remember')
  return after
}
