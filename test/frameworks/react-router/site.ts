import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoaderFunctionArgs, MiddlewareFunction } from 'react-router'
import { turns } from '../../../packages/strongroom/src/testing/adapter/gate.ts'
import { root } from '../../../scripts/packages.ts'
import { type Built, build } from './application.ts'

const DEFAULTS = join(root, 'node_modules', '@react-router', 'dev', 'dist', 'config', 'defaults')

/**
 * A root, a layout and a page in it, each with a loader, and a resource route: what they do is up to the test. Every page shows its data
 * as JSON, and whatever fails reaches the boundary of the root.
 */
const FILES = {
  'app/entry.server.jsx': `${readFileSync(join(DEFAULTS, 'entry.server.node.jsx'), 'utf8')}
    export const handleError = (error) => globalThis.given.errors.push(error)`,
  'app/routes.js': `import { layout, route } from '@react-router/dev/routes'
    export default [layout('layout.jsx', [route('page/:name?', 'page.jsx')]), route('resource', 'resource.js')]`,
  'app/root.jsx': `import { isRouteErrorResponse, Outlet } from 'react-router'
    const { given } = globalThis
    export const middleware = given.middleware
    export const loader = (args) => given.root(args)
    export const headers = () => ({ 'Cache-Control': 'public, max-age=600', 'CDN-Cache-Control': 'max-age=600' })
    export const Layout = ({ children }) => <html lang="en"><body>{children}</body></html>
    export default () => <Outlet />
    export const ErrorBoundary = ({ error }) =>
      isRouteErrorResponse(error) ? <i>{\`boundary: \${error.status} \${error.data}\`}</i> : <i>{\`boundary: \${error.message}\`}</i>`,
  'app/layout.jsx': `import { Outlet } from 'react-router'
    const { given } = globalThis
    export const middleware = given.inner
    export const loader = (args) => given.layout(args)
    export default () => <Outlet />`,
  'app/page.jsx': `import { Suspense } from 'react'
    import { Await } from 'react-router'
    const { given } = globalThis
    export const loader = (args) => given.page(args)
    export const action = (args) => given.action(args)
    export const headers = ({ loaderHeaders }) => loaderHeaders
    export default ({ loaderData, actionData }) => <>
      <b>{JSON.stringify([loaderData?.now ?? null, actionData ?? null])}</b>
      <Suspense fallback="later">
        <Await resolve={loaderData?.later} errorElement={<u>failed</u>}>{(value) => <u>{String(value)}</u>}</Await>
      </Suspense>
    </>`,
  'app/resource.js': `const { given } = globalThis
    export const loader = (args) => given.resource(args)
    export const action = (args) => given.resource(args)`,
}

export type Handle = (args: LoaderFunctionArgs) => unknown

export interface Routes {
  readonly middleware: readonly MiddlewareFunction<Response>[]
  /** Of the layout, below the root. */
  readonly inner?: readonly MiddlewareFunction<Response>[]
  readonly root?: Handle
  readonly layout?: Handle
  readonly page?: Handle
  readonly action?: Handle
  readonly resource?: Handle
}

/** What came back, and what `handleError` was called with. */
export interface Page {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly errors: readonly unknown[]
}

export interface Site {
  /** Sends a request; a body makes it a POST of a form. */
  ask(path: string, cookie?: string, init?: RequestInit): Promise<Page>
  send(request: Request): Promise<Response>
}

/** Builds the site. What it does is set later, again and again. */
export function buildSite(): { open(routes: Routes): Promise<Site>; remove(): void } {
  const built: Built = build(FILES)
  return {
    remove: built.remove,
    async open(routes) {
      const nothing = () => null
      const errors: unknown[] = []
      const handles = { inner: [], root: nothing, layout: nothing, page: nothing, action: nothing, resource: nothing }
      const send = await built.serve({ ...handles, ...routes, errors })
      return {
        send,
        async ask(path, cookie, init = {}) {
          errors.length = 0
          // Requests in one turn of the event loop may share what they read.
          await turns(1)
          const headers = { ...(cookie && { cookie }), ...(init.headers as Record<string, string>) }
          const response = await send(new Request(`http://localhost${path}`, { ...init, headers }))
          const { status } = response
          return { status, headers: response.headers, text: await response.text(), errors: [...errors] }
        },
      }
    },
  }
}

export const POST = { method: 'POST', body: new URLSearchParams({ a: '1' }) } as const

/** The cookie that a response sets; fails if it sets none, or several. */
export function cookieOf({ headers }: Pick<Page, 'headers'>): string {
  const lines = headers.getSetCookie()
  assert.equal(lines.length, 1)
  return (lines[0] as string).split(';')[0] as string
}
