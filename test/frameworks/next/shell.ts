import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { NextFetchEvent, NextRequest } from 'next/server.js'
import type { RunningServer } from '../../../packages/strongroom/src/testing/index.ts'
import { root } from '../../../scripts/packages.ts'
import { listening } from '../../adapters/serve.ts'
import { ran } from '../../bundlers/program.ts'
import { next } from './adapter.ts'

/** What the built application calls, in this process: a test fills it with handlers that the adapter has wrapped. */
export interface Shell {
  /** Every path that is no page. */
  route(request: NextRequest, context: { params: Promise<{ path: string[] }> }): Promise<Response>
  /** `/page/NAME`: a layout around a page, both of which may ask for the session, and a form for each action. */
  layout(): unknown
  page(name: string): unknown
  /** What the form of `/page/NAME` calls. */
  action(name: string, form: FormData): Promise<unknown>
  proxy(request: NextRequest, event: NextFetchEvent): unknown
}

const FILES: Readonly<Record<string, string>> = {
  'package.json': '{ "name": "shell", "private": true, "type": "module" }',
  'next.config.mjs': `export default { turbopack: { root: '/' }, compress: false, experimental: { authInterrupts: true } }`,
  'shell.js': `export const shell = () => globalThis[Symbol.for('strongroom.test.next')]`,
  'proxy.js': `import { NextResponse } from 'next/server'
    import { shell } from './shell.js'
    export const proxy = (request, event) => shell().proxy(request, event) ?? NextResponse.next()`,
  'app/layout.jsx': 'export default ({ children }) => <html><body>{children}</body></html>',
  'app/[...path]/route.js': `import { shell } from '../../shell.js'
    const route = (request, context) => shell().route(request, context)
    export { route as GET, route as HEAD, route as POST, route as PUT, route as PATCH, route as DELETE, route as OPTIONS }`,
  'app/static-route/route.js': `import { shell } from '../../shell.js'
    export const dynamic = 'force-static'
    export const GET = (request, context) => shell()?.route(request, context) ?? new Response('built')`,
  'app/static/page.jsx': 'export default () => <p>the same for all</p>',
  'app/forced/page.jsx': `import { shell } from '../../shell.js'
    export const dynamic = 'force-static'
    export default async () => <p>{String(await shell()?.page('forced'))}</p>
    export const revalidate = 1`,
  'app/page/[name]/layout.jsx': `import { shell } from '../../../shell.js'
    export default async ({ children }) => <main><header>layout: {String(await shell().layout())}</header>{children}</main>`,
  'app/page/[name]/page.jsx': `import { headers } from 'next/headers'
    import { act } from '../../act.js'
    import { shell } from '../../../shell.js'
    export const generateMetadata = async () => ({ title: String(await (await headers(), shell().layout())) })
    export default async ({ params }) => {
      const { name } = await params
      return <form action={act.bind(null, name)}><p>page: {String(await shell().page(name))}</p><button>Act</button></form>
    }`,
  'app/page/[name]/error.jsx': `'use client'
    export default ({ error }) => <p>error.jsx: {error.digest}</p>`,
  'app/act.js': `'use server'
    import { shell } from '../shell.js'
    export const act = async (name, form) => { await shell().action(name, form) }`,
  'app/cached/page.jsx': `import { unstable_cache } from 'next/cache'
    import { shell } from '../../shell.js'
    export const dynamic = 'force-dynamic'
    export default async () => <p>{String(await unstable_cache(() => shell().page('cached'), [String(Math.random())])())}</p>`,
}

const KEY = Symbol.for('strongroom.test.next')

/** Calls those of a test, and does nothing for the others. */
export function install(shell: Partial<Shell>): void {
  const nothing: Shell = {
    route: async () => new Response('nothing here', { status: 404 }),
    layout: () => '',
    page: () => '',
    action: async () => undefined,
    proxy: () => undefined,
  }
  ;(globalThis as { [KEY]?: Shell })[KEY] = { ...nothing, ...shell }
}

export interface BuiltShell {
  listen(): Promise<RunningServer>
  remove(): Promise<void>
}

/** Builds the application outside of this repository, and prepares it in this process, for production. */
export async function builtShell(): Promise<BuiltShell> {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-next-'))
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    for (const [file, text] of Object.entries(FILES)) write(file, text)
    mkdirSync(join(folder, 'node_modules'))
    for (const name of ['next', 'react', 'react-dom'])
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'junction')
    ran(folder, [join('node_modules', 'next', 'dist', 'bin', 'next'), 'build'])
    const app = next({ dev: false, dir: folder })
    await app.prepare()
    const handle = app.getRequestHandler()
    return {
      listen: () =>
        listening(
          createServer((request, response) => {
            withoutNextsVary(response)
            void handle(request, response)
          }),
        ),
      async remove() {
        await app.close()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

/** Next says of every response that it differs by headers of Next's own, which is not what these tests are about. */
function withoutNextsVary(response: ServerResponse): void {
  const { writeHead } = response
  response.writeHead = function (this: ServerResponse, ...args: Parameters<typeof writeHead>) {
    const names = [this.getHeader('vary') ?? []].flat().flatMap((line) => String(line).split(/,\s*/))
    const own = names.filter((name) => !/^(rsc|next-.+)$/i.test(name))
    if (own.length > 0) this.setHeader('vary', own.join(', '))
    else this.removeHeader('vary')
    return writeHead.apply(this, args)
  } as typeof writeHead
}
