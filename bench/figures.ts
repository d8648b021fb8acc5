export type Bench = 'http' | 'micro' | 'memory' | 'scale' | 'trips' | 'rest' | 'purge'

/** One number that was measured. */
export interface Figure {
  readonly bench: Bench
  readonly contender: string
  /** The route, or whatever else was done. */
  readonly route: string
  readonly value: number
  readonly unit: string
  /** What part of its limit the contender reaches; null where there is none to hold it against. */
  readonly ratioToLimit: number | null
  /** What the ratio was in the worst and in the best round. */
  readonly spread?: readonly [worst: number, best: number] | undefined
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return Number.isInteger(middle)
    ? ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
    : (sorted[Math.floor(middle)] as number)
}

/** Do both tell of the same thing, whatever the value? */
export const isSame = (a: Figure, b: Figure): boolean =>
  a.bench === b.bench && a.contender === b.contender && a.route === b.route && a.unit === b.unit

/** The figure of this contender, route and unit, if that was measured in this run. */
export function find(figures: readonly Figure[], contender: string, route: string, unit?: string): Figure | undefined {
  return figures.find(
    (figure) => figure.contender === contender && figure.route === route && (unit ?? figure.unit) === figure.unit,
  )
}
