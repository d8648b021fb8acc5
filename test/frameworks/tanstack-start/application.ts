import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ran } from '../../bundlers/program.ts'
import { type Application, writeApplication } from '../project.ts'

type Fetch = (request: Request, ...rest: never[]) => Response | Promise<Response>

/** Builds the application in a folder. Fails with what was printed. */
export const buildIn = (folder: string): string =>
  ran(folder, [join('node_modules', 'vite', 'bin', 'vite.js'), 'build'])

/** In this repository, another version of cookie-es is where an application finds the one of Start. */
export const CONFIG = `import { tanstackStart } from '@tanstack/react-start/plugin/vite'
  export default { plugins: [tanstackStart()], oxc: { jsx: { runtime: 'automatic' } }, ssr: { noExternal: ['cookie-es'] } }`

/** What every application has. */
export const BASE = {
  'package.json': JSON.stringify({ private: true, type: 'module' }),
  'vite.config.js': CONFIG,
  'src/router.jsx': `import { createRouter } from '@tanstack/react-router'
    import { routeTree } from './routeTree.gen'
    export const getRouter = () => createRouter({ routeTree })`,
  'src/routes/__root.jsx': `import { createRootRoute, Outlet, Scripts } from '@tanstack/react-router'
    export const Route = createRootRoute({
      shellComponent: ({ children }) => <html lang="en"><body>{children}<Scripts /></body></html>,
      component: () => <Outlet />,
      notFoundComponent: () => <p>not found</p>,
    })`,
}

/** The entry of a server whose test says what is around it. */
export const GIVEN_SERVER = {
  'src/server.js': `import handler, { createServerEntry } from '@tanstack/react-start/server-entry'
    export default createServerEntry({
      fetch(request, options) {
        const { given } = globalThis
        given.fetch ??= given.wrap(handler.fetch)
        return given.fetch(request, options)
      },
    })`,
}

/** What the test gives to the application, which is built before the test knows it. Modules find it in `globalThis.given`. */
export interface Given {
  readonly wrap: (fetch: Fetch) => Fetch
  readonly [name: string]: unknown
}

export interface Built extends Application {
  /** From now on, the application has this. */
  give(given: Given): Promise<(request: Request) => Promise<Response>>
}

export function build(files: Readonly<Record<string, string>>): Built {
  const application = writeApplication({ ...BASE, ...files })
  try {
    buildIn(application.folder)
  } catch (error) {
    application.remove()
    throw error
  }
  return { ...application, give: (given) => give(application, given) }
}

async function give({ folder }: Application, given: Given) {
  Object.assign(globalThis, { given })
  // Evaluated once: its parts import each other without the number by which a module could be loaded again.
  const { default: entry } = await import(pathToFileURL(join(folder, 'dist/server/server.js')).href)
  return entry.fetch as (request: Request) => Promise<Response>
}
