// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const missing = on('test/engines/missing-drivers.test.ts', 'packages/strongroom/src/engines/shared/load-driver.ts')

/** Of how the packed library is used: bundled, compiled, handed a request that it did not make. */
export const usageMutations: readonly Mutation[] = [
  missing('a driver that is missing from a Worker, in words that nobody understands', '|no such module|', '|'),
  missing(
    'a dependency that a driver lacks, taken for the driver',
    'missing?.startsWith(`${name}/`)',
    'missing?.startsWith(name)',
  ),
  on('test/engines/missing-drivers.test.ts', 'packages/strongroom/src/errors.ts')(
    'errors that a minified bundle renames',
    "Object.defineProperty(prototype, 'name', { value, configurable: true, writable: true })",
    'void [prototype, value]',
  ),
]
