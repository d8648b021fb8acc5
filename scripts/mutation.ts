/**
 * `npm run mutation` tests the tests. It applies one deliberate mistake at a time to a copy of the sources, runs the suite that
 * should notice it, and prints a table. A mutation that survives is a hole in the suite: the exit code is then 1.
 * `npm run mutation -- sqlite touch` runs only those whose title or file contains one of the words.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Table from 'cli-table3'
import { copyRepository } from './mutation/copy.ts'
import { mutations } from './mutation/list.ts'
import type { Mutation } from './mutation/mutation.ts'

const words = process.argv.slice(2).map((word) => word.toLowerCase())
const chosen = mutations.filter(
  ({ title, file }) => words.length === 0 || words.some((word) => `${title} ${file}`.toLowerCase().includes(word)),
)
// Nothing that survives would look like success.
if (chosen.length === 0) {
  console.error(
    `No mutation has ${words.map((word) => `"${word}"`).join(' or ')} in its title or in the name of its file.`,
  )
  process.exit(1)
}

const copy = copyRepository()
process.on('exit', () => rmSync(copy, { recursive: true, force: true }))

const LIMIT = 120_000

/** A failed test in TAP. The first one is the innermost, because a suite is reported after its tests. */
const FAILED = /^ *not ok \d+ - (.*)\n/m

/** The result of a test in TAP. A file that cannot be loaded, or crashes, is reported as a test with the name of the file. */
const RESULT = /^ *(?:not )?ok \d+ - (.*)\n/gm

/**
 * Runs a suite in the copy until a test fails. Resolves to the title of that test, or to null when all of them passed. Rejects
 * when no test ran: such a failure says nothing about the tests.
 */
async function run(suite: string, what: string): Promise<string | null> {
  const args = ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=tap', '--test-timeout=30000', suite]
  // In a process group of its own, because a mutation may make the suite hang together with the processes it started.
  const child = spawn(process.execPath, args, { cwd: copy, stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  const end = () => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL')
    } catch {}
  }
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
    if (FAILED.test(output)) end()
  })
  const timer = setTimeout(end, LIMIT)
  child.on('exit', end)
  const [code, signal] = await once(child, 'close')
  clearTimeout(timer)
  const failed = FAILED.exec(output)?.[1]
  if (failed === undefined && signal) return 'the suite did not end'
  if (![...output.matchAll(RESULT)].some(([, title]) => title !== suite)) throw new Error(`${what} does not run.`)
  return code === 0 ? null : (failed ?? 'the suite crashed')
}

/** Applies a mutation to the copy. Returns what undoes it. */
function apply({ title, file, find, replace }: Mutation): () => void {
  const path = join(copy, file)
  const source = readFileSync(path, 'utf8')
  // A mutation that no longer fits the sources would change nothing, or something else than its title says.
  if (source.split(find).length !== 2)
    throw new Error(`The mutation "${title}" fits ${file} ${source.split(find).length - 1} times instead of once.`)
  writeFileSync(
    path,
    source.replace(find, () => replace),
  )
  return () => writeFileSync(path, source)
}

for (const mutation of chosen) apply(mutation)()
for (const suite of new Set(chosen.map(({ suite }) => suite))) {
  const failed = await run(suite, suite)
  if (failed !== null) throw new Error(`${suite} fails without any mutation: ${failed}`)
}

const table = new Table({
  head: ['', 'mutation', 'file', 'killed by'],
  style: { head: [], border: [] },
  colWidths: [5, 52, 44, 60],
  wordWrap: true,
})
let survived = 0
for (const [index, mutation] of chosen.entries()) {
  const undo = apply(mutation)
  const failed = await run(mutation.suite, `The mutation "${mutation.title}"`)
  undo()
  if (failed === null) survived++
  console.error(`${index + 1}/${chosen.length} ${failed === null ? 'SURVIVED' : 'killed'} ${mutation.title}`)
  table.push([index + 1, mutation.title, mutation.file.replace(/^packages\/(\w+)\/src\//, '$1/'), failed ?? 'NO TEST'])
}
console.log(table.toString())
console.log(`${chosen.length - survived} of ${chosen.length} mutations were killed.`)
process.exitCode = survived === 0 ? 0 : 1
