import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NONE, RIGHT, WRONG } from './wrong-adapters.ts'

const MAIN = fileURLToPath(new URL('./wrong-adapters.ts', import.meta.url))

interface Results {
  readonly passed: readonly string[]
  readonly failed: readonly string[]
  /** With the reasons. */
  readonly skipped: readonly string[]
}

/** What the part about forged requests says of each adapter, over one backing. */
async function results(): Promise<ReadonlyMap<string, Results>> {
  const args = ['--test-reporter=tap', '--test-name-pattern=over memory, none csrf: ', MAIN]
  // Otherwise it would report to this process in a format of its own.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  const output = await text(child.stdout)
  const [, ...parts] = output.split(/^# Subtest: (.*) is an adapter$/m)
  return new Map(parts.flatMap((name, at) => (at % 2 === 0 ? [[name, resultsIn(parts[at + 1] ?? '')]] : [])))
}

function resultsIn(output: string): Results {
  const found = [...output.matchAll(/^ *(not )?ok \d+ - csrf: (.*?)(?: # SKIP (.*))?$/gm)]
  const titles = (of: (match: RegExpMatchArray) => boolean) => found.filter(of).map(([, , title = '']) => title)
  return {
    passed: titles(([, not, , reason]) => !not && reason === undefined),
    failed: titles(([, not]) => not !== undefined),
    skipped: found.flatMap(([, , , reason]) => reason ?? []),
  }
}

/** A property that each of them breaks. */
const BREAKS: Readonly<Record<string, RegExp>> = {
  'without a check': /another site is refused/,
  'that checks after the handler': /another site is refused/,
  'that does not wait for the check': /another site is refused/,
  'that responds as to any error': /another site is refused/,
  'that ignores the options': /the options reach the check/,
  'that finds no token in a form': /needs the token/,
  'that takes every method for one that changes something': /a safe method is never refused/,
  'that checks a POST alone': /another site is refused/,
  'that believes X-Forwarded-Host': /headers of a proxy/,
  'that believes X-Forwarded-Proto': /headers of a proxy/,
  'that knows no Host': /own site passes/,
  'that hides Sec-Fetch-Site': /another site is refused/,
  'that hides the Origin': /another site is refused/,
  'that hides the Referer': /another site is refused/,
  'that hides the cookie': /needs the token/,
  'that takes an outage for a forged request': /a store that is down/,
}

suite('adapterSuite, on forged requests', () => {
  let all: ReadonlyMap<string, Results>
  before(async () => {
    all = await results()
  })
  const resultsOf = (name: string) => all.get(name) ?? assert.fail(`nothing is said of an adapter ${name}`)

  for (const name of RIGHT)
    test(`passes an adapter ${name}`, () => {
      const { passed, failed, skipped } = resultsOf(name)
      assert.equal(passed.length, 10)
      assert.deepEqual([failed, skipped], [[], []])
    })

  test('says of an adapter without a check that it does not protect forms, and passes nothing', () => {
    const { passed, failed, skipped } = resultsOf(NONE)
    assert.deepEqual([passed, failed], [[], []])
    assert.equal(skipped.length, 10)
    for (const reason of skipped) assert.match(reason, /no csrf\(\): it does not protect forms/)
  })

  test('has a mistake to find in each property', () => assert.deepEqual(Object.keys(BREAKS), WRONG))

  for (const name of WRONG)
    test(`fails an adapter ${name}`, () => {
      const { failed } = resultsOf(name)
      const broken = BREAKS[name] ?? assert.fail()
      assert.ok(
        failed.some((title) => broken.test(title)),
        `failed: ${failed.join('; ')}`,
      )
    })
})
