import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { type Ability, ENGINES, type Engine, LACKING, type Resting, stopServers } from './engines.ts'
import { expand, ROWS } from './rows.ts'
import { World } from './world.ts'

type Check = (world: World) => unknown

/** Which of Django's tests a property stands for, and what an engine must be able to do for it. */
export type Place = string | { readonly rows: string; readonly needs: Ability | readonly Ability[] }

interface Property {
  readonly title: string
  readonly rows: readonly string[]
  readonly needs: readonly Ability[]
  readonly check: Check
}

const every: Property[] = []
const once: Property[] = []
const rowsOf = (place: Place) => expand(typeof place === 'string' ? place : place.rows)

/** What sessions do on every engine. */
export function property(title: string, place: Place, check: Check): void {
  const needs = typeof place === 'string' ? [] : [place.needs].flat()
  every.push({ title, rows: rowsOf(place), needs, check })
}

/** What has nothing to do with engines. */
property.of = (title: string, place: string, check: () => unknown): void => {
  once.push({ title, rows: rowsOf(place), needs: [], check })
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
    let resting: Resting | undefined
    before(async () => {
      resting = await engine.start(clock)
    })
    after(() => resting?.close())
    for (const { title, needs, check } of every) {
      const lacks = needs.find((ability) => !engine.abilities.includes(ability))
      if (lacks || engine.skip) counts.skipped++
      const work = counted(() => check(new World(engine, resting as Resting, clock)))
      it(title, { skip: lacks ? LACKING[lacks] : false, timeout: 30_000 }, work)
    }
  })
}

/** Lays out all that was said, and prints what has come of it. */
export function conform(): void {
  describe('without an engine', () => {
    for (const { title, check } of once) it(title, counted(check as () => unknown))
  })
  for (const engine of ENGINES) onEngine(engine)

  it('every row of the list stands in some property, and no other', () => {
    const said = new Set([...every, ...once].flatMap(({ rows }) => rows))
    assert.deepEqual(
      { missing: ROWS.filter((row) => !said.has(row)), unknown: [...said].filter((row) => !ROWS.includes(row)) },
      { missing: [], unknown: [] },
    )
  })

  after(async () => {
    await stopServers()
    const { passed, failed, skipped } = counts
    console.log(
      `conformance with Django: ${ROWS.length} rows in ${every.length + once.length} properties, ${ENGINES.length} engines: ${passed} passed, ${skipped} skipped, ${failed} failed`,
    )
  })
}
