import { BUCKETS, type Histogram } from './latency.ts'

/** What happened in one interval, as it is counted, added and stored. */
export interface Point {
  /** By name, how often. */
  readonly counts: Record<string, number>
  /** By method of the store, how long its calls took. */
  readonly calls: Record<string, Histogram>
  /** By method, how many of them failed. */
  readonly failed: Record<string, number>
  /** What was in the store when it was last looked at, live and expired; null where that is unknown. */
  stored: readonly [live: number | null, expired: number | null] | null
}

export const emptyPoint = (): Point => ({ counts: {}, calls: {}, failed: {}, stored: null })

/** Adds another interval's, or another process', figures to this one's. */
export function addPoint(to: Point, { counts, calls, failed, stored }: Point): void {
  addCounts(to.counts, counts)
  addCounts(to.failed, failed)
  for (const [method, histogram] of Object.entries(calls)) {
    to.calls[method] ??= {}
    addCounts(to.calls[method], histogram)
  }
  to.stored = stored ?? to.stored
}

function addCounts(to: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(more)) to[name] = (to[name] ?? 0) + count
}

/** What is not exactly a point was written by somebody else. */
export function isPoint(value: unknown): value is Point {
  if (!isRecord(value)) return false
  const { counts, calls, failed, stored } = value
  return (
    isCounts(counts) &&
    isCounts(failed) &&
    isRecord(calls) &&
    hasOwnNames(calls) &&
    Object.values(calls).every(isHistogram) &&
    (stored === null || (Array.isArray(stored) && stored.length === 2 && stored.every((n) => n === null || isCount(n))))
  )
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
/** Adding to a name that every object has, such as `__proto__`, would change all objects of the process. */
const hasOwnNames = (value: object) => Object.keys(value).every((name) => !(name in Object.prototype))
const isCounts = (value: unknown) => isRecord(value) && hasOwnNames(value) && Object.values(value).every(isCount)
const isHistogram = (value: unknown) =>
  isCounts(value) && Object.keys(value as object).every((bucket) => /^\d+$/.test(bucket) && Number(bucket) < BUCKETS)
