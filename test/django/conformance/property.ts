import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { DJANGO_TESTS, expand } from './django-tests.ts'
import { type Ability, ENGINES, type Engine, LACKING, type StartedEngine, stopServers } from './engines.ts'
import { Fixture } from './fixture.ts'

type Check = (fixture: Fixture) => unknown

/** Which of Django's tests a property covers, and what it needs from an engine. */
export type Coverage = string | { readonly tests: string; readonly needs: Ability | readonly Ability[] }

interface Property {
  readonly title: string
  readonly tests: readonly string[]
  readonly needs: readonly Ability[]
  readonly check: Check
}

const every: Property[] = []
const once: Property[] = []
const testsOf = (coverage: Coverage) => expand(typeof coverage === 'string' ? coverage : coverage.tests)

/** A property of sessions on every engine. */
export function property(title: string, coverage: Coverage, check: Check): void {
  const needs = typeof coverage === 'string' ? [] : [coverage.needs].flat()
  every.push({ title, tests: testsOf(coverage), needs, check })
}

/** A property that does not depend on the engine. */
property.of = (title: string, tests: string, check: () => unknown): void => {
  once.push({ title, tests: testsOf(tests), needs: [], check })
}

const counts = { passed: 0, failed: 0, skipped: 0 }

function counted(work: () => unknown): () => Promise<void> {
  return async () => {
    counts.failed++
    await work()
    counts.failed--
    counts.passed++
  }
}

function onEngine(engine: Engine): void {
  describe(`on ${engine.name}`, { skip: engine.skip }, () => {
    const clock = manualClock()
    let started: StartedEngine | undefined
    before(async () => {
      started = await engine.start(clock)
    })
    after(() => started?.close())
    for (const { title, needs, check } of every) {
      const lacks = needs.find((ability) => !engine.abilities.includes(ability))
      if (lacks || engine.skip) counts.skipped++
      const work = counted(() => check(new Fixture(engine, started as StartedEngine, clock)))
      it(title, { skip: lacks ? LACKING[lacks] : false, timeout: 30_000 }, work)
    }
  })
}

/** Runs every property on every engine, and prints the result. */
export function conform(): void {
  describe('without an engine', () => {
    for (const { title, check } of once) it(title, counted(check as () => unknown))
  })
  for (const engine of ENGINES) onEngine(engine)

  it('every test in the list of Django’s tests is covered by a property, and no other', () => {
    const covered = new Set([...every, ...once].flatMap(({ tests }) => tests))
    assert.deepEqual(
      {
        missing: DJANGO_TESTS.filter((test) => !covered.has(test)),
        unknown: [...covered].filter((test) => !DJANGO_TESTS.includes(test)),
      },
      { missing: [], unknown: [] },
    )
  })

  after(async () => {
    await stopServers()
    const { passed, failed, skipped } = counts
    console.log(
      `conformance with Django: ${DJANGO_TESTS.length} tests in ${every.length + once.length} properties on ${ENGINES.length} engines: ${passed} passed, ${skipped} skipped, ${failed} failed`,
    )
  })
}
