import type { Cell, Property, Report, RowInfo, Verdict } from '../../packages/cli/src/lab/report.ts'

/** All attacks on one property of one engine, in one word. */
export interface Standing {
  readonly verdict: Verdict
  /** "3 of 4 attacks failed" */
  readonly count: string
}

/** An engine holds a property when every attack on it that applies was run, and failed. One that was not run leaves it open. */
export function standingOf(report: Report, row: RowInfo, property: Property): Standing {
  const names = new Set(report.attacks.filter((attack) => attack.property === property).map(({ name }) => name))
  const cells = report.cells.filter((cell) => cell.row === row.name && names.has(cell.attack))
  const having = (verdict: Verdict) => cells.filter((cell) => cell.verdict === verdict).length
  const [held, broken, open] = [having('held'), having('broken'), having('not run')]
  const verdict =
    broken > 0 ? 'broken' : open > 0 || cells.length === 0 ? 'not run' : held > 0 ? 'held' : 'not applicable'
  return { verdict, count: `${held} of ${held + broken + open} attacks failed` }
}

export function cellOf(report: Report, row: unknown, attack: unknown): Cell | null {
  return report.cells.find((cell) => cell.row === row && cell.attack === attack) ?? null
}
