import { spawnSync } from 'node:child_process'
import { root } from './packages.ts'

/** Runs test files, by parts of their paths. Prints the summary of the runner and, if a test failed, all that it printed. Returns whether all passed. */
export function runTests(node: string, parts: readonly string[], env: NodeJS.ProcessEnv = {}): boolean {
  const { status, stdout, stderr } = spawnSync(node, ['scripts/test.ts', ...parts], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 2 ** 28,
  })
  const isSummary = (line: string) => /^ℹ (tests|pass|fail|skipped|duration_ms)/.test(line)
  console.log(status === 0 ? stdout.split('\n').filter(isSummary).join('\n') : stdout + stderr)
  return status === 0
}
