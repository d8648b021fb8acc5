import { appendFileSync, existsSync, readFileSync } from 'node:fs'

type Counts = Readonly<Record<string, number>>

/** Where the counts of all test files come together; each runs in a process of its own. Set by `npm test`. */
const path = process.env.STRONGROOM_COUNTS

/** To be told at the end of the whole run. */
export function count(what: string, counts: Counts): void {
  if (path) appendFileSync(path, `${JSON.stringify([what, counts])}\n`)
}

/** One line for each thing that was counted, with the sums; empty if there are none. */
export function linesOf(file: string): string[] {
  if (!existsSync(file)) return []
  const sums = new Map<string, Record<string, number>>()
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const [what, counts] = JSON.parse(line) as [string, Counts]
    const sum = sums.get(what) ?? {}
    sums.set(what, sum)
    for (const [name, value] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + value
  }
  return [...sums].map(
    ([what, sum]) =>
      `${what}: ${Object.entries(sum)
        .map(([name, n]) => `${n} ${name}`)
        .join(', ')}`,
  )
}
