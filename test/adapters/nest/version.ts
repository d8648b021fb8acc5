import assert from 'node:assert/strict'
import { createRequire, registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { installed } from '../../../scripts/installed.ts'

/** The last two are only here: tests of what they do need one version. */
const PACKAGES = ['common', 'core', 'platform-express', 'platform-fastify', 'microservices', 'testing']

/** Where Nest 11 is; this repository has Nest 12. */
export const nest11 = (): string =>
  installed(
    'nest-11',
    PACKAGES.map((name) => `@nestjs/${name}@11`),
  )

const OF_NEST = /^(?:@nestjs\/|rxjs$|rxjs\/|reflect-metadata$|express$|fastify$)/

/** From now on, what this process imports of Nest is of version 11, for the sources of the adapter, too. */
export function useNest11(): void {
  const folder = nest11()
  // What is missing there would be found further up, which is Nest 12.
  const { version } = createRequire(join(folder, 'main.js'))('@nestjs/core/package.json')
  assert.match(version, /^11\./)
  const inside = pathToFileURL(join(folder, '/')).href
  registerHooks({
    resolve(specifier, context, next) {
      const redirected = OF_NEST.test(specifier) && !context.parentURL?.startsWith(inside)
      return next(specifier, redirected ? { ...context, parentURL: `${inside}main.js` } : context)
    },
  })
}
