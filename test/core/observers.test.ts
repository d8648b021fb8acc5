import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { addObserver, type CallObserver, type Calls, guardStore } from '../../packages/strongroom/src/backing/guard.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { settle } from './fixtures/gates.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const LIMIT = 1000
const nobody = (): Calls => ({ around: null, call: null })

/** What an observer with both was told. */
function listener() {
  const told: string[] = []
  const observer: CallObserver = {
    call: (method) => void told.push(method),
    around: (what, name, run) => {
      told.push(`around ${what} ${name}`)
      return run()
    },
  }
  return { told, observer }
}

suite('an observer', () => {
  test('that runs calls, and does not ask how long they took, has no clock read', async (t) => {
    const now = t.mock.method(performance, 'now')
    const calls = nobody()
    const { told, observer } = listener()
    addObserver(calls, { around: observer.around?.bind(observer) as never })
    const store = guardStore(memory({ max: 10 }), LIMIT, calls)
    const before = now.mock.callCount()
    store.readSync?.('x' as never)
    await store.read('x' as never)
    // The line of the caller: what guards a call against taking too long has a clock of its own.
    const readers = now.mock.calls.slice(before).map(({ stack }) => stack.stack?.split('\n')[2] ?? '')
    const here = readers.filter((line) => line.includes('guard.ts'))
    assert.deepEqual([told, here], [['around callSync read', 'around call read'], []])
  })

  test('of calls of the store alone costs loads and saves nothing', async () => {
    const calls = nobody()
    const { told, observer } = listener()
    const stop = addObserver(calls, { call: observer.call?.bind(observer) as never })
    assert.equal(calls.around, null)
    await guardStore(memory({ max: 10 }), LIMIT, calls).read('x' as never)
    assert.deepEqual(told, ['read'])
    stop()
    assert.deepEqual({ ...calls, links: calls.links?.size }, { ...nobody(), links: 0 })
  })

  test('that stops leaves the others, whichever came first, and the last leaves nothing behind', async () => {
    for (const first of [0, 1] as const) {
      const calls = nobody()
      const both = [listener(), listener()] as const
      const stops = both.map(({ observer }) => addObserver(calls, observer))
      const store = guardStore(memory({ max: 10 }), LIMIT, calls)
      stops[first]?.()
      await store.read('x' as never)
      calls.around?.('load', '', () => 1)
      assert.deepEqual(both[first].told, [])
      assert.deepEqual(both[1 - first]?.told, ['around call read', 'read', 'around load '])
    }
    const calls = nobody()
    const stops = [listener(), listener()].map(({ observer }) => addObserver(calls, observer))
    for (const stop of stops.reverse()) stop()
    assert.deepEqual({ ...calls, links: calls.links?.size }, { ...nobody(), links: 0 })
  })

  test('that is always replaced before it stops leaves nothing behind either', () => {
    const calls = nobody()
    const { told, observer } = listener()
    let stop = addObserver(calls, observer)
    for (let round = 0; round < 20_000; round++) {
      const stopNext = addObserver(calls, observer)
      stop()
      stop = stopNext
    }
    assert.equal(
      calls.call?.('callSync', 'read', () => 1),
      1,
    )
    assert.deepEqual(told, ['around callSync read', 'read'])
    assert.equal(calls.links?.size, 1)
  })

  test('that throws or rejects fails no request, ends no process, and causes one warning for what it was told of', async (t) => {
    const warned: string[] = []
    const rejected: unknown[] = []
    const warn = (warning: Error & { code?: string; detail?: string }) =>
      void warned.push(`${warning.code} ${warning.message} ${warning.detail}`)
    const reject = (reason: unknown) => void rejected.push(reason)
    process.on('warning', warn).on('unhandledRejection', reject)
    t.after(() => process.off('warning', warn).off('unhandledRejection', reject))
    const broken = () => {
      throw new RangeError('what nobody should read')
    }
    for (const fault of [broken, async () => broken()])
      for (const isImmediate of [true, false]) {
        const store = memory({ max: 10 })
        if (!isImmediate) Object.assign(store, { readSync: undefined, updateSync: undefined })
        const sessions = createSessions({ secrets: secret('a'), store, sweep: false })
        sessions.observe({ event: fault, call: fault })
        const guest = visitor(sessions)
        await guest.visit((session) => session.set('a', 1))
        await guest.visit((session) => assert.equal(session.get('a'), 1))
        await settle()
        assert.deepEqual(rejected, [])
        assert.equal(warned.length, 2)
        for (const warning of warned.splice(0)) {
          assert.match(warning, /^STRONGROOM_LISTENER An observer of the sessions threw: RangeError\s+at /)
          assert.ok(!warning.includes('nobody should read'))
        }
      }
  })
})
