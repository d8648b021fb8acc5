import { type Cell, PROPERTIES, type Property, type Report, type RowInfo, type Verdict } from '@strongroom/cli/lab'

/** All attacks on one property of one engine, in one word. */
export interface Standing {
  /** `in part`: some attacks succeeded and others failed. */
  readonly verdict: Verdict | 'in part'
  /** Of the attacks that apply. */
  readonly held: number
  readonly all: number
}

/** The properties that the report has an attack on. */
export const propertiesOf = ({ attacks }: Report): Property[] =>
  PROPERTIES.filter((property) => attacks.some((attack) => attack.property === property))

/** An engine keeps a property when every attack on it that applies was run, and failed. One that was not run leaves it open. */
export function standingOf(report: Report, row: RowInfo, property: Property): Standing {
  const names = new Set(report.attacks.filter((attack) => attack.property === property).map(({ name }) => name))
  const cells = report.cells.filter((cell) => cell.row === row.name && names.has(cell.attack))
  const having = (verdict: Verdict) => cells.filter((cell) => cell.verdict === verdict).length
  const [held, broken, open] = [having('held'), having('broken'), having('not run')]
  return { verdict: verdictOf({ held, broken, open, none: cells.length === 0 }), held, all: held + broken + open }
}

interface Counts {
  readonly held: number
  readonly broken: number
  readonly open: number
  readonly none: boolean
}

function verdictOf({ held, broken, open, none }: Counts): Standing['verdict'] {
  if (broken > 0) return held > 0 ? 'in part' : 'broken'
  if (open > 0 || none) return 'not run'
  return held > 0 ? 'held' : 'not applicable'
}

export function cellOf(report: Report, row: unknown, attack: unknown): Cell | null {
  return report.cells.find((cell) => cell.row === row && cell.attack === attack) ?? null
}
