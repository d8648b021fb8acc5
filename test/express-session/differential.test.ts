import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { SessionOptions } from 'express-session'
import fc from 'fast-check'
import dropIn from '../../packages/strongroom/src/express-session/session.ts'
import { cases } from './differential/cases.ts'
import { EXCEPTIONS, type Exception } from './differential/exceptions.ts'
import { applications } from './differential/random.ts'
import { type Case, type SessionFunction, seenBy } from './differential/run.ts'

// Its warnings about options that are left out, which some cases do.
process.env.NO_DEPRECATION = 'express-session'
const { default: expressSession } = await import('express-session')
const ours: SessionFunction = (options: SessionOptions) => dropIn(options as Parameters<typeof dropIn>[0])

const known = Object.entries(EXCEPTIONS)
const all = known.flatMap(([, list]) => list)
const used = new Set<Exception>()

/** Of two maps, what is not the same, and no exception. */
async function differences(given: Case): Promise<string[]> {
  const real = await seenBy(expressSession as SessionFunction, given)
  const found = await seenBy(ours, given)
  assert.deepEqual([...found.keys()], [...real.keys()])
  return [...real].flatMap(([at, expected]) => {
    const actual = found.get(at) ?? ''
    if (actual === expected) return []
    const fits = all.filter(
      (each) => each.cases.test(given.title) && each.at.test(at) && each.real.test(expected) && each.ours.test(actual),
    )
    for (const each of fits) used.add(each)
    return fits.length > 0 ? [] : [`${at}\n  express-session: ${expected}\n  ours:            ${actual}`]
  })
}

/** Without the set of options, in brackets. */
const titleOf = ({ title }: Case) => title.replace(/ \((?:nothing set|[\w, ]+)\)$/, '')
const groups = new Map(cases.map((each) => [titleOf(each), cases.filter((other) => titleOf(other) === titleOf(each))]))

suite('an Express application notices no difference between express-session and the drop-in', {
  timeout: 120_000,
}, () => {
  for (const [title, members] of groups)
    test(title, async () => {
      for (const each of members) assert.deepEqual(await differences(each), [], each.title)
    })

  test('whatever it does with its session, in any order', async () => {
    await fc.assert(
      fc.asyncProperty(applications, async (given) => {
        assert.deepEqual(await differences(given), [])
      }),
      { numRuns: 100 },
    )
  })

  test('but for the documented exceptions, each of which there is', () => {
    const unused = known.flatMap(([reason, list]) =>
      list.filter((each) => !used.has(each)).map(({ at }) => `${reason} ${at}`),
    )
    assert.deepEqual(unused, [])
  })
})
