import type { IncomingMessage, ServerResponse } from 'node:http'
import { type BaseSessions, type Session, UnsupportedError } from 'strongroom'
import type { AnyUser } from 'strongroom/internal'
import { withSessions } from 'strongroom/node'
import { type Call, callOf } from './calls.ts'

/** A session of the lab holds whatever an attack puts into it. */
export type Data = Record<string, string | number>
export type AnySessions = BaseSessions<Data> & { of?(userId: string): AnyUser }

interface ListenerOptions {
  /** Before every id of a user, so that nobody else has it. The responses do not show it. */
  readonly userPrefix?: string
  /** Instead of what the library does by default: a line for visitors, and a warning. */
  readonly onError?: (error: unknown, request: IncomingMessage, response: ServerResponse) => void
}

/** The routes that `Site` describes, on sessions of ours. */
export function listenerOn(sessions: AnySessions, { userPrefix = '', onError }: ListenerOptions = {}) {
  const options = onError ? { onError } : {}
  const handler = async (request: IncomingMessage, response: ServerResponse) => {
    const given = callOf(request.url)
    const call = given && { ...given, user: `${userPrefix}${given.user}` }
    if (!call) return respond(response, 404, { error: 'no such route' })
    if (call.isPublic) for (const name of ['Cache-Control', 'CDN-Cache-Control']) response.setHeader(name, PUBLIC)
    const session = await sessions.get(request)
    const unsupported = await handle(call, session, sessions)
    if (unsupported) return respond(response, 501, { error: unsupported })
    respond(response, 200, {
      user: session.userId?.slice(userPrefix.length) ?? null,
      data: Object.fromEntries(session.keys().map((key) => [key, session.get(key)])),
    })
  }
  return withSessions<Data, IncomingMessage, ServerResponse>(sessions, handler, options)
}

/** As for a page that is the same for everybody. */
const PUBLIC = 'public, max-age=60'

/** Resolves to why this engine cannot do it; undefined if it was done. */
async function handle(call: Call, session: Session<Data>, sessions: AnySessions): Promise<string | undefined> {
  const { route, key, value, user } = call
  // As docs/login.md says: asked before the password is checked, which takes its time.
  const asOf = route === 'login' ? await supported(async () => sessions.of?.(user).moment()) : undefined
  await call.gate()
  if (route === 'set' || route === 'fail') session.set(key, value)
  // As docs/session.md says for what several requests change: the function runs again on a newer value.
  if (route === 'add') session.update(key, (count) => Number(count ?? 0) + 1)
  if (route === 'login') session.login(user, { ...(asOf && { asOf }) })
  if (route === 'logout') session.logout()
  if (route === 'renew') session.renew()
  if (route === 'fail') throw new Error('The lab makes this handler fail.')
  if (route === 'revoke-all') return revokeAll(user, session, sessions)
  return undefined
}

async function revokeAll(user: string, session: Session<Data>, sessions: AnySessions): Promise<string | undefined> {
  const isOurs = session.userId === user
  const done = await supported(async () => sessions.of && { ended: await sessions.of(user).revokeAll() })
  if (!done) return 'this engine cannot end all sessions of a user'
  if (isOurs) session.logout()
  return undefined
}

/** Resolves to undefined where the engine cannot do it. */
async function supported<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined
    throw error
  }
}

function respond(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify(body))
}
