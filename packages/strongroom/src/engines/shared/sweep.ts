import timers from 'node:timers/promises'
import type { ClearOptions } from '../../store.ts'

/** How many entries one step may remove; what makes no sense as a count is one at a time. */
export function batchOf(options: ClearOptions): number {
  return atLeastOne(options.batch ?? 1000)
}

/** A page or batch size that always makes progress. */
export function atLeastOne(count: number): number {
  return count >= 1 ? Math.floor(count) : 1
}

/** A rest is not longer than this, in ms: a batch that had to wait for a lock was no work. */
const LONGEST_REST = 100

/**
 * Drives a `clearExpired`: each step removes one batch and yields how many it removed. Between two steps the event loop gets
 * its turn, progress is told when there was some, and an abort ends the sweep with what was done so far.
 *
 * With `gently`, it rests after each batch for as long as that took: a server has half of its disk for those who wait for it.
 */
export async function drive(
  steps: AsyncIterable<number>,
  { signal, onProgress }: ClearOptions,
  { gently = false } = {},
): Promise<number> {
  let removed = 0
  if (signal?.aborted) return removed
  let began = performance.now()
  for await (const count of steps) {
    const took = performance.now() - began
    removed += count
    if (count > 0) onProgress?.(removed)
    if (gently && count > 0) await rest(Math.min(took, LONGEST_REST), signal)
    else await timers.setImmediate()
    if (signal?.aborted) break
    began = performance.now()
  }
  return removed
}

async function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  // An abort ends the rest, and is no error.
  await timers.setTimeout(ms, undefined, signal ? { signal } : undefined).catch(() => undefined)
}
