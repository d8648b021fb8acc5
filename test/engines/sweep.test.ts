import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { drive } from '../../packages/strongroom/src/engines/shared/sweep.ts'

describe('a gentle sweep', () => {
  /** Batches that take the given ms each, by a clock that stands still otherwise; and how many have begun. */
  function batches(test: TestContext, took: readonly number[]) {
    test.mock.timers.enable({ apis: ['setTimeout'] })
    let now = 0
    test.mock.method(performance, 'now', () => now)
    const begun = { count: 0 }
    async function* steps() {
      for (const ms of took) {
        begun.count += 1
        now += ms
        yield 1
      }
    }
    return { begun, steps: steps() }
  }
  const settle = () => new Promise((done) => setImmediate(() => setImmediate(done)))

  it('rests after each batch for as long as the batch took, and at most 100 ms', async (test) => {
    const { begun, steps } = batches(test, [30, 5000, 1])
    const sweep = drive(steps, {}, { gently: true })
    for (const [rest, before] of [
      [30, 1],
      [100, 2],
    ] as const) {
      await settle()
      test.mock.timers.tick(rest - 1)
      await settle()
      assert.equal(begun.count, before, 'still resting')
      test.mock.timers.tick(1)
      await settle()
      assert.equal(begun.count, before + 1, 'goes on')
    }
    test.mock.timers.tick(1)
    assert.equal(await sweep, 3)
  })

  it('ends its rest when it is aborted, and returns the count so far', async (test) => {
    const { begun, steps } = batches(test, [50, 50])
    const stop = new AbortController()
    const sweep = drive(steps, { signal: stop.signal }, { gently: true })
    await settle()
    stop.abort()
    assert.equal(await sweep, 1)
    assert.equal(begun.count, 1)
  })

  it('does not rest unless it was asked to', async (test) => {
    const { steps } = batches(test, [50, 50])
    assert.equal(await drive(steps, {}), 2)
  })
})
