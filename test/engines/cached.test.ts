import { describe, it } from 'node:test'
import { cached } from '../../src/engines/cached.ts'
import { memory } from '../../src/engines/memory.ts'
import { manualClock } from '../../src/testing/clock.ts'
import { storeSuite } from '../../src/testing/store-suite.ts'
import { readsAreNeverTooOld } from './cached/history.ts'
import { orders } from './cached/orders.ts'

storeSuite('cached memory with memory', async () => {
  const clock = manualClock()
  const [durable, cache] = [memory({ clock, maxBytes: 8 * 2 ** 20 }), memory({ clock })]
  const store = cached({ durable, cache, clock })
  return {
    store,
    clock,
    peer: async () => cached({ durable, cache, clock }),
    apart: async () => cached({ durable: memory({ clock }), cache: memory({ clock }), clock }),
    // What was read before is still answered, for as long as it is believed.
    breakIt: async () => {
      await durable.close()
      clock.advance(10_000)
    },
    close: async () => {
      await Promise.all([store.close(), durable.close(), cache.close()])
    },
  }
})

describe('cached: what happens at the same time', () => {
  orders()
  it('in random orders on three nodes, a read answers nothing older than what its cache was told', readsAreNeverTooOld)
})
