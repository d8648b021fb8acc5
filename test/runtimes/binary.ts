import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/packages.ts'

/**
 * The first of these files below node_modules that runs. An npm package of a runtime has the binary in a package for each system, and
 * moves it from there when its install script is allowed to run.
 */
export function binaryOf(...patterns: readonly string[]): string {
  const found = globSync(
    patterns.map((pattern) => `node_modules/${pattern}`),
    { cwd: root },
  ).map((file) => join(root, file))
  const works = found.find((file) => spawnSync(file, ['--version']).status === 0)
  if (works === undefined) throw new Error(`None of ${patterns.join(', ')} runs here: install the dependencies.`)
  return works
}
