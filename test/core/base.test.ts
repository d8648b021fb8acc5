import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { checkOptions } from '../../packages/strongroom/src/base/check.ts'
import { OpenState } from '../../packages/strongroom/src/base/open-state.ts'
import { backoff, pause } from '../../packages/strongroom/src/base/retry.ts'
import { within } from '../../packages/strongroom/src/base/time-limit.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'

describe('backoff', () => {
  it('doubles from the first pause up to the longest, and is between half of that and all of it', () => {
    const range = fc.record({ first: fc.integer({ min: 1, max: 1000 }), most: fc.integer({ min: 1, max: 60_000 }) })
    fc.assert(
      fc.property(range, fc.integer({ min: 1, max: 2000 }), (limits, failures) => {
        const longest = Math.min(limits.first * 2 ** (failures - 1), limits.most)
        const ms = backoff(failures, limits)
        assert.ok(ms >= longest / 2 && ms <= longest + 1, `${ms} of ${longest}`)
      }),
    )
  })

  it('is random, so that processes that failed together do not come back together', () => {
    const pauses = Array.from({ length: 50 }, () => backoff(7, { first: 25, most: 1000 }))
    assert.ok(new Set(pauses).size > 5)
  })

  it('of a lock is a few milliseconds', async () => {
    const began = performance.now()
    await pause()
    assert.ok(performance.now() - began < 1000)
  })
})

describe('a call with a time limit of its own', () => {
  const tooLate = () => new StoreError('too late')

  it('resolves and rejects as the call does, also when that throws', async () => {
    assert.equal(await within(1000, async () => 7, tooLate), 7)
    await assert.rejects(
      within(1000, () => Promise.reject(new TypeError('x')), tooLate),
      TypeError,
    )
    await assert.rejects(
      within(
        1000,
        () => {
          throw new RangeError('x')
        },
        tooLate,
      ),
      RangeError,
    )
  })

  it('rejects when the time is over, after it has given back what the call holds', async () => {
    const order: string[] = []
    const call = within(
      5,
      () => new Promise(() => {}),
      () => {
        order.push('rejects')
        return tooLate()
      },
      () => order.push('gives back'),
    )
    await assert.rejects(call, /too late/)
    assert.deepEqual(order, ['gives back', 'rejects'])
  })

  it('may be longer than a timer can count', async () => {
    assert.equal(await within(Number.POSITIVE_INFINITY, async () => 'in time', tooLate), 'in time')
  })
})

describe('what was closed', () => {
  it('says so once, and refuses every later call with what happened', () => {
    const state = new OpenState()
    state.assertOpen()
    assert.deepEqual([state.isClosed, state.close(), state.close(), state.isClosed], [false, true, false, true])
    assert.throws(
      () => state.assertOpen(),
      (error: Error) => error instanceof StoreError && /used after it was closed/.test(error.message),
    )
  })
})

describe('an unknown option', () => {
  const refused = (name: string, known: readonly string[]) => {
    try {
      checkOptions('here()', { [name]: 1 }, known)
    } catch (error) {
      assert.ok(error instanceof ConfigError)
      return error.message
    }
    throw new Error('it was accepted')
  }

  it('is refused with the known one that it begins, or that it continues, if there is one', () => {
    const known = ['store', 'storeTimeout', 'secrets']
    assert.match(refused('secret', known), /Did you mean "secrets"\?/)
    assert.match(refused('storetimeout', known), /Did you mean "storeTimeout"\?/)
    assert.equal(refused('ttl', known), 'Unknown option "ttl" for here(). Known: store, storeTimeout, secrets.')
  })
})
