import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { checkOptions, timeoutOption } from '../../packages/strongroom/src/base/check.ts'
import { OpenState } from '../../packages/strongroom/src/base/open-state.ts'
import { randomBytesOf } from '../../packages/strongroom/src/base/random.ts'
import { backoff, momentIn, pause, retryUntil } from '../../packages/strongroom/src/base/retry.ts'
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

describe('retryUntil', () => {
  it('makes attempts until one succeeds, and stops at an error that it is told to reject with', async () => {
    let attempts = 0
    const attempt = () => {
      attempts += 1
      if (attempts < 3) throw new Error('locked')
      return undefined
    }
    assert.equal(await retryUntil(momentIn(60_000), attempt, () => null), undefined)
    assert.equal(attempts, 3)
    const failing = () => Promise.reject(new TypeError('broken'))
    await assert.rejects(
      retryUntil(momentIn(60_000), failing, (error) => error),
      TypeError,
    )
  })

  it('tells when the time is over, which is not before the first attempt', async () => {
    const seen: boolean[] = []
    const failing = () => {
      throw new Error('locked')
    }
    const errorOf = (_error: unknown, isLate: boolean) => {
      seen.push(isLate)
      return isLate ? new StoreError('too late') : null
    }
    await assert.rejects(retryUntil(momentIn(20), failing, errorOf), StoreError)
    assert.ok(seen.length > 1 && seen.indexOf(true) === seen.length - 1, String(seen))
    assert.equal(await retryUntil(momentIn(-5), () => 7, errorOf), 7)
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

describe('options', () => {
  it('are an object, and nothing else that has none of them and would stand for the defaults', () => {
    for (const given of [undefined, null, 7, 'x', [], new Map(), new Set(), new URL('file:///x'), () => 1])
      assert.throws(
        () => checkOptions('here()', given, ['dir']),
        /^ConfigError: here\(\) takes its options as an object\./,
      )
    class Options {
      dir = 'x'
    }
    for (const given of [{}, Object.create(null), new Options()]) checkOptions('here()', given, ['dir'])
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
    assert.match(refused('store_timeout', known), /Did you mean "storeTimeout"\?/)
    assert.equal(refused('ttl', known), 'Unknown option "ttl" for here(). Known: store, storeTimeout, secrets.')
  })
})

describe('the option timeout', () => {
  it('is never more than a timer can count, because drivers pass it to timers, which would fire immediately', () => {
    for (const given of [2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER])
      assert.equal(timeoutOption('x()', given, 2000), 2 ** 31 - 2)
    assert.deepEqual([timeoutOption('x()', undefined, 2000), timeoutOption('x()', 0, 2000, 0)], [2000, 0])
    for (const bad of [0, -1, 1.5, Number.POSITIVE_INFINITY, '5'])
      assert.throws(() => timeoutOption('x()', bad, 2000), /Option "timeout" of x\(\) must be a whole number/)
  })
})

describe('random bytes', () => {
  it('are new at every call, and written where they were wanted', () => {
    const draw = randomBytesOf(8)
    const [into, seen] = [Buffer.alloc(12), new Set<string>()]
    for (let i = 0; i < 2000; i++) {
      draw(into, 2)
      seen.add(into.toString('hex', 2, 10))
      assert.deepEqual([into.readUInt16BE(0), into.readUInt16BE(10)], [0, 0])
    }
    assert.equal(seen.size, 2000)
    assert.ok(!seen.has('0'.repeat(16)))
  })
})
