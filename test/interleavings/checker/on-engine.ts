import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { count } from '../../support/counts.ts'
import { type Failure, reportOf, runOnce, turnsOf } from './check.ts'
import type { Engine } from './engines.ts'
import { atRandom, inOrderOf } from './explore.ts'
import { FAULTS, notice } from './faults.ts'
import { inMemory, type OpenPlace } from './places.ts'
import { CHOSEN, THREE, TWO } from './plans.ts'
import type { Plan } from './run.ts'
import { sized } from './size.ts'

/** `STRONGROOM_SEED=17` runs this schedule alone. */
const SEED = process.env.STRONGROOM_SEED
const SEEDS = SEED ? [Number(SEED)] : Array.from({ length: sized([25, 300, 2000]) }, (_, at) => at + 1)

const ALL = [...CHOSEN, ...THREE, ...TWO]
const planOf = (seed: number) => ALL[(seed * 7919) % ALL.length] as Plan

type Schedule = Pick<Failure, 'plan' | 'turns'>

/** They are looked for in memory once, before the engines start. */
const chosen = once(async () => [...(await ofFaults()), ...(await ofWeaknesses())])

/** The schedules that were needed to notice a planted fault. */
async function ofFaults(): Promise<Schedule[]> {
  const found: Schedule[] = []
  for (const fault of FAULTS) {
    const { failure } = await notice(fault)
    assert.ok(failure, fault.title)
    found.push(failure)
  }
  return found
}

/** The first schedules of the plans of the weaknesses, as they are explored in memory. */
async function ofWeaknesses(): Promise<Schedule[]> {
  const found: Schedule[] = []
  const bounds = { preemptions: 2, most: sized([1, 10, 50]) }
  for (const plan of CHOSEN) for (const turns of await turnsOf(inMemory, plan, bounds)) found.push({ plan, turns })
  return found
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

/** The schedules that matter, and others at random, on one engine. */
export function onEngine(engine: Engine): void {
  describe(`on ${engine.name}`, { skip: engine.skip }, () => {
    let open: OpenPlace
    let stop: () => Promise<void>
    let schedules: readonly Schedule[]
    before(async () => {
      schedules = SEED ? [] : await chosen()
      ;({ open, stop } = await engine.start())
    })
    after(() => stop())

    it('every chosen schedule keeps every invariant', { skip: SEED !== undefined }, async (test) => {
      const failures: Failure[] = []
      for (const { plan, turns } of schedules) failures.push(...(await runOnce(open, plan, inOrderOf(turns))).failures)
      test.diagnostic(`${schedules.length} schedules`)
      count(`Interleavings on ${engine.name}`, { 'chosen schedules': schedules.length })
      assert.equal(reportOf(failures), '')
    })

    it('schedules at random keep every invariant', async (test) => {
      for (const seed of SEEDS) {
        const { failures } = await runOnce(open, planOf(seed), atRandom(seed))
        assert.equal(reportOf(failures), '', `STRONGROOM_SEED=${seed} shows it again`)
      }
      test.diagnostic(`${SEEDS.length} schedules, seeds ${SEEDS[0]} to ${SEEDS.at(-1)}`)
      count(`Interleavings on ${engine.name}`, { 'random schedules': SEEDS.length })
    })
  })
}
