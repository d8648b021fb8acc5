import { describe } from 'node:test'
import { bounds } from './store/bounds.ts'
import { bytes } from './store/bytes.ts'
import { concurrency } from './store/concurrency.ts'
import { deadlines } from './store/deadlines.ts'
import { estimate } from './store/estimate.ts'
import { listing } from './store/listing.ts'
import { propertyOf, type StoreFactory, type StoreSuiteOptions } from './store/property.ts'
import { sweep } from './store/sweep.ts'
import { writes } from './store/writes.ts'

export type { StoreFactory, StoreSuiteOptions, StoreUnderTest } from './store/property.ts'

/**
 * Tests everything that the contract of `Store` promises, as `node:test` tests. `factory` makes a new, empty store for each
 * test. What a store declares that it cannot do (`byOwner`, `scan`, `estimate`), and what its factory cannot offer (`peer`, `sibling`,
 * `breakBackend`), is reported as a skipped test with its reason, never as a passed one.
 *
 * @example
 * storeSuite('my store', async () => {
 *   const clock = manualClock()
 *   const store = myStore({ clock })
 *   return { store, clock, close: () => store.close() }
 * })
 */
export function storeSuite(name: string, factory: StoreFactory, options: StoreSuiteOptions = {}): void {
  describe(`${name} is a store`, () => {
    const property = propertyOf(factory, options)
    for (const properties of [writes, concurrency, bytes, deadlines, sweep, listing, estimate, bounds])
      properties(property)
  })
}
