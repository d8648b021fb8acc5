import type { AttackInfo, Cell, Report, RowInfo, Verdict } from '../lab/report.ts'
import type { Answers } from './answers.ts'
import { attackerOf } from './attackers.ts'
import { type Candidate, type Leaf, leavesOf } from './candidates.ts'

/** What a recommendation rests on: the lab's report, or null where nothing was recorded. */
export interface Evidence {
  readonly report: Report | null
}

/** A cell of the lab, as it counts for a candidate. */
export interface Cited {
  /** The row and the attack of the lab, for links. Null where the lab has no row for the candidate. */
  readonly row: string | null
  readonly attack: string
  readonly title: string
  readonly attacker: string
  readonly verdict: Verdict
  /** What the lab says about it, or why it does not count. */
  readonly summary: string
}

export interface Judged {
  /** Attacks on what was asked for. */
  readonly asked: readonly Cited[]
  /** Broken by attacks that were not asked for: another property, or an attacker who was left out. */
  readonly elsewhere: readonly Cited[]
}

/** A report whose cells can be found. */
export interface Indexed {
  readonly report: Report
  readonly cells: ReadonlyMap<string, Cell>
}

const keyOf = (row: string, attack: string) => `${row}\n${attack}`

export const indexed = ({ report }: Evidence): Indexed | null =>
  report && { report, cells: new Map(report.cells.map((cell) => [keyOf(cell.row, cell.attack), cell])) }

/** All attacks of the report on a candidate. What the lab did not run is `not run`: never held. */
export function judge(candidate: Candidate, answers: Answers, indexed: Indexed | null): Judged {
  if (indexed === null) return { asked: [], elsewhere: [] }
  const { report, cells } = indexed
  const rows = rowsOf(candidate, report)
  const stronger = strongerRowsOf(candidate, report)
  const cite = (attack: AttackInfo): Cited => {
    const cellOf = (info: RowInfo) => cells.get(keyOf(info.name, attack.name))
    const found = cited(
      attack,
      rows.map((row) => ({ ...row, cell: cellOf(row.info) })),
    )
    if (found.verdict !== 'not run') return found
    const cell =
      stronger.map(cellOf).find((each) => each?.verdict === 'broken') ??
      (rows.some(({ isExact }) => isExact) ? null : brokenBySeal(candidate, attack, indexed))
    return cell ? { ...found, row: cell.row, verdict: 'broken', summary: `${cell.summary}, in ${cell.row}` } : found
  }
  const asked: Cited[] = []
  const elsewhere: Cited[] = []
  for (const attack of report.attacks) {
    const each = cite(attack)
    if (isAsked(attack, answers)) asked.push(each)
    else if (each.verdict === 'broken') elsewhere.push(each)
  }
  return { asked, elsewhere }
}

/** A property that matters, and nobody who was left out. */
export function isAsked(
  attack: AttackInfo,
  { properties, attackers }: Pick<Answers, 'properties' | 'attackers'>,
): boolean {
  if (!properties.includes(attack.property)) return false
  const by = attackerOf(attack)
  return attackers === null || by === null || attackers.includes(by)
}

interface FoundRow {
  readonly info: RowInfo
  /** Is it this very engine, or one that differs in the store behind it? */
  readonly isExact: boolean
}

/** The rows of this engine under this seal; where there is none, those of its next of kin. */
export function rowsOf(candidate: Candidate, report: Report): readonly FoundRow[] {
  const ours = report.rows.filter(({ family, seal }) => family === 'strongroom' && seal === candidate.seal)
  const exact = ours.filter((row) => isRowOf(candidate, row))
  if (exact.length > 0) return exact.map((info) => ({ info, isExact: true }))
  return ours.filter((row) => isKin(candidate, row)).map((info) => ({ info, isExact: false }))
}

/** From the weakest to the strongest, of stores and of cookies. */
const SEALS = [
  ['none', 'server-key', 'two-key'],
  ['signed', 'sealed'],
] as const

function strongerThan(seal: string): readonly string[] {
  const scale: readonly string[] = SEALS.find((each) => (each as readonly string[]).includes(seal)) ?? []
  return scale.slice(scale.indexOf(seal) + 1)
}

