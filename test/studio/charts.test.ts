import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { FiguresSeries } from 'strongroom/figures'
import { size } from '../../packages/cli/src/format.ts'
import { chartsOf, tableOf } from '../../packages/studio/src/charts.ts'
import { sizeOf } from '../../packages/studio/src/moments.ts'

const seriesOf = (live: readonly (number | null)[]): FiguresSeries => ({
  every: 10,
  points: live.map((value, at) => ({
    at: at * 10,
    counts: { ...(value !== null && { created: value }), unheard: 7 },
    calls: {},
    live: value,
    expired: null,
  })),
  total: { counts: {}, calls: {}, live: null, expired: null },
})

test('a size has the unit that people know, also above a billion bytes', () => {
  for (const shown of [size, sizeOf])
    assert.deepEqual([999, 43_000, 5e6, 2e9, 3e12].map(shown), ['999B', '43KB', '5MB', '2GB', '3TB'])
})

suite('what the charts and their tables show', () => {
  test('of what was the case, steps in which nobody looked are unknown in the table, too; what happened adds up', () => {
    const range = seriesOf([null, null, 1, 2, null, 4])
    const [live, created] = chartsOf(range)
    assert.ok(live && created)
    assert.deepEqual(
      tableOf(range, created, 3).map(({ values }) => values),
      [[4], [3], [0]],
    )
    assert.deepEqual(
      tableOf(range, live, 3).map(({ at, values }) => [at, ...values]),
      [
        [40, 4],
        [20, 2],
        [0, null],
      ],
    )
  })

  test('a reason for which nothing ended has no line, and a name that the page does not know has none', () => {
    const [, created] = chartsOf(seriesOf([1, 2, 3]))
    assert.deepEqual(
      created?.lines.map(({ label }) => label),
      ['created'],
    )
  })

  test('a table is never longer than asked for, ends with the newest step, and counts no step twice', () => {
    const series = fc.array(fc.option(fc.nat(1000)), { minLength: 1, maxLength: 800 })
    fc.assert(
      fc.property(series, fc.integer({ min: 1, max: 40 }), (created, rows) => {
        const range = seriesOf(created)
        const chart = chartsOf(range).find(({ name }) => name === 'created')
        assert.ok(chart)
        const table = tableOf(range, chart, rows)
        assert.ok(table.length > 0 && table.length <= rows)
        const shown = created.slice((table.at(-1)?.at ?? 0) / 10)
        const sum = (values: readonly (number | null)[]) => values.reduce<number>((all, one) => all + (one ?? 0), 0)
        assert.equal(sum(table.map(({ values }) => values[0] ?? null)), sum(shown))
        assert.ok(created.length - shown.length < Math.ceil(created.length / rows))
      }),
    )
  })
})
