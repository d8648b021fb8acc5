import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BaseSessions, Session } from 'strongroom'
import type { AnyUser } from 'strongroom/internal'
import { withSessions } from 'strongroom/node'
import { type Call, callOf } from './calls.ts'

/** A session of the lab holds whatever an attack puts into it. */
export type Data = Record<string, string | number>
export type AnySessions = BaseSessions<Data> & { of?(userId: string): AnyUser }

/** The routes that `Site` describes, on sessions of ours. */
export function listenerOn(sessions: AnySessions) {
  return withSessions<Data, IncomingMessage, ServerResponse>(sessions, async (request, response) => {
    const call = callOf(request.url)
    if (!call) return respond(response, 404, { error: 'no such route' })
    if (call.isPublic) for (const name of ['Cache-Control', 'CDN-Cache-Control']) response.setHeader(name, PUBLIC)
    const session = await sessions.get(request)
    const unsupported = await handle(call, session, sessions)
    if (unsupported) return respond(response, 501, { error: unsupported })
    respond(response, 200, {
      user: session.userId,
      data: Object.fromEntries(session.keys().map((key) => [key, session.get(key)])),
    })
  })
}

/** As for a page that is the same for everybody. */
const PUBLIC = 'public, max-age=60'

/** Resolves to why this engine cannot do it; undefined if it was done. */
async function handle(call: Call, session: Session<Data>, sessions: AnySessions): Promise<string | undefined> {
  const { route, key, value, user } = call
  // As docs/login.md says: asked before the password is checked, which takes its time.
  const asOf = route === 'login' && sessions.of ? await sessions.of(user).moment() : undefined
  await call.gate()
  if (route === 'set' || route === 'fail') session.set(key, value)
  // As docs/requests.md says for what several requests change: the function runs again on a newer copy.
  if (route === 'add') session.update(key, (count) => Number(count ?? 0) + 1)
  if (route === 'login') session.login(user, { ...(asOf && { asOf }) })
  if (route === 'logout') session.logout()
  if (route === 'renew') session.renew()
  if (route === 'fail') throw new Error('The lab makes this handler fail.')
  if (route !== 'revoke-all') return undefined
  const users = sessions.of?.(user)
  if (!users) return 'this engine cannot end all sessions of a user'
  const isOurs = session.userId === user
  await users.revokeAll()
  if (isOurs) session.logout()
  return undefined
}

function respond(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify(body))
}
