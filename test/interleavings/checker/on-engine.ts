import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Failure, reportOf, runOnce } from './check.ts'
import type { Engine } from './engines.ts'
import { atRandom, inOrderOf } from './explore.ts'
import { FAULTS, notice } from './faults.ts'
import type { OpenPlace } from './places.ts'
import { CHOSEN, THREE, TWO } from './plans.ts'
import type { Plan } from './run.ts'
import { IS_FULL } from './size.ts'

/** `STRONGROOM_SEED=17` runs this schedule alone. */
const SEED = process.env.STRONGROOM_SEED
const SEEDS = SEED ? [Number(SEED)] : Array.from({ length: IS_FULL ? 5000 : 25 }, (_, at) => at + 1)

const ALL = [...CHOSEN, ...THREE, ...TWO]
const planOf = (seed: number) => ALL[(seed * 7919) % ALL.length] as Plan

/** The schedules that were needed to notice a planted fault. They are looked for once, one after another: they share their servers. */
const notices = once(async () => {
  const found: Pick<Failure, 'plan' | 'turns'>[] = []
  for (const fault of FAULTS) {
    const { failure } = await notice(fault)
    if (failure) found.push(failure)
  }
  return found
})

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

/** The schedules that matter, and others at random, on one engine. */
export function onEngine(engine: Engine): void {
  describe(`on ${engine.name}`, { skip: engine.skip }, () => {
    let open: OpenPlace
    let stop: () => Promise<void>
    before(async () => {
      ;({ open, stop } = await engine.start())
    })
    after(() => stop())

    it('every schedule that was needed to notice a planted fault keeps every invariant', async (test) => {
      const schedules = await notices()
      assert.equal(schedules.length, FAULTS.length)
      const failures: Failure[] = []
      for (const { plan, turns } of schedules) failures.push(...(await runOnce(open, plan, inOrderOf(turns))).failures)
      test.diagnostic(`${schedules.length} schedules`)
      assert.equal(reportOf(failures), '')
    })

    it('schedules at random keep every invariant', async (test) => {
      for (const seed of SEEDS) {
        const { failures } = await runOnce(open, planOf(seed), atRandom(seed))
        assert.equal(reportOf(failures), '', `STRONGROOM_SEED=${seed} shows it again`)
      }
      test.diagnostic(`${SEEDS.length} schedules, seeds ${SEEDS[0]} to ${SEEDS.at(-1)}`)
    })
  })
}
