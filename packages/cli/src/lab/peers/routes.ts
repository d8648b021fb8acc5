import type { IncomingMessage, ServerResponse } from 'node:http'

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

/** A handler that fails, as in a user's application: the framework makes a 500 of it. */
export class Failure extends Error {}

const NOT_THERE: Answer = { status: 501, body: { error: 'The library has no such operation.' } }
const UNKNOWN: Answer = { status: 404, body: { error: 'There is no such page.' } }

/** Where a handler waits until the attack opens the gate. */
export type Gates = (name: string) => Promise<void>

/** What every application of the lab does at its routes. `Site` in site.ts documents them. */
export async function answer(method: string, url: URL, visit: Visit, gates: Gates): Promise<Answer> {
  const query = url.searchParams
  const gate = query.get('gate')
  if (gate !== null) await gates(gate)
  const action = ACTIONS[`${method} ${url.pathname}`]
  if (!action) return UNKNOWN
  if (url.pathname === '/revoke-all' || (url.pathname === '/renew' && !visit.renew)) return NOT_THERE
  await action(visit, query)
  if (url.pathname === '/fail') throw new Failure('This handler fails.')
  return { status: 200, body: { user: visit.user(), data: visit.data() } }
}

type Action = (visit: Visit, query: URLSearchParams) => Promise<void> | void

async function set(visit: Visit, query: URLSearchParams): Promise<void> {
  visit.set(query.get('key') ?? '', query.get('value') ?? '')
  await visit.save?.()
}

const ACTIONS: Readonly<Record<string, Action>> = {
  'GET /read': () => {},
  'POST /set': set,
  'POST /fail': set,
  async 'POST /add'(visit, query) {
    const key = query.get('key') ?? ''
    visit.set(key, Number(visit.data()[key] ?? 0) + 1)
    await visit.save?.()
  },
  'POST /login': (visit, query) => visit.login(query.get('user') ?? ''),
  'POST /logout': (visit) => visit.logout(),
  'POST /renew': (visit) => visit.renew?.(),
  'POST /revoke-all': () => {},
}
