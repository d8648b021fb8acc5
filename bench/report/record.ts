import type { Figure } from '../figures.ts'
import { type Bar, passes } from './bars.ts'

/** What runs have measured, and how and where they did. */
export interface Recording {
  readonly about: readonly string[]
  readonly figures: readonly Figure[]
}

/** One line for each run and each figure. Four digits are more than any of them is worth. */
export function toJsonLines({ about, figures }: Recording): string {
  const runs = about.map((text) => ({ bench: 'run', about: text }))
  const lines = figures.map(({ value, ratioToLimit, spread, ...figure }) => ({
    ...figure,
    value: rounded(value),
    ratio_to_limit: ratioToLimit === null ? undefined : rounded(ratioToLimit),
    spread: spread?.map(rounded),
  }))
  return [...runs, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** The same with the bars, which are computed again when this is read. */
export function toJsonLinesWithBars(recording: Recording, bars: readonly Bar[]): string {
  const judged = bars.map((bar) => `${JSON.stringify({ bench: 'bar', ...bar, pass: passes(bar) })}\n`)
  return toJsonLines(recording) + judged.join('')
}

export function fromJsonLines(text: string): Recording {
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
  return {
    about: lines.filter(({ bench }) => bench === 'run').map(({ about }) => about),
    figures: lines
      .filter(({ bench }) => bench !== 'run' && bench !== 'bar')
      .map(({ ratio_to_limit = null, ...figure }) => ({ ...figure, ratioToLimit: ratio_to_limit })),
  }
}

const rounded = (value: number) => Number(value.toPrecision(4))
