/**
 * `npm test`, `npm test -- engines/sqlite`, `npm test -- --test-name-pattern 'logged out'`: words without dashes choose files
 * by a part of their path, everything else goes to Node's test runner.
 */
import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { linesOf } from '../test/support/counts.ts'

const { tokens } = parseArgs({
  strict: false,
  allowPositionals: true,
  tokens: true,
  options: {
    'test-name-pattern': { type: 'string' },
    'test-skip-pattern': { type: 'string' },
  },
})
const flags: string[] = []
const words: string[] = []
for (const token of tokens) {
  if (token.kind === 'positional') words.push(token.value)
  if (token.kind === 'option') flags.push(token.value === undefined ? token.rawName : `${token.rawName}=${token.value}`)
}

const all = globSync('test/**/*.test.ts').sort()
const files = words.length === 0 ? all : all.filter((file) => words.some((word) => file.includes(word)))
if (files.length === 0) {
  console.error(`No test file has ${words.map((word) => `"${word}"`).join(' or ')} in its path.`)
  process.exit(1)
}

const folder = mkdtempSync(join(tmpdir(), 'strongroom-counts-'))
const counts = join(folder, 'counts')
const slowest = join(folder, 'slowest')

// With the cache, types are stripped only once for all files and the processes that they start.
const { NODE_COMPILE_CACHE = join(import.meta.dirname, '..', 'node_modules', '.cache', 'tests') } = process.env

// One more than there are cores, because many tests wait for a server that is paused or killed; and no more than memory has room for.
const together = Math.min(availableParallelism() + 1, 4)

// Limits for a test and for a file, so that a hanging one ends as a failure and not as a silence.
const runner = spawn(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--import=./test/support/file-limit.ts',
    '--test',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./scripts/slowest.ts',
    `--test-reporter-destination=${slowest}`,
    `--test-concurrency=${together}`,
    '--test-timeout=600000',
    ...flags,
    ...files,
  ],
  { stdio: 'inherit', env: { ...process.env, STRONGROOM_COUNTS: counts, NODE_COMPILE_CACHE } },
)
// The terminal sends SIGINT to both; the runner reports what it was doing, and its exit code is ours.
process.on('SIGINT', () => {})
runner.on('exit', (code) => {
  if (process.env.CI && existsSync(slowest)) console.log(`\nThe slowest files:\n${readFileSync(slowest, 'utf8')}`)
  for (const line of linesOf(counts)) console.log(line)
  rmSync(folder, { recursive: true, force: true })
  process.exit(code ?? 1)
})