/** The rows of this engine under a stronger seal: what breaks there does not hold under a weaker one. */
function strongerRowsOf(candidate: Candidate, report: Report): readonly RowInfo[] {
  const seals = strongerThan(candidate.seal)
  const ours = report.rows.filter(({ family, seal }) => family === 'strongroom' && seals.includes(seal ?? ''))
  const exact = ours.filter((row) => isRowOf(candidate, row))
  return exact.length > 0 ? exact : ours.filter((row) => isKin(candidate, row))
}

/**
 * A cell that says that an attack breaks this seal, whatever is behind it: broken in every row of the seal that was attacked, and for
 * one of them held under a stronger seal, so that the seal is what broke. Null where there is none, or where the engines may be why.
 */
function brokenBySeal({ seal }: Candidate, { name }: AttackInfo, { report, cells }: Indexed): Cell | null {
  const ours = report.rows.filter(({ family }) => family === 'strongroom')
  const cellOf = (row: RowInfo) => cells.get(keyOf(row.name, name))
  const attacked = ours.filter(
    (row) => row.seal === seal && ['held', 'broken'].includes(cellOf(row)?.verdict ?? 'not run'),
  )
  if (attacked.some((row) => cellOf(row)?.verdict === 'held')) return null
  const seals = strongerThan(seal)
  const proof = attacked.find(({ engine }) =>
    ours.some((row) => row.engine === engine && seals.includes(row.seal ?? '') && cellOf(row)?.verdict === 'held'),
  )
  return (proof && cellOf(proof)) ?? null
}

const words = ({ name }: RowInfo) => name.toLowerCase()

/** Redis and Valkey have the same traits: the row says which one it was. */
function saysAll({ shape }: Candidate, row: RowInfo): boolean {
  const leaves = leavesOf(shape)
  const says = (name: string) => words(row).includes(name) || row.engine.includes(name)
  return leaves.includes('valkey') ? says('valkey') : !says('valkey')
}

function isRowOf(candidate: Candidate, row: RowInfo): boolean {
  const { shape } = candidate
  if (shape.kind === 'store') return isCalled(shape.store, row) && saysAll(candidate, row)
  if (shape.kind === 'cached') return row.traits?.engine === candidate.declared.engine && saysAll(candidate, row)
  if (!isCookie(row)) return false
  if (shape.revocations === null) return row.traits?.revocable === false
  // The row of the lab says in which store it has its revocations; without a word, in SQLite.
  const named = REVOCATIONS.find((name) => words(row).includes(name)) ?? 'sqlite'
  return row.traits?.revocable === true && named === shape.revocations
}

/** Valkey is run by the engine of Redis, so its rows may have either name. */
const isCalled = (store: Leaf, { engine }: RowInfo) => engine === store || (store === 'valkey' && engine === 'redis')

const REVOCATIONS = ['postgres', 'mysql', 'valkey', 'redis', 'memory', 'sqlite'] as const
const isCookie = (row: RowInfo) => row.engine.startsWith('cookie')

/** The same engine over another store: what breaks there is not better here, and what holds there is not yet seen here. */
function isKin({ shape }: Candidate, row: RowInfo): boolean {
  if (shape.kind === 'store') return false
  if (shape.kind === 'cookie') return shape.revocations !== null && isCookie(row) && row.traits?.revocable === true
  const isInProcess = row.traits?.engine.endsWith('with memory')
  return row.traits?.engine.startsWith('cached ') === true && isInProcess === (shape.cache === 'memory')
}

/** Of several rows, the worst counts. */
const WORST: readonly Verdict[] = ['broken', 'not run', 'held', 'not applicable']

function cited(
  { name, title, attacker }: AttackInfo,
  found: readonly (FoundRow & { readonly cell: Cell | undefined })[],
): Cited {
  const each = found.map(({ info, isExact, cell }): Cited => {
    const common = { row: info.name, attack: name, title, attacker }
    if (!cell) return { ...common, verdict: 'not run', summary: 'the lab has no result for it' }
    const { verdict, summary } = cell
    if (isExact || verdict === 'broken') return { ...common, verdict, summary }
    return { ...common, verdict: 'not run', summary: `the lab ran ${info.name} instead` }
  })
  const [worst] = each.toSorted((a, b) => WORST.indexOf(a.verdict) - WORST.indexOf(b.verdict))
  return (
    worst ?? {
      row: null,
      attack: name,
      title,
      attacker,
      verdict: 'not run',
      summary: 'the lab did not run this engine',
    }
  )
}
