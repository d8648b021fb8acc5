/** What was measured several times: the mean, and where the true value lies with 95 % confidence. */
export interface Estimate {
  readonly value: number
  /** Null for a single measurement, which does not tell how far another one would be from it. */
  readonly interval: readonly [low: number, high: number] | null
}

/** The 97.5th percentile of Student's t distribution, by degrees of freedom from 1 on. */
const T = [
  12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
]

/** Of independent measurements. Slices of one process are not independent: the compiler's results differ from one start to the next. */
export function estimateOf(measured: readonly number[]): Estimate {
  const count = measured.length
  const value = measured.reduce((sum, one) => sum + one, 0) / count
  if (count < 2) return { value, interval: null }
  const variance = measured.reduce((sum, one) => sum + (one - value) ** 2, 0) / (count - 1)
  // With more than 30 the last of them is a little too wide.
  const half = (T[Math.min(count - 1, T.length) - 1] as number) * Math.sqrt(variance / count)
  return { value, interval: [value - half, value + half] }
}
