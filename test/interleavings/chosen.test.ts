import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count } from '../support/counts.ts'
import { check, type Failure, reportOf } from './checker/check.ts'
import { afterRotation, inCookies, inMemory, oneByOne, onOneNode, onTwoCaches } from './checker/places.ts'
import { CHOSEN } from './checker/plans.ts'
import { sized } from './checker/size.ts'

/** How often the actors are interrupted, and the most schedules of a plan. */
const PLACES = {
  'in memory': { open: inMemory, preemptions: 3, most: [80, 120, 1000] },
  'where an index is read first': { open: oneByOne, preemptions: 3, most: [30, 40, 300] },
  'on two nodes with caches of their own': { open: onTwoCaches, preemptions: 2, most: [10, 15, 100] },
  'on one node, to which answers come late': { open: onOneNode, preemptions: 2, most: [30, 40, 200], answers: true },
  'after a rotation of secrets': { open: afterRotation, preemptions: 2, most: [20, 30, 200] },
  'in cookies, with revocations': { open: inCookies, preemptions: 3, most: [40, 60, 300] },
} as const

describe('the session protocol, in every order of the operations,', () => {
  for (const [title, { open, most, ...options }] of Object.entries(PLACES))
    it(`keeps every invariant in the plans of the weaknesses that attacks have found, ${title}`, async (test) => {
      const plans = CHOSEN.filter((plan) => open !== inCookies || !/"revoke"|limit/.test(JSON.stringify(plan)))
      const failures: Failure[] = []
      let [schedules, cut] = [0, 0]
      for (const plan of plans) {
        const checked = await check(open, plan, { ...options, most: sized(most) })
        failures.push(...checked.failures)
        schedules += checked.schedules
        cut += Number(checked.isCut)
      }
      test.diagnostic(`${plans.length} plans, ${schedules} schedules`)
      count(`Interleavings ${title}`, {
        'schedules explored': schedules,
        [`plans with up to ${options.preemptions} preemptions`]: plans.length,
        'of them cut off': cut,
      })
      assert.equal(reportOf(failures), '')
    })
})
