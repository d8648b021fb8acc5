import assert from 'node:assert/strict'
import { afterEach, suite, test } from 'node:test'
import { stopOnSignal } from '../../packages/cli/src/signals.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

suite('a command that stops at its next safe point', () => {
  const before = new Map(SIGNALS.map((name) => [name, process.listeners(name)]))
  afterEach(() => {
    for (const name of SIGNALS)
      for (const listener of process.listeners(name))
        if (!before.get(name)?.includes(listener)) process.off(name, listener)
  })
  /** Without a listener, the next signal ends the process. */
  const isCaught = (name: (typeof SIGNALS)[number]) => process.listenerCount(name) > (before.get(name)?.length ?? 0)

  for (const name of ['SIGINT', 'SIGTERM'] as const)
    test(`is told to by ${name}, and a second one ends it`, () => {
      const signal = stopOnSignal()
      assert.equal(signal.aborted, false)
      process.emit(name)
      assert.deepEqual([signal.aborted, isCaught(name)], [true, false])
    })

  test('is told to by a terminal that is closed, and not cut short by its shell, which says so, too', () => {
    const signal = stopOnSignal()
    process.emit('SIGHUP')
    assert.deepEqual([signal.aborted, isCaught('SIGHUP')], [true, true])
    // Somebody who does not want to wait can still end it.
    process.emit('SIGTERM')
    assert.equal(isCaught('SIGTERM'), false)
  })
})
