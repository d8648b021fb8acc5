import { describe } from 'node:test'
import { bounds } from './store/bounds.ts'
import { deadlines } from './store/deadlines.ts'
import { finding } from './store/finding.ts'
import { keeping } from './store/keeping.ts'
import { racing } from './store/racing.ts'
import { propertyOf, type StoreFactory, type StoreKnobs } from './store/subject.ts'
import { sweeping } from './store/sweeping.ts'
import { writing } from './store/writing.ts'

export type { StoreFactory, StoreKnobs, Subject } from './store/subject.ts'

/**
 * What every store must do, as `node:test` tests. `factory` makes a fresh, empty store for each of them. What a store
 * declares that it lacks (`owned`, `scan`) and what its factory cannot offer (`peer`, `apart`, `breakIt`) shows up as a
 * skipped test with its reason, never as a passed one.
 *
 * @example
 * storeSuite('my store', async () => {
 *   const clock = manualClock()
 *   const store = myStore({ clock })
 *   return { store, clock, close: () => store.close() }
 * })
 */
export function storeSuite(name: string, factory: StoreFactory, knobs: StoreKnobs = {}): void {
  describe(`${name} is a store`, () => {
    const property = propertyOf(factory, knobs)
    for (const properties of [writing, racing, keeping, deadlines, sweeping, finding, bounds]) properties(property)
  })
}
