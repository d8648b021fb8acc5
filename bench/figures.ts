export type Bench = 'http' | 'micro' | 'memory' | 'scale' | 'counting' | 'trips' | 'size' | 'sweep' | 'storage'

/** One number that was measured. */
export interface Figure {
  readonly bench: Bench
  readonly contender: string
  /** The route, or what else was done. */
  readonly route: string
  readonly value: number
  readonly unit: string
  /** The share of its limit that the contender reaches; null where it has none. */
  readonly ratioToLimit: number | null
  /** The ratio in the worst and in the best turn. */
  readonly spread?: readonly [worst: number, best: number] | undefined
  /** Where the true value lies with 95 % confidence, where that was computed. */
  readonly interval?: readonly [low: number, high: number] | undefined
  /** The share of the slices that other programs disturbed, where some were. */
  readonly disturbed?: number | undefined
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return Number.isInteger(middle)
    ? ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
    : (sorted[Math.floor(middle)] as number)
}

/** Did both measure the same thing, whatever the value? */
export const isSame = (a: Figure, b: Figure): boolean =>
  a.bench === b.bench && a.contender === b.contender && a.route === b.route && a.unit === b.unit

/** The figure of this contender, route and unit, if it was measured in this run. */
export function find(figures: readonly Figure[], contender: string, route: string, unit?: string): Figure | undefined {
  return figures.find(
    (figure) => figure.contender === contender && figure.route === route && (unit ?? figure.unit) === figure.unit,
  )
}

/** In the order in which they were measured. */
export const contendersIn = (figures: readonly Figure[], bench: Bench): string[] => [
  ...new Set(figures.filter((figure) => figure.bench === bench).map(({ contender }) => contender)),
]
