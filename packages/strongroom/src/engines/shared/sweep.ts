import timers from 'node:timers/promises'
import type { ClearOptions } from '../../store.ts'

/** How many entries one step may remove. An invalid count becomes 1. */
export function batchOf(options: ClearOptions): number {
  return atLeastOne(options.batch ?? 1000)
}

/** A page or batch size with which every step makes progress. */
export function atLeastOne(count: number): number {
  return count >= 1 ? Math.floor(count) : 1
}

/** The longest rest, in ms: a batch that took longer had to wait for a lock, and did not work all that time. */
const LONGEST_REST = 100

/**
 * Runs a `clearExpired`: each step removes one batch and yields how many it removed. Between two steps, other work gets
 * its turn on the event loop, progress is reported if there was any, and an abort ends the sweep with the count so far.
 *
 * With `gently`, it rests after each batch for as long as the batch took, so that a server has half of its time for
 * requests.
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
  // An abort only ends the rest.
  await timers.setTimeout(ms, undefined, signal ? { signal } : undefined).catch(() => undefined)
}
