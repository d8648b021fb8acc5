import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { ConfigError } from 'strongroom'
import { strongroom } from 'strongroom/express'
import { withSessions } from 'strongroom/fetch'
import { formUpTo } from 'strongroom/internal'
import type { VisitorSessions } from './sessions.ts'

/** Pages below a path of any application. */
export interface Mounted {
  /** Where they are mounted. */
  readonly path: string
  /** For Hono, Bun, Deno and every framework of Fetch handlers. */
  fetch(request: Request): Promise<Response>
  /** For Express, node:http and what builds on them. */
  node(request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void
}

/** Where the request was found to be, and what its framework has read of it already. */
export interface Bindings {
  readonly base: string
  readonly body: Readonly<Record<string, unknown>> | null
}

type Answer = (request: Request, bindings: Bindings) => Response | Promise<Response>

/** Both ways in. In `answer`, `sessions.get(request)` is the session of the visitor, whichever of the two has attached it. */
export function mounted(sessions: VisitorSessions, path: string, answer: Answer): Mounted {
  const attach = strongroom(sessions)
  const fetch = withSessions(sessions, (request) => answer(request, { base: path, body: null }))
  return {
    path,
    fetch,
    node(incoming, outgoing, next = (error) => failed(outgoing, error)) {
      const { baseUrl, body } = incoming as IncomingMessage & { readonly baseUrl?: unknown; readonly body?: unknown }
      const base = typeof baseUrl === 'string' && baseUrl !== '' ? baseUrl : path
      const fields = typeof body === 'object' && body !== null ? (body as Bindings['body']) : null
      const listen = getRequestListener(
        (request) => {
          // The session that Express and node:http have for theirs.
          sessions.attach(request, () => sessions.open(incoming.headers), incoming)
          return answer(request, { base, body: fields })
        },
        // The globals are the application's.
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
  if (outgoing.headersSent) {
    outgoing.destroy()
    return
  }
  const { status, publicMessage } = (error ?? {}) as { readonly status?: unknown; readonly publicMessage?: unknown }
  outgoing.statusCode = typeof status === 'number' ? status : 500
  outgoing.setHeader('Content-Type', 'text/plain; charset=utf-8')
  outgoing.end(`${typeof publicMessage === 'string' ? publicMessage : 'Internal Server Error'}\n`)
}

/** The path below `base`. A framework that has taken `base` off itself, as Express and Hono's mount() do, is understood as well. */
export function pathBelow(base: string, request: Request): string {
  const { pathname } = new URL(request.url)
  const isBelow = base !== '' && (pathname === base || pathname.startsWith(`${base}/`))
  const below = isBelow ? pathname.slice(base.length) : pathname
  return below === '' ? '/' : below
}

/** In bytes. Forms of ours have three short fields: what anyone sends must not fill the memory. */
const LARGEST_FORM = 64 * 1024

/** The text fields of a form; none for a body that is no form, or too large. Of one that a framework has parsed, nothing is left to read. */
export async function fieldsOf(request: Request, { body }: Bindings): Promise<Readonly<Record<string, string>>> {
  const all = body === null ? [...((await formUpTo(LARGEST_FORM, request)) ?? [])] : Object.entries(body)
  return Object.fromEntries(all.filter((field): field is [string, string] => typeof field[1] === 'string'))
}

export function checkSessions(example: string, given: unknown): void {
  const isThere = typeof given === 'object' && given !== null && 'policy' in given && 'attach' in given
  if (isThere) return
  throw new ConfigError(`It takes sessions: const sessions = createSessions({ … }), then ${example}.`)
}

/** "" for the root. */
export function checkPath(where: string, path: unknown): string {
  if (path === '/' || path === '') return ''
  if (typeof path === 'string' && /^(\/[\w.~-]+)+$/.test(path)) return path
  throw new ConfigError(
    `${where}: path is where it is mounted, such as "/studio": it begins with a slash, and does not end with one.`,
  )
}
