import type { IncomingMessage, ServerResponse } from 'node:http'
import { type BaseSessions, type Session, UnsupportedError } from 'strongroom'
import type { AnyUser } from 'strongroom/internal'
import { withSessions } from 'strongroom/node'
import { type Call, callOf, type Route } from './calls.ts'

/** A session of the lab holds whatever an attack puts into it. */
export type Data = Record<string, string | number>
export type AnySessions = BaseSessions<Data> & { of?(userId: string): AnyUser }

interface ListenerOptions {
  /**
   * For sessions that others use, too: stands before every id of a user and in every session of the lab, and nobody else has it. A request
   * with a session that lacks it is answered with 404, and changes nothing. The responses do not show it.
   */
  readonly mark?: string
  /** Instead of what the library does by default: a line for visitors, and a warning. */
  readonly onError?: (error: unknown, request: IncomingMessage, response: ServerResponse) => void
}

/** The routes that `Site` describes, on sessions of ours. */
export function listenerOn(sessions: AnySessions, { mark = '', onError }: ListenerOptions = {}) {
  const options = onError ? { onError } : {}
  const handler = async (request: IncomingMessage, response: ServerResponse) => {
    const given = callOf(request.url)
    const call = given && { ...given, user: `${mark}${given.user}` }
    if (!call) return respond(response, 404, { error: 'no such route' })
    // Before the session is loaded: to load it for a change may already move its deadline, or adopt it from another store.
    if (mark !== '' && (await namesForeign(request, sessions, mark))) return respond(response, 404, NOT_OURS)
    if (call.isPublic) for (const name of ['Cache-Control', 'CDN-Cache-Control']) response.setHeader(name, PUBLIC)
    const session = await sessions.get(request)
    if (mark !== '' && CHANGES.includes(call.route) && session.get(MARK) !== mark) session.set(MARK, mark)
    const unsupported = await handle(call, session, sessions)
    if (unsupported) return respond(response, 501, { error: unsupported })
    respond(response, 200, {
      user: session.userId?.slice(mark.length) ?? null,
      data: Object.fromEntries(
        session
          .keys()
          .filter((key) => key !== MARK)
          .map((key) => [key, session.get(key)]),
      ),
    })
  }
  return withSessions<Data, IncomingMessage, ServerResponse>(sessions, handler, options)
}

/** The key under which a session that has no user says that the lab has made it. */
const MARK = 'strongroomLab'
const CHANGES: readonly Route[] = ['set', 'add', 'fail']
const NOT_OURS = { error: 'not a session of this lab' }

/** Each cookie by itself, too: a logout ends the sessions of all cookies that a request has. */
async function namesForeign({ headers }: IncomingMessage, sessions: AnySessions, mark: string): Promise<boolean> {
  const { cookie = '' } = headers
  for (const each of new Set([cookie, ...cookie.split(';')]))
    if (isForeign(await sessions.read({ cookie: each }), mark)) return true
  return false
}

/** Is it the session of somebody whom the lab does not know? One that would be new is nobody's. */
function isForeign(session: Session<Data>, mark: string): boolean {
  const exists = !session.isNew || session.userId !== null || !session.isEmpty()
  return exists && !session.userId?.startsWith(mark) && session.get(MARK) !== mark
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
