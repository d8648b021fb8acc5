const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** How fine and how far back figures go. What lies in one block is stored together. All in ms. */
export interface Scale {
  readonly every: number
  readonly block: number
  readonly span: number
}

export const SCALES = {
  hour: { every: 10 * SECOND, block: 10 * MINUTE, span: HOUR },
  day: { every: 5 * MINUTE, block: 4 * HOUR, span: DAY },
  month: { every: HOUR, block: 2 * DAY, span: 30 * DAY },
} as const satisfies Readonly<Record<string, Scale>>

export type ScaleName = keyof typeof SCALES
export const SCALE_NAMES = Object.keys(SCALES) as readonly ScaleName[]

export const FINEST: Scale = SCALES.hour

export const startOf = (at: number, length: number): number => at - (at % length)

/** Where the blocks begin that have a part of the last `span` in them, the oldest first. */
export function blocksOf({ block, span }: Scale, now: number): readonly number[] {
  const blocks: number[] = []
  for (let at = startOf(now - span, block); at <= now; at += block) blocks.push(at)
  return blocks
}
