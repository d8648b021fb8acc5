import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count } from '../support/counts.ts'
import { check, type Failure, reportOf } from './checker/check.ts'
import { afterRotation, inCookies, inMemory, oneByOne, onOneNode, onTwoCaches } from './checker/places.ts'
import { CHOSEN } from './checker/plans.ts'

/** The switches that are needed to show a weakness are few. */
const PLACES = {
  'in memory': { open: inMemory, preemptions: 3, most: 200 },
  'where an index is read first': { open: oneByOne, preemptions: 3, most: 60 },
  'on two nodes with caches of their own': { open: onTwoCaches, preemptions: 2, most: 20 },
  'on one node, to which answers come late': { open: onOneNode, preemptions: 2, most: 60, answers: true },
  'after a rotation of secrets': { open: afterRotation, preemptions: 2, most: 60 },
  'in cookies, with revocations': { open: inCookies, preemptions: 2, most: 60 },
}

describe('the session protocol, in every order of the operations,', () => {
  for (const [title, { open, ...options }] of Object.entries(PLACES))
    it(`keeps every invariant in the plans of the weaknesses that attacks have found, ${title}`, async (test) => {
      const plans = CHOSEN.filter((plan) => open !== inCookies || !/"revoke"|limit/.test(JSON.stringify(plan)))
      const failures: Failure[] = []
      let schedules = 0
      for (const plan of plans) {
        const checked = await check(open, plan, options)
        failures.push(...checked.failures)
        schedules += checked.schedules
      }
      test.diagnostic(`${plans.length} plans, ${schedules} schedules`)
      count(`Interleavings ${title}`, { 'schedules explored': schedules })
      assert.equal(reportOf(failures), '')
    })
})
