import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { RIGHT, WRONG_CURRENT } from './wrong-adapters.ts'

const MAIN = fileURLToPath(new URL('./wrong-adapters.ts', import.meta.url))

/** What the part about the current session says of each adapter, over one backing: titles, by whether they passed. */
async function results(): Promise<ReadonlyMap<string, { passed: string[]; failed: string[] }>> {
  const args = [
    '--test-reporter=tap',
    '--test-name-pattern=over memory, none .*(current\\(\\)|left for the next)',
    MAIN,
  ]
  // Otherwise it would report to this process in a format of its own.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  const [, ...parts] = (await text(child.stdout)).split(/^# Subtest: (.*) is an adapter$/m)
  const found = new Map<string, { passed: string[]; failed: string[] }>()
  for (let at = 0; at < parts.length; at += 2) {
    const titles = [...(parts[at + 1] ?? '').matchAll(/^ {8}(not )?ok \d+ - (.*?)$/gm)]
    const of = (failed: boolean) =>
      titles.flatMap(([, not, title = '']) => ((not !== undefined) === failed ? [title] : []))
    found.set(parts[at] ?? '', { passed: of(false), failed: of(true) })
  }
  return found
}

/** A property that each of them breaks. */
const BREAKS: Readonly<Record<string, RegExp>> = {
  'that never says whose work it is': /the session that get\(\) resolves to/,
  'that stays in its first request': /parallel requests apart/,
  'that forgets whose work it is while it reads a form': /form has been read/,
}

suite('adapterSuite, on the current session', () => {
  let all: Awaited<ReturnType<typeof results>>
  before(async () => {
    all = await results()
  })
  const resultsOf = (name: string) => all.get(name) ?? assert.fail(`nothing is said of an adapter ${name}`)

  test('passes an adapter that is right', () => {
    const { passed, failed } = resultsOf(RIGHT[0])
    assert.deepEqual(failed, [])
    assert.equal(passed.length, 7)
  })

  test('has a mistake to find in each property', () => assert.deepEqual(Object.keys(BREAKS), WRONG_CURRENT))

  for (const name of WRONG_CURRENT)
    test(`fails an adapter ${name}`, () => {
      const { failed } = resultsOf(name)
      const broken = BREAKS[name] ?? assert.fail()
      assert.ok(
        failed.some((title) => broken.test(title)),
        `failed: ${failed.join('; ')}`,
      )
    })
})
