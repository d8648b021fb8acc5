/**
 * `npm run test:nodes`: the tests that need no server, on every Node that the packages support beside the one that this
 * repository brings. Each is installed on first use, from the npm package `node`, beside our own dependencies.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { installed } from './installed.ts'
import { runTests } from './run-tests.ts'

/** The oldest release of 22 that `engines` allows needs a flag to run TypeScript, so the newest one stands for it. */
const MAJORS = [22, 26]
const PARTS = [
  'core/',
  'golden',
  'express-session/drop-in',
  'express-session/attacked',
  'express-session/coming-over',
  'passport/',
  'adapters/',
  'csrf/',
  'device-bound/',
  'figures/',
  'studio/',
  'engines/first-use',
  'engines/memory',
  'engines/model',
  'engines/options',
  'engines/sweep',
  'engines/file',
  'engines/sqlite',
  'django/backslash',
  'package',
  'testing/',
  'ws/odd-clients',
  'ws/socket-io',
  'ws/sockets',
  'ws/upgrade',
  'ws/watcher',
]

let failed = false
for (const major of MAJORS) {
  const node = nodeOf(major)
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  console.log(`== Node ${stdout.trim().slice(1)}`)
  if (!runTests(node, PARTS)) failed = true
}
process.exitCode = failed ? 1 : 0

function nodeOf(major: number): string {
  const folder = installed(`node-${major}`, [`node@${major}`], ['node'])
  return join(folder, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
}
