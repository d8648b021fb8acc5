import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FAULTS, notice } from './checker/faults.ts'
import { titleOf } from './checker/run.ts'

describe('the checker notices', () => {
  for (const fault of FAULTS)
    it(fault.title, async (test) => {
      const { failure } = await notice(fault)
      assert.ok(failure, 'no order of these plans shows it')
      test.diagnostic(`${titleOf(failure.plan)}: ${failure.turns}: ${failure.what}`)
    })
})
