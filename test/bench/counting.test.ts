import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import {
  allowedFor,
  checkCounted,
  countingFigures,
  MORE,
  ONCE_A_MINUTE,
  type Pair,
  WITH,
  WITHOUT,
} from '../../bench/counting/figures.ts'
import { estimateOf } from '../../bench/counting/interval.ts'
import { inOrder } from '../../bench/counting/order.ts'
import { countingAnswer, countingTable } from '../../bench/counting/table.ts'
import { COUNTED } from '../../bench/counting.ts'
import { find } from '../../bench/figures.ts'
import { ask } from '../../bench/http/client.ts'
import { contenderOf } from '../../bench/http/contenders.ts'
import { barsOf, passes } from '../../bench/report/bars.ts'

const OURS = 'strongroom memory none'
const ROUTE = 'read over HTTP'

const pair = (without: number, more: number): Pair => ({ without, with: without + more })

/** Three starts, the slowest of which has one disturbed slice. */
const STARTS = [
  [pair(60, 1), pair(61, 1.5), pair(62, 2)],
  [pair(80, 2), pair(80, 2.5), pair(80, 40)],
  [pair(70, 2), pair(70, 2), pair(70, 2)],
]
const measured = (starts: readonly (readonly Pair[])[], flushes: readonly number[] = []) =>
  countingFigures(OURS, new Map([[ROUTE, starts]]), flushes)

suite('an interval with 95 % confidence', () => {
  test('is that of Student', () => {
    const { value, interval } = estimateOf([1.5, 2.5, 2])
    assert.equal(value, 2)
    // 4.303 × 0.5 / √3
    assert.ok(interval && Math.abs(interval[0] - 0.758) < 0.001 && Math.abs(interval[1] - 3.242) < 0.001, `${interval}`)
  })

  test('shrinks when more is measured, and is one number for what is always the same', () => {
    const width = (measured: readonly number[]) => {
      const [low = 0, high = 0] = estimateOf(measured).interval ?? []
      return high - low
    }
    assert.ok(width([1, 2, 1, 2, 1, 2, 1, 2]) < width([1, 2, 1, 2]) / 2)
    assert.equal(width([3, 3, 3]), 0)
    assert.ok(width(Array.from({ length: 100 }, (_, index) => index % 2)) < 0.3)
  })

  test('is not claimed for a single measurement', () => assert.equal(estimateOf([2]).interval, null))
})

suite('what figures cost', () => {
  test('is the mean of all starts, of each of which a disturbed slice does not count', () => {
    const figures = measured(STARTS)
    assert.equal(find(figures, OURS, ROUTE, MORE)?.value, 2)
    assert.equal(find(figures, OURS, ROUTE, WITHOUT)?.value, (61 + 80 + 70) / 3)
    assert.equal(find(figures, OURS, ROUTE, WITH)?.value, (62.5 + 82.5 + 72) / 3)
    assert.deepEqual(find(figures, OURS, ROUTE, MORE)?.interval, estimateOf([1.5, 2.5, 2]).interval)
  })

  test('may be 4 µs, or 5 % of a request that takes more than 80', () => {
    assert.deepEqual([2, 80, 100, 400].map(allowedFor), [4, 4, 5, 20])
  })

  test('is judged by the upper end of its interval, and not at all without one', () => {
    const barOf = (starts: readonly (readonly Pair[])[]) =>
      barsOf(measured(starts)).find(({ what }) => what.startsWith(`figures, ${ROUTE}, ${OURS}`))
    const bar = barOf(STARTS)
    assert.equal(bar?.value, estimateOf([1.5, 2.5, 2]).interval?.[1])
    assert.equal(bar && passes(bar), true)
    // On average within the bound, and not precise enough to say so.
    const imprecise = barOf([[pair(60, -3)], [pair(60, 2)], [pair(60, 6)]])
    assert.equal(imprecise && passes(imprecise), false)
    assert.equal(barOf(STARTS.slice(0, 1))?.value, null)
  })

  test('stands side by side in the table and the picture, with the interval, and a flush in a line of its own', () => {
    const figures = measured(STARTS, [900, 1000, 20_000])
    assert.deepEqual(countingTable(figures).rows, [
      [OURS, ROUTE, '70.3', '72.3', '2.00', '0.76 to 3.24', '4.00'],
      [OURS, ONCE_A_MINUTE, '', '1\u202f000', '', '', ''],
    ])
    const { categories, series } = countingAnswer(figures)?.chart ?? assert.fail('there is no picture')
    assert.deepEqual(categories, [`${OURS}, ${ROUTE}`])
    assert.deepEqual(
      series.map(({ values }) => values.map((value) => Math.round(value ?? 0))),
      [[70], [72]],
    )
    assert.equal(countingAnswer([]), null)
  })

  test('is not measured on what counts nothing', () => {
    assert.throws(() => checkCounted(OURS, 99, 100), /of 100 requests, the figures have 99/)
    checkCounted(OURS, 100, 100)
  })

  test('with and without figures come first in turn', async () => {
    const order: string[] = []
    const slice = (name: string, cost: number) => async () => {
      order.push(name)
      await turn()
      return cost
    }
    for (const at of [0, 1])
      assert.deepEqual(await inOrder(at, slice('without', 1), slice('with', 2)), { without: 1, with: 2 })
    assert.deepEqual(order, ['without', 'with', 'with', 'without'])
  })
})

suite('what counts', () => {
  test('is the server that does not count otherwise, and it says how many requests it has counted', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'strongroom-counting-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const server = await contenderOf(OURS).listen({ directory, urls: {} })
    t.after(() => {
      server.close()
      server.closeAllConnections()
    })
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { cookie } = await ask(origin, '/login/7')
    const read = async (times: number) => {
      for (let at = 0; at < times; at++) await ask(origin, '/read', cookie)
    }
    const turned = async (state: 'on' | 'off') => (await ask(origin, `/figures/${state}`)).body.value
    await read(2)
    assert.equal(await turned('on'), 0)
    await read(3)
    assert.equal(await turned('off'), 3)
    await read(4)
    assert.equal(await turned('off'), 0)
  })

  test('can be measured without HTTP, too', () => {
    for (const name of COUNTED) assert.equal(typeof contenderOf(name).open, 'function', name)
  })
})
