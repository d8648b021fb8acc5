import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { RequestEvent } from '@sveltejs/kit'
import type { RunningServer } from '../../../packages/strongroom/src/testing/index.ts'
import { root } from '../../../scripts/packages.ts'
import { listening } from '../../adapters/serve.ts'
import { type BuiltCopy, builtCopy } from '../project.ts'

export const VITE = join(root, 'node_modules', 'vite', 'bin', 'vite.js')

/** What the built application runs: its hooks, pages and endpoints look here for what a test has handed over. */
export interface Site {
  readonly handles: readonly unknown[]
  readonly handleError?: (input: { readonly error: unknown }) => unknown
  readonly handleFetch?: (input: FetchInput) => Promise<Response>
  readonly respond?: (event: RequestEvent) => Response | Promise<Response>
  readonly load?: (event: RequestEvent, kit: Kit) => unknown
  readonly action?: (event: RequestEvent, kit: Kit) => unknown
  /** By name: `ask`, a query; `change`, a command; `send`, a form. */
  readonly remote?: Readonly<Record<string, (event: RequestEvent) => unknown>>
}

interface FetchInput {
  readonly event: RequestEvent
  readonly request: Request
  readonly fetch: typeof fetch
}

/** What throws, from the copy of SvelteKit that is in the bundle. */
export interface Kit {
  error(status: number, message?: string): never
  redirect(status: number, location: string): never
  fail(status: number, data: object): unknown
}

export interface Built extends BuiltCopy {
  /** Starts the built server on a free port, with its own application. */
  serve(site: Site): Promise<RunningServer>
}

export async function built(app: string): Promise<Built> {
  const copy = builtCopy(app, [VITE, 'build'])
  try {
    return { ...copy, serve: await server(copy.folder) }
  } catch (error) {
    copy.remove()
    throw error
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** What adapter-node has built in a folder. */
export async function handlerOf(folder: string): Promise<Handler> {
  // Behind a proxy that says whether it has spoken TLS, as it is meant to be run. It takes https for granted otherwise.
  const { PROTOCOL_HEADER } = process.env
  process.env.PROTOCOL_HEADER = 'x-forwarded-proto'
  const { handler } = (await import(pathToFileURL(join(folder, 'build', 'handler.js')).href)) as { handler: Handler }
  if (PROTOCOL_HEADER === undefined) delete process.env.PROTOCOL_HEADER
  return (request, response) => {
    request.headers['x-forwarded-proto'] = 'http'
    handler(request, response)
  }
}

async function server(folder: string): Promise<Built['serve']> {
  const handler = await handlerOf(folder)
  const sites = new Map<string, Site>()
  Object.assign(globalThis, { sites })
  return async (site) => {
    const name = String(sites.size)
    sites.set(name, site)
    return listening(
      createServer((request, response) => {
        request.headers['x-site'] = name
        handler(request, response)
      }),
    )
  }
}
