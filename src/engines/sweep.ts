import { setImmediate as turn } from 'node:timers/promises'
import type { ClearOptions } from '../store.ts'

/** How many entries one step may remove; what makes no sense as a count is one at a time. */
export function batchOf(options: ClearOptions): number {
  return atLeastOne(options.batch ?? 1000)
}

/** A page or batch size that always makes progress. */
export function atLeastOne(count: number): number {
  return count >= 1 ? Math.floor(count) : 1
}

/**
 * Drives a `clearExpired`: each step removes one batch and yields how many it removed. Between two steps the event loop gets
 * its turn, progress is told when there was some, and an abort ends the sweep with what was done so far.
 */
export async function drive(steps: AsyncIterable<number>, { signal, onProgress }: ClearOptions): Promise<number> {
  let removed = 0
  if (signal?.aborted) return removed
  for await (const count of steps) {
    removed += count
    if (count > 0) onProgress?.(removed)
    await turn()
    if (signal?.aborted) break
  }
  return removed
}
