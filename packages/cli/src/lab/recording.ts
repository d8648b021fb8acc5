import type { Cell, Report } from './report.ts'

/** A report as lines, each of which can be read by itself: the whole without its cells, then a line for each cell. */
export function toLines({ cells, ...rest }: Report): string {
  return [rest, ...cells].map((each) => `${JSON.stringify(each)}\n`).join('')
}

/** What `toLines` has written. */
export function fromLines(text: string): Report {
  const [first = '', ...rest] = text.trimEnd().split('\n')
  const cells = rest.map((line) => JSON.parse(line) as Cell)
  return { ...(JSON.parse(first) as Omit<Report, 'cells'>), cells }
}
