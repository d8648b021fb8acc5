import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { check, type Failure, reportOf } from './checker/check.ts'
import { isKnown, isSeenBy, KNOWN } from './checker/known.ts'
import { inCookies, inMemory, oneByOne, onOneNode, onTwoCaches } from './checker/places.ts'
import { CHOSEN } from './checker/plans.ts'

/** The switches that are needed to show a weakness are few. */
const PLACES = {
  'in memory': { open: inMemory, preemptions: 3, most: 200 },
  'where an index is read first': { open: oneByOne, preemptions: 3, most: 60 },
  'on two nodes with caches of their own': { open: onTwoCaches, preemptions: 2, most: 20 },
  'on one node, to which answers come late': { open: onOneNode, preemptions: 2, most: 60, answers: true },
  'in cookies, with revocations': { open: inCookies, preemptions: 2, most: 60 },
}

const seen: Failure[] = []

describe('the plans of the weaknesses that attacks have found, in every order of the operations,', () => {
  for (const [title, { open, ...options }] of Object.entries(PLACES))
    it(`keep every invariant that is not known to break ${title}`, async (test) => {
      const plans = CHOSEN.filter((plan) => open !== inCookies || !/"revoke"|limit/.test(JSON.stringify(plan)))
      const failures: Failure[] = []
      let schedules = 0
      for (const plan of plans) {
        const checked = await check(open, plan, options)
        failures.push(...checked.failures)
        schedules += checked.schedules
      }
      test.diagnostic(`${plans.length} plans, ${schedules} schedules, ${failures.length} failures that are known`)
      seen.push(...failures)
      assert.equal(reportOf(failures.filter((failure) => !isKnown(failure))), '')
    })

  for (const known of KNOWN)
    it(`show ${known.weakness} (${known.invariant}: ${known.what.source}), or its line can be removed`, () => {
      assert.ok(seen.some((failure) => isSeenBy(known, failure)))
    })
})
