import { join } from 'node:path'
import { createRequestHandler, type MiddlewareFunction, type ServerBuild } from 'react-router'
import { ran } from '../../bundlers/program.ts'
import { type Application, writeApplication } from '../project.ts'

/** Builds the application in a folder. Fails with what was printed. */
export const buildIn = (folder: string): string =>
  ran(folder, [join('node_modules', '@react-router', 'dev', 'bin.cjs'), 'build'])

const dependencies = Object.fromEntries(
  ['react', 'react-dom', 'react-router', '@react-router/node', 'isbot'].map((name) => [name, '*']),
)

/** What every application has. */
export const BASE = {
  'package.json': JSON.stringify({ private: true, type: 'module', dependencies }),
  'vite.config.js': `import { reactRouter } from '@react-router/dev/vite'
    export default { plugins: [reactRouter()] }`,
}

/** What the test gives to the application, which is built before the test knows it. */
export interface Given {
  readonly middleware: readonly MiddlewareFunction<Response>[]
  readonly [name: string]: unknown
}

export interface Built extends Application {
  /** A server of this application: with a build of its own, so that it keeps what it was given. */
  serve(given: Given): Promise<(request: Request) => Promise<Response>>
}

/** Builds an application whose modules find what the test gives them in `globalThis.given`. */
export function build(files: Readonly<Record<string, string>>): Built {
  const application = writeApplication({ ...BASE, ...files })
  try {
    buildIn(application.folder)
  } catch (error) {
    application.remove()
    throw error
  }
  return {
    ...application,
    async serve(given) {
      Object.assign(globalThis, { given })
      const handler = createRequestHandler(await application.load<ServerBuild>('build/server/index.js'), 'production')
      return (request) => handler(request)
    },
  }
}
