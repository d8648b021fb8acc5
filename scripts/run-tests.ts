import { spawnSync } from 'node:child_process'
import { root } from './packages.ts'

/**
 * Runs test files, by parts of their paths. Prints the summary of the runner and, if a test failed, what it says of the failures: all that was
 * printed would bury the failures of other runs in a log. Returns whether all passed.
 */
export function runTests(node: string, parts: readonly string[], env: NodeJS.ProcessEnv = {}): boolean {
  const { status, stdout, stderr } = spawnSync(node, ['scripts/test.ts', ...parts], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 2 ** 28,
  })
  const isSummary = (line: string) => /^ℹ (tests|pass|fail|skipped|duration_ms)/.test(line)
  const summary = stdout.split('\n').filter(isSummary).join('\n')
  const failures = stdout.indexOf('✖ failing tests:')
  if (status === 0) console.log(summary)
  else console.log(failures === -1 ? stdout + stderr : `${summary}\n\n${stdout.slice(failures)}`)
  return status === 0
}
