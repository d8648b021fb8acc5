const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const

/** "12h": what the options take. Parts of a second are dropped. */
export function durationOf(ms: number): string {
  const [unit, length] = UNITS.find(([, each]) => ms % each === 0) ?? ['s', 1000]
  return `${Math.max(1, Math.floor(ms / length))}${unit}`
}
