/**
 * How many calls took how long, in buckets whose limits are a quarter of an octave apart: a percentile is right to 9 %, whatever its
 * size, and two histograms are added bucket by bucket.
 */
export type Histogram = Record<string, number>

/** In ms: what is faster counts as this. */
const FASTEST = 0.01
const PER_OCTAVE = 4
/** Up to 100 s and more: longer than any time limit. */
export const BUCKETS = 96

export function bucketOf(ms: number): number {
  if (!(ms > FASTEST)) return 0
  return Math.min(BUCKETS - 1, Math.floor(Math.log2(ms / FASTEST) * PER_OCTAVE))
}

/** The middle of a bucket, in ms. */
const msOf = (bucket: number) => FASTEST * 2 ** ((bucket + 0.5) / PER_OCTAVE)

/** The time, in ms to three digits, within which this share of the calls was over; null without calls. */
export function percentile(histogram: Histogram, share: number): number | null {
  const buckets = Object.entries(histogram)
    .map(([bucket, count]) => [Number(bucket), count] as const)
    .sort(([a], [b]) => a - b)
  const wanted = share * buckets.reduce((sum, [, count]) => sum + count, 0)
  let seen = 0
  for (const [bucket, count] of buckets) {
    seen += count
    if (seen >= wanted) return Number(msOf(bucket).toPrecision(3))
  }
  return null
}
