import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { APIContext, AstroGlobal } from 'astro'
import type { RunningServer } from '../../../packages/strongroom/src/testing/index.ts'
import { root } from '../../../scripts/packages.ts'
import { listening } from '../../adapters/serve.ts'
import { type BuiltCopy, builtCopy } from '../project.ts'

export const ASTRO = join(root, 'node_modules', 'astro', 'bin', 'astro.mjs')

/** What the built application runs: its middleware and its pages look here for what a test has handed over. */
export interface Site {
  readonly middleware: readonly unknown[]
  readonly respond?: (context: APIContext) => Response | Promise<Response>
  readonly page?: (Astro: AstroGlobal) => unknown
  readonly layout?: (Astro: AstroGlobal) => unknown
  readonly part?: (Astro: AstroGlobal) => unknown
  readonly island?: (Astro: AstroGlobal) => unknown
  readonly rewritten?: (Astro: AstroGlobal) => unknown
  readonly notFound?: (Astro: AstroGlobal) => unknown
  readonly failed?: (Astro: AstroGlobal) => unknown
  /** Of the two actions: `change`, of a form, and `ask`. */
  readonly action?: (context: Pick<APIContext, 'request' | 'url' | 'locals'>, ActionError: ActionErrorClass) => unknown
  /** What the server hands to Astro as locals. */
  readonly locals?: object
}

/** From the copy of Astro that is in the bundle. */
type ActionErrorClass = new (given: { readonly code: string; readonly message?: string }) => Error

export interface Built extends BuiltCopy {
  /** Starts the built server on a free port, with its own application. */
  serve(site: Site): Promise<RunningServer>
}

export async function built(app: string, variables: Readonly<Record<string, string>> = {}): Promise<Built> {
  const copy = builtCopy(app, [ASTRO, 'build'], variables)
  try {
    return { ...copy, serve: await server(copy.folder) }
  } catch (error) {
    copy.remove()
    throw error
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse, next: undefined, locals: object) => void

async function server(folder: string): Promise<Built['serve']> {
  const entry = pathToFileURL(join(folder, 'dist', 'server', 'entry.mjs')).href
  const { handler } = (await import(entry)) as { handler: Handler }
  const sites = new Map<string, Site>()
  Object.assign(globalThis, { sites })
  return async (site) => {
    const name = String(sites.size)
    sites.set(name, site)
    return listening(
      createServer((request, response) => {
        Object.assign(request.headers, { 'x-site': name })
        handler(request, response, undefined, site.locals ?? {})
      }),
    )
  }
}
