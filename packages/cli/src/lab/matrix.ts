import { styleText } from 'node:util'
import { type Cell, PROPERTIES, type Report, type Verdict } from './report.ts'

/** A table of strings, for the terminal to draw. */
export interface Table {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

const MARKS: Readonly<Record<Verdict, string>> = { held: '✓', broken: '✗', 'not applicable': '–', 'not run': '?' }
const COLOURS: Readonly<Record<Verdict, 'green' | 'red' | 'gray' | 'yellow'>> = {
  held: 'green',
  broken: 'red',
  'not applicable': 'gray',
  'not run': 'yellow',
}

/** Did an attack succeed that the documents promise to fail? */
export const isBrokenPromise = ({ verdict, promised }: Cell): boolean => verdict === 'broken' && promised

/** One character: a promise that was broken is told from what nobody has promised. */
export const markOf = (cell: Cell): string =>
  styleText(COLOURS[cell.verdict], isBrokenPromise(cell) ? '!' : MARKS[cell.verdict])

export const LEGEND = '✓ held   ✗ broken, and no promise   ! broken, and promised   – nothing to attack   ? not run'

/** Between two columns, as `table` draws them. */
const GAP = 2

/**
 * The matrix as tables of at most `width` characters: attacks down, grouped by the property that they attack, and engines across,
 * each under a letter. Several tables, one after the other, where the engines do not fit into one.
 */
export function matrixOf(
  report: Report,
  width: number,
): { readonly tables: readonly Table[]; readonly letters: readonly string[] } {
  const cells = new Map(report.cells.map((cell) => [`${cell.row}\n${cell.attack}`, cell]))
  const letters = report.rows.map((_, index) => letterOf(index))
  const longest = Math.max(...report.attacks.map(({ title }) => title.length))
  const titles = Math.max(20, Math.min(longest, width - 10 * (1 + GAP)))
  const fit = Math.max(1, Math.floor((width - titles) / (Math.max(...letters.map((one) => one.length)) + GAP)))
  const tables: Table[] = []
  for (let from = 0; from < report.rows.length; from += fit) {
    const rows = report.rows.slice(from, from + fit)
    tables.push({
      head: ['', ...letters.slice(from, from + fit)],
      rows: PROPERTIES.flatMap((property) => {
        const attacks = report.attacks.filter((attack) => attack.property === property)
        const lines = attacks.map(({ name, title }) => [
          cut(title, titles),
          ...rows.map((row) => markOf(cells.get(`${row.name}\n${name}`) as Cell)),
        ])
        return lines.length === 0 ? [] : [[styleText('bold', property), ...rows.map(() => '')], ...lines]
      }),
    })
  }
  return { tables, letters }
}

/** a to z, then A to Z, then aa and so on. */
function letterOf(index: number): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
  const letter = alphabet[index % alphabet.length] as string
  return index < alphabet.length ? letter : `${letterOf(Math.floor(index / alphabet.length) - 1)}${letter}`
}

const cut = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text)

/** "18 engines, 31 attacks: 402 held, 29 broken (0 of them promised), 120 not applicable, 7 not run". */
export function countsOf({ rows, attacks, cells }: Report): string {
  const count = (verdict: Verdict) => cells.filter((cell) => cell.verdict === verdict).length
  const promised = cells.filter(isBrokenPromise).length
  const of = `${plural(rows.length, 'engine')}, ${plural(attacks.length, 'attack')}`
  return `${of}: ${count('held')} held, ${count('broken')} broken (${promised} of them promised), ${count('not applicable')} with nothing to attack, ${count('not run')} not run`
}

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`
