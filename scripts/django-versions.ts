/**
 * `npm run test:djangos`: the tests of the bridge with a newer Django beside Debian's, which `npm test` uses. pip installs it on first
 * use, beside our own dependencies. Debian's Python runs it, with Debian's drivers.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './packages.ts'
import { runTests } from './run-tests.ts'

const VERSIONS = ['5.2']
/** Debian's Python may have no pip. Wheels of Python alone are the same for each. */
const PIPS = [['/usr/bin/python3', '-m', 'pip'], ['pip3'], ['pip']] as const

let failed = false
for (const version of VERSIONS) {
  console.log(`== Django ${version}`)
  const folder = join(root, 'node_modules', '.djangos', version)
  const problem = existsSync(folder) ? null : install(version, folder)
  if (problem !== null) {
    console.log(`Skipped: pip could not install it. Enable it with: pip install 'django~=${version}.0'\n${problem}`)
    continue
  }
  if (!runTests(process.execPath, ['test/django/'], { PYTHONPATH: folder })) failed = true
}
process.exitCode = failed ? 1 : 0

/** Returns what pip said when it could not. */
function install(version: string, folder: string): string | null {
  let problem = 'There is no pip.'
  for (const [program, ...args] of PIPS) {
    const packages = ['--no-deps', `django~=${version}.0`, 'asgiref>=3.8.1', 'sqlparse>=0.3.1']
    const run = spawnSync(program, [...args, 'install', '--quiet', '--target', folder, ...packages], {
      encoding: 'utf8',
    })
    if (run.status === 0) return null
    // A part of it would be taken for the whole the next time.
    rmSync(folder, { recursive: true, force: true })
    if (run.stderr) problem = run.stderr.trim().split('\n').slice(-2).join('\n')
  }
  return problem
}
