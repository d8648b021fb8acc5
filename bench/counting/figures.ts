import { type Figure, median } from '../figures.ts'
import { estimateOf } from './interval.ts'

export const WITHOUT = 'µs of processor without figures'
export const WITH = 'µs of processor with figures'
export const MORE = 'µs of processor more with figures'
export const FLUSH = 'µs of processor for a flush'

/** The route of a flush: it happens once a minute, whatever the load. */
export const ONCE_A_MINUTE = 'flush, once a minute'

/** The same requests by the same process, shortly after one another: µs of processor for one. */
export interface Pair {
  readonly without: number
  readonly with: number
}

/** By request, such as "read over HTTP": for each start of the server, its pairs. */
export type Rounds = ReadonlyMap<string, readonly (readonly Pair[])[]>

/**
 * The median of the pairs of one start is one measurement, so that a slice that was disturbed does not count; the figure is the mean of
 * all starts, with its interval.
 */
export function countingFigures(contender: string, rounds: Rounds, flushes: readonly number[]): Figure[] {
  const requests = [...rounds].flatMap(([route, starts]) => {
    const common = { bench: 'counting', contender, route, ratioToLimit: null } as const
    const mean = (of: (pair: Pair) => number) => estimateOf(starts.map((pairs) => median(pairs.map(of))))
    const { value, interval } = mean((pair) => pair.with - pair.without)
    return [
      { ...common, value: mean((pair) => pair.without).value, unit: WITHOUT },
      { ...common, value: mean((pair) => pair.with).value, unit: WITH },
      { ...common, value, unit: MORE, ...(interval && { interval }) },
    ]
  })
  if (flushes.length === 0) return requests
  const flush = { bench: 'counting', contender, route: ONCE_A_MINUTE, ratioToLimit: null } as const
  return [...requests, { ...flush, value: median(flushes), unit: FLUSH }]
}

/** Throws unless every request was counted: what does not count costs nothing. */
export function checkCounted(contender: string, counted: number, requests: number): void {
  if (counted < requests) throw new Error(`${contender}: of ${requests} requests, the figures have ${counted}.`)
}

/** What figures may cost a request, in µs: 4, or 5 % of what it costs without them, whichever is more. */
export const allowedFor = (without: number): number => Math.max(4, 0.05 * without)
