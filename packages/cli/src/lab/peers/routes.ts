import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Call, callOf } from '../calls.ts'

export type Data = Record<string, unknown>

/** The session of one request, by the operations that a library's own documentation shows. */
export interface Visit {
  /** The data of the application, without what the library keeps in the session for itself. */
  data(): Data
  user(): string | null
  set(key: string, value: unknown): void
  login(user: string): Promise<void> | void
  logout(): Promise<void> | void
  /** A new token for the same session, where the library has that. */
  readonly renew?: () => Promise<void>
  /** Saves, where the library leaves that to the handler. */
  readonly save?: () => Promise<void>
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

export interface Answer {
  readonly status: number
  readonly body: object
}

/** What every application of the lab does at its routes, which `Site` in site.ts describes. */
export async function answer(url: string | undefined, visit: Visit): Promise<Answer> {
  const call = callOf(url)
  if (!call) return { status: 404, body: { error: 'no such route' } }
  await call.gate()
  if (call.route === 'revoke-all' || (call.route === 'renew' && !visit.renew))
    return { status: 501, body: { error: 'this library cannot do that' } }
  await act(call, visit)
  return { status: 200, body: { user: visit.user(), data: visit.data() } }
}

async function act({ route, key, value, user }: Call, visit: Visit): Promise<void> {
  if (route === 'login') await visit.login(user)
  if (route === 'logout') await visit.logout()
  if (route === 'renew') await visit.renew?.()
  if (route === 'set' || route === 'fail') visit.set(key, value)
  if (route === 'add') visit.set(key, Number(visit.data()[key] ?? 0) + 1)
  if (route === 'set' || route === 'fail' || route === 'add') await visit.save?.()
  if (route === 'fail') throw new Error('The lab makes this handler fail.')
}
