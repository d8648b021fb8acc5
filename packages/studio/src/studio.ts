import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { type BaseSessions, ConfigError } from 'strongroom'
import { strongroom } from 'strongroom/express'
import { withSessions } from 'strongroom/fetch'
import { booleanOption, checkOptions } from 'strongroom/internal'
import { createBoard } from './app.ts'
import type { Bindings, StudioSessions } from './board.ts'
import type { StudioListener } from './events.ts'
import { checkGuard, type Guard } from './guard.ts'
import type { Panels } from './panels.ts'

export interface StudioOptions extends Panels {
  /** Who may see the studio. Without one it does not start. */
  readonly guard: Guard
  /** Where it is mounted, for its links: "/studio", the default. Express says it by itself. */
  readonly path?: string | undefined
  /** May operators end sessions? By default they may only look. */
  readonly write?: boolean | undefined
  /** What the pages are about, such as "shop, production". By default the engine's name. */
  readonly title?: string | undefined
  /** Called with what happened, for an audit log. */
  readonly on?: StudioListener | undefined
}

export interface Studio {
  /** Where it is mounted. */
  readonly path: string
  /** For Hono, Bun, Deno and every framework of Fetch handlers: `app.all('/studio/*', (c) => board.fetch(c.req.raw))`. */
  fetch(request: Request): Promise<Response>
  /** For Express and node:http: `app.use('/studio', board.node)`. */
  node(request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void
}

export const PANELS = ['figures', 'lab', 'advisor', 'doctor'] as const
const KNOWN = ['guard', 'path', 'write', 'title', 'on', ...PANELS] as const

/**
 * The page for operators, to mount in an application. Throws `ConfigError` without a guard, and for an option that is unknown or
 * wrong.
 */
export function studio<Data extends object>(sessions: BaseSessions<Data>, options: StudioOptions): Studio {
  const given = sessions as unknown as StudioSessions
  checkSessions('studio(sessions, { guard })', given)
  checkOptions('studio()', options ?? {}, KNOWN)
  const { path = '/studio', title = given.policy.engine, on, guard, write, ...panels } = options ?? ({} as StudioOptions)
  const board = createBoard(given, {
    guard: checkGuard(guard),
    write: booleanOption('studio(): write', write, false),
    title,
    on,
    operators: given,
    ...panels,
  })
  return mounted(given, checkPath(path), (request, bindings) => board.fetch(request, bindings))
}

type Answer = (request: Request, bindings: Bindings) => Response | Promise<Response>

/** Both ways in, with the session of the request, where somebody asks for it: the guard, or the check of a form. */
export function mounted(sessions: StudioSessions, path: string, answer: Answer): Studio {
  const attach = strongroom(sessions)
  const fetch = withSessions(sessions, (request) => answer(request, { base: path, body: null }))
  return {
    path,
    fetch,
    node(incoming, outgoing, next = (error) => failed(outgoing, error)) {
      const { baseUrl, body } = incoming as IncomingMessage & { readonly baseUrl?: unknown; readonly body?: unknown }
      const base = typeof baseUrl === 'string' && baseUrl !== '' ? baseUrl : path
      const fields = typeof body === 'object' && body !== null ? (body as Bindings['body']) : null
      // Not the globals of the application, which are its own.
      const listen = getRequestListener(
        (request) => {
          // So that sessions.get() knows the Fetch request for the one that Express and node:http have.
          sessions.attach(request, () => sessions.open(incoming.headers), incoming)
          return answer(request, { base, body: fields })
        },
        { overrideGlobalObjects: false },
      )
      attach(incoming, outgoing, (error) => {
        if (error === undefined) void listen(incoming, outgoing)
        else next(error)
      })
    },
  }
}

/** node:http has nobody else to tell. */
function failed(outgoing: ServerResponse, error: unknown): void {
  if (outgoing.headersSent) return void outgoing.destroy()
  const { status, publicMessage } = (error ?? {}) as { status?: unknown; publicMessage?: unknown }
  outgoing.statusCode = typeof status === 'number' ? status : 500
  outgoing.end(`${typeof publicMessage === 'string' ? publicMessage : 'Internal Server Error'}\n`)
}

export function checkSessions(example: string, sessions: StudioSessions): void {
  const isThere = typeof sessions === 'object' && sessions !== null && 'policy' in sessions && 'attach' in sessions
  if (!isThere) throw new ConfigError(`The studio takes sessions: const sessions = createSessions({ … }), then ${example}.`)
}

function checkPath(path: unknown): string {
  if (path === '/' || path === '') return ''
  if (typeof path === 'string' && /^(\/[\w.~-]+)+$/.test(path)) return path
  throw new ConfigError('studio(): path is where the studio is mounted, such as "/studio": it begins with a slash, and does not end with one.')
}
