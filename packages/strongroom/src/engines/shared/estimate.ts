/** How many entries a store has: what `estimate` resolves to. */
export interface Count {
  readonly count: number
  readonly exact: boolean
}

/** So many entries are looked at, at most, or at least where there are more: 1 in √2500 is 2 %, and five times that the error that is promised. */
export const SAMPLE = 2500

/**
 * How many entries have been counted, from the first ids in their order. Ids are spread evenly, so that how far these reach says how many
 * there are in all. `last` is the last of them, in hexadecimal digits.
 */
export function countFrom(seen: number, last: string | null): Count {
  if (seen < SAMPLE || last === null) return { count: seen, exact: true }
  // As many digits as fit into a number.
  const share = (Number.parseInt(last.slice(0, 13), 16) + 1) / 16 ** 13
  return { count: Math.max(seen, Math.round((seen - 1) / share)), exact: false }
}
