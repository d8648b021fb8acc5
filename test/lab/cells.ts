import assert from 'node:assert/strict'
import { ATTACKS } from '../../packages/cli/src/lab/attacks/index.ts'
import { ourRows } from '../../packages/cli/src/lab/ours.ts'
import type { Cell } from '../../packages/cli/src/lab/report.ts'
import { runLab } from '../../packages/cli/src/lab/run.ts'
import type { Row, Site } from '../../packages/cli/src/lab/site.ts'

export const rowNamed = (name: string): Row => ourRows().find((row) => row.name === name) ?? assert.fail(name)

/** Runs these attacks on a row. Fails if one of them ends without evidence. */
export async function cellsOf(row: Row, names: readonly string[]): Promise<Map<string, Cell>> {
  const { cells } = await runLab({ rows: [row], attacks: ATTACKS.filter(({ name }) => names.includes(name)) })
  for (const { verdict, evidence, attack } of cells)
    if (verdict === 'held' || verdict === 'broken') assert.ok(evidence.length > 0, `${attack} has no evidence`)
  return new Map(cells.map((cell) => [cell.attack, cell]))
}

/** The row, with a part of each of its sites replaced by what an engine with this weakness would do. */
export const weakened = (row: Row, weaken: (site: Site) => Partial<Site>): Row => ({
  ...row,
  async start(options) {
    const site = await row.start(options)
    return { ...site, ...weaken(site) }
  },
})

export const seenIn = (cell: Cell | undefined, what: RegExp): string =>
  cell?.evidence.find((each) => what.test(each.what))?.value ?? assert.fail(`no evidence about ${what}`)
