import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite, test } from 'node:test'
import { root } from '../../scripts/packages.ts'
import { bundled } from './bundle.ts'
import type { Outcome } from './collect.ts'
import { SERVERS } from './servers.ts'
import type { Runtime } from './table.ts'

/** Without `sodium-native`, which most applications do not have. */
const PACKAGES = ['@hono/node-server', 'cookie', 'express', 'hono', 'ioredis', 'mysql2', 'pg', 'redis']

/** So long one suite may take, in ms. */
const LONGEST = 240_000

type Path = readonly string[]

/** What became of a suite in another runtime. */
export interface Report {
  readonly title: string
  /** Why it was not run, if it was not. */
  readonly skip: string | false
  readonly outcomes: readonly Outcome[]
  /** What was wrong if it has not come to its end. */
  readonly problem: string | null
  /** The tests that the suite has in Node. */
  readonly expected: readonly Path[]
}

/** Runs every suite that the runtime is to pass, each in a process of that runtime, and reports each of its tests. */
export async function runtimeSuite(
  { name, suites, cipher, sodium }: Runtime,
  command: readonly string[],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-runtime-'))
  const install = (name: string) => {
    const path = join(folder, 'node_modules', name)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), path, 'junction')
  }
  try {
    for (const name of PACKAGES) install(name)
    const program = join(folder, 'program.mjs')
    await bundled('program.ts', program)
    const inNode = (...args: readonly string[]) => linesOf([process.execPath, program, ...args])
    const there = (args: readonly string[], env?: NodeJS.ProcessEnv) => linesOf([...command, program, ...args], env)

    const reports: Report[] = []
    for (const suite of suites) {
      const title = `${suite} on ${name}`
      const server = SERVERS[suite]
      if (server?.skip) {
        reports.push({ title, skip: server.skip, outcomes: [], problem: null, expected: [] })
        continue
      }
      const running = await server?.start()
      const variables = running ? { [`STRONGROOM_${suite.toUpperCase()}`]: running.address } : {}
      const { lines, problem } = await there(['run', suite], variables).finally(() => running?.stop())
      const expected = (await inNode('list', suite)).lines as readonly Path[]
      reports.push({ title, skip: false, outcomes: lines as readonly Outcome[], problem, expected })
    }
    const without = await there(['facts'])
    install('sodium-native')
    const installed = await there(['facts'])

    // Only now: Node runs the hooks at the end of a file as soon as the tests that it knows of are over.
    for (const report of reports) reported(report)
    test(`${name} seals by its node:crypto, and by sodium-native where that is installed`, () => {
      assert.deepEqual(without.lines, [{ cipher, crypto: 'node' }], without.problem ?? '')
      const better = sodium ? { cipher: 'chacha20-poly1305', crypto: 'sodium' } : { cipher, crypto: 'node' }
      assert.deepEqual(installed.lines, [better], installed.problem ?? '')
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One test for each outcome, under the titles that it has there; and one that none is missing. */
export function reported({ title, skip, outcomes, problem, expected }: Report): void {
  suite(title, { skip }, () => {
    test('runs to its end, with every test that it has in Node', () => {
      assert.equal(problem, null, problem ?? '')
      assert.ok(expected.length > 0)
      assert.deepEqual(
        outcomes.map(({ path }) => path),
        expected,
      )
    })
    reportEach(outcomes, 0)
  })
}

function reportEach(outcomes: readonly Outcome[], depth: number): void {
  const suites = new Map<string, Outcome[]>()
  for (const one of outcomes) {
    const { path, outcome, why = '' } = one
    const name = path[depth] ?? ''
    if (path.length > depth + 1) suites.set(name, [...(suites.get(name) ?? []), one])
    else test(name, { skip: outcome === 'skipped' && why }, () => assert.equal(outcome, 'passed', why))
  }
  for (const [name, inside] of suites) suite(name, () => reportEach(inside, depth + 1))
}

/** What a program prints, as lines of JSON, and what was wrong if it has not ended well. */
async function linesOf([command = '', ...args]: readonly string[], variables: NodeJS.ProcessEnv = {}) {
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, NODE_ENV: ___, ...env } = process.env
  const child = spawn(command, args, { env: { ...env, ...variables }, stdio: ['ignore', 'pipe', 'pipe'] })
  let [printed, complaints] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaints += text
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST)
  const [code, signal] = await once(child, 'close')
  clearTimeout(timer)
  const lines = printed.split('\n').filter((line) => /^[{[]/.test(line))
  return {
    lines: lines.map((line): unknown => JSON.parse(line)),
    problem: code === 0 ? null : `It ended with ${signal ?? code}.\n${complaints.slice(-4000)}`,
  }
}
