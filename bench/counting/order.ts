import type { Pair } from './figures.ts'

/** The other one first in every second turn, so that what gets slower or faster all the time favours neither. */
export async function inOrder(
  turn: number,
  without: () => Promise<number>,
  withFigures: () => Promise<number>,
): Promise<Pair> {
  if (turn % 2 === 0) {
    const first = await without()
    return { without: first, with: await withFigures() }
  }
  const first = await withFigures()
  return { without: await without(), with: first }
}
