import { type Bench, type Figure, isSame } from '../figures.ts'
import { type Bar, passes } from './bars.ts'

/** How, when and where something was measured. */
export interface Run {
  readonly about: string
  readonly parts: readonly Bench[]
}

export interface Recording {
  readonly runs: readonly Run[]
  readonly figures: readonly Figure[]
}

/**
 * A figure that was measured again takes the place of the older one. Of the parts that the new run measured completely, nothing
 * older is left: it may be about contenders that there are no more.
 */
export function merge(older: Recording, newer: Recording, complete: readonly Bench[]): Recording {
  const runs = older.runs.map(({ about, parts }) => ({
    about,
    parts: parts.filter((part) => !complete.includes(part)),
  }))
  const figures = older.figures.filter(({ bench }) => !complete.includes(bench))
  for (const figure of newer.figures) {
    const at = figures.findIndex((old) => isSame(figure, old))
    figures.splice(at < 0 ? figures.length : at, 1, figure)
  }
  return { runs: [...runs.filter(({ parts }) => parts.length > 0), ...newer.runs], figures }
}

/** One line for each run and each figure. Four digits are more than any of them is worth. */
export function toJsonLines({ runs, figures }: Recording): string {
  const heads = runs.map((run) => ({ bench: 'run', ...run }))
  const lines = figures.map(({ value, ratioToLimit, spread, interval, ...figure }) => ({
    ...figure,
    value: rounded(value),
    ratio_to_limit: ratioToLimit === null ? undefined : rounded(ratioToLimit),
    spread: spread?.map(rounded),
    interval: interval?.map(rounded),
  }))
  return [...heads, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('')
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
    runs: lines.filter(({ bench }) => bench === 'run').map(({ about, parts }) => ({ about, parts })),
    figures: lines
      .filter(({ bench }) => bench !== 'run' && bench !== 'bar')
      .map(({ ratio_to_limit = null, ...figure }) => ({ ...figure, ratioToLimit: ratio_to_limit })),
  }
}

const rounded = (value: number) => Number(value.toPrecision(4))
