import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Checked, check, reportOf } from './check.ts'
import type { OpenPlace } from './places.ts'
import { THREE, TWO } from './plans.ts'
import { IS_FULL } from './size.ts'

interface Sweep {
  readonly title: string
  readonly open: OpenPlace
  /** One plan in so many is explored: in a short run, and in CI. */
  readonly every: readonly [short: number, full: number]
  readonly answers?: boolean
  /** Verbs that this place does not have, as they stand in the JSON of a plan. */
  readonly without?: RegExp
}

const BOUNDS = IS_FULL ? { preemptions: 3, most: 400 } : { preemptions: 2, most: 60 }
const CLIENTS = { 'two clients with two verbs each': TWO, 'three clients with one verb each': THREE }

/** Explores the plans of two and of three clients in one place. */
export function sweep({ title, open, every, answers = false, without = /^$/ }: Sweep): void {
  const step = every[IS_FULL ? 1 : 0]
  describe(`${title}, in every order of the operations`, () => {
    for (const [clients, all] of Object.entries(CLIENTS))
      it(`${clients} keep every invariant`, async (test) => {
        const plans = all.filter((plan) => !without.test(JSON.stringify(plan)))
        const chosen = plans.filter((_, at) => at % step === 0)
        const checked: Checked[] = []
        for (const plan of chosen) checked.push(await check(open, plan, { ...BOUNDS, answers }))
        test.diagnostic(`${chosen.length} of ${plans.length} plans, ${totalsOf(checked)}`)
        const failures = checked.flatMap(({ failures }) => failures)
        assert.equal(reportOf(failures), '')
      })
  })
}

function totalsOf(all: readonly Checked[]): string {
  const sum = (count: (one: Checked) => number) => all.reduce((total, one) => total + count(one), 0)
  const cut = sum(({ isCut }) => Number(isCut))
  return `${sum(({ schedules }) => schedules)} schedules; ${sum(({ pruned }) => pruned)} choices pruned, ${sum(({ bounded }) => bounded)} over ${BOUNDS.preemptions} preemptions, ${cut} plans cut off at ${BOUNDS.most} schedules`
}
