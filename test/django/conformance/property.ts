import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { BRIDGE_ENGINES } from './bridge-engines.ts'
import { DJANGO_TESTS, expand } from './django-tests.ts'
import { OWN_ENGINES } from './engines.ts'
import { Fixture } from './fixture.ts'
import { stopServers } from './servers.ts'
import { type Ability, type Engine, LACKING, type StartedEngine } from './subject.ts'

type Check = (fixture: Fixture) => unknown

/** Which of Django's tests a property covers, and what it needs from an engine. */
export type Coverage = string | { readonly tests: string; readonly needs: Ability | readonly Ability[] }

interface Property {
  readonly title: string
  readonly tests: readonly string[]
  readonly needs: readonly Ability[]
  readonly check: Check
}

/** What holds instead of a property on some engines, and why. */
export interface Difference {
  /** The title of the property. */
  readonly property: string
  on(engine: Engine): boolean
  readonly why: string
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

const counts = { passed: 0, differ: 0, failed: 0, skipped: 0 }

function counted(as: 'passed' | 'differ', work: () => unknown): () => Promise<void> {
  return async () => {
    counts.failed++
    await work()
    counts.failed--
    counts[as]++
  }
}

function onEngine(engine: Engine, differences: readonly Difference[]): void {
  describe(`on ${engine.name}`, { skip: engine.skip }, () => {
    const clock = manualClock()
    let started: StartedEngine | undefined
    before(async () => {
      started = await engine.start(clock)
    })
    after(() => started?.close())
    const on = (check: Check) => async () => {
      const fixture = new Fixture(engine, started as StartedEngine, clock)
      try {
        await check(fixture)
      } finally {
        await fixture.close()
      }
    }
    for (const { title, needs, check } of every) {
      const other = differences.find((difference) => difference.property === title && difference.on(engine))
      if (other) {
        it(`not: ${title} (${other.why})`, { timeout: 30_000 }, counted('differ', on(other.check)))
        continue
      }
      const lacks = needs.find((ability) => !engine.abilities.includes(ability))
      if (lacks || engine.skip) counts.skipped++
      it(title, { skip: lacks ? LACKING[lacks] : false, timeout: 30_000 }, counted('passed', on(check)))
    }
  })
}

/** Runs every property on every engine, and prints the result. */
export function conform(differences: readonly Difference[]): void {
  describe('without an engine', () => {
    for (const { title, check } of once) it(title, counted('passed', check as () => unknown))
  })
  for (const engine of [...OWN_ENGINES, ...BRIDGE_ENGINES]) onEngine(engine, differences)

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

  it('over the bridge, no property is skipped but those of parts that an engine does not have', () => {
    for (const engine of BRIDGE_ENGINES)
      for (const { title, needs } of every) {
        const lacks = needs.filter((ability) => !engine.abilities.includes(ability))
        const states = differences.some((difference) => difference.property === title && difference.on(engine))
        if (!states)
          assert.deepEqual(
            lacks.filter((ability) => ability !== 'cache' && ability !== 'files'),
            [],
            `${engine.name}: ${title}`,
          )
      }
  })

  it('every difference is one from a property, on some engine', () => {
    for (const { property: title, on } of differences) {
      assert.ok(
        every.some((each) => each.title === title),
        title,
      )
      assert.ok([...OWN_ENGINES, ...BRIDGE_ENGINES].some(on), title)
    }
  })

  after(async () => {
    await stopServers()
    const { passed, differ, failed, skipped } = counts
    const engines = `${OWN_ENGINES.length} engines and ${BRIDGE_ENGINES.length} of the bridge`
    console.log(
      `conformance with Django: ${DJANGO_TESTS.length} tests in ${every.length + once.length} properties on ${engines}: ${passed} passed, ${differ} differ as documented, ${skipped} skipped, ${failed} failed`,
    )
  })
}
