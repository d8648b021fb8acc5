import { setImmediate as turn } from 'node:timers/promises'
import type { Listing, ListOptions } from '../../store.ts'
import { atLeastOne } from './sweep.ts'

/**
 * How many entries a step looks at where some of them may turn out not to be live: with small pages, it would take as many steps as
 * there are dead entries.
 */
export const STEP = 100

/**
 * Pages of listings, from a store that reads them in bounded steps. `read` gets the position where the step before has ended, and
 * the size of a page. It resolves to listings, of any number, and to the next position, which is null at the end. Other work runs
 * between two steps and between two pages: memory and SQLite answer immediately, and the whole list would block the event loop.
 */
export async function* inPages<Position>(
  { page = 500 }: ListOptions,
  start: Position,
  read: (
    from: Position,
    size: number,
  ) => Promise<{ readonly listings: readonly Listing[]; readonly next: Position | null }>,
): AsyncGenerator<Listing[]> {
  const size = atLeastOne(page)
  const found: Listing[] = []
  for (let from: Position | null = start; from !== null; ) {
    const { listings, next }: Awaited<ReturnType<typeof read>> = await read(from, size)
    found.push(...listings)
    while (found.length >= size || (next === null && found.length > 0)) {
      yield found.splice(0, size)
      if (found.length > 0) await turn()
    }
    if (next !== null) await turn()
    from = next
  }
}
