/**
 * `npm run faults`: proves the public suites. Plants one deliberate fault at a time in a copy of the sources, runs the suite
 * that should notice, and prints a table. A fault that no test notices is a hole in the suite: the exit code is then 1.
 * `npm run faults -- sqlite touch` plants only those whose title or file has one of the words.
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import Table from 'cli-table3'
import { type Fault, faults } from './mutation/list.ts'

const root = resolve(import.meta.dirname, '..')
const copy = mkdtempSync(join(tmpdir(), 'strongroom-faults-'))
process.on('exit', () => rmSync(copy, { recursive: true, force: true }))
for (const name of ['src', 'test', 'scripts', 'package.json', 'tsconfig.json'])
  cpSync(join(root, name), join(copy, name), { recursive: true })
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))

const words = process.argv.slice(2).map((word) => word.toLowerCase())
const chosen = faults.filter(
  ({ title, file }) => words.length === 0 || words.some((word) => `${title} ${file}`.toLowerCase().includes(word)),
)

const LIMIT = 120_000

/** Runs a suite in the copy; the title of the first test that failed, `null` when all passed. */
function run(suite: string): Promise<string | null> {
  const args = ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=tap', '--test-timeout=30000', suite]
  // A group of its own: a fault may make a suite hang, and the processes that it started with it.
  const child = spawn(process.execPath, args, { cwd: copy, stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  const end = () => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL')
    } catch {}
  }
  const timer = setTimeout(end, LIMIT)
  return new Promise((done) => {
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      end()
      done(code === 0 ? null : firstFailure(output, signal))
    })
  })
}

/** The innermost failing test, for "memory › deadlines" says less than the property that was broken. */
function firstFailure(output: string, signal: string | null): string {
  const failed = [...output.matchAll(/^( *)not ok \d+ - (.*)$/gm)]
  const innermost = failed.sort((a, b) => (b[1] ?? '').length - (a[1] ?? '').length)[0]
  return innermost?.[2] ?? (signal ? 'the suite did not end' : 'the suite crashed')
}

function plant({ title, file, find, replace }: Fault): () => void {
  const path = join(copy, file)
  const source = readFileSync(path, 'utf8')
  // A list that no longer fits the sources would "prove" whatever one likes.
  if (source.split(find).length !== 2)
    throw new Error(`The fault "${title}" fits ${file} ${source.split(find).length - 1} times instead of once.`)
  writeFileSync(
    path,
    source.replace(find, () => replace),
  )
  return () => writeFileSync(path, source)
}

for (const fault of chosen) plant(fault)()
for (const suite of new Set(chosen.map(({ suite }) => suite))) {
  const failed = await run(suite)
  if (failed !== null) throw new Error(`${suite} fails without any fault: ${failed}`)
}

const table = new Table({
  head: ['', 'fault', 'planted in', 'noticed by'],
  style: { head: [], border: [] },
  colWidths: [3, 52, 30, 66],
  wordWrap: true,
})
let missed = 0
for (const [index, fault] of chosen.entries()) {
  const mend = plant(fault)
  const noticed = await run(fault.suite)
  mend()
  if (noticed === null) missed++
  console.error(`${index + 1}/${chosen.length} ${noticed === null ? 'MISSED ' : 'noticed'} ${fault.title}`)
  table.push([index + 1, fault.title, fault.file.replace('src/', ''), noticed ?? 'NOBODY'])
}
console.log(table.toString())
console.log(`${chosen.length - missed} of ${chosen.length} faults were noticed.`)
process.exitCode = missed === 0 ? 0 : 1
