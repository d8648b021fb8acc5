import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import CliTable from 'cli-table3'
import type { Figure } from '../figures.ts'
import { apart } from '../processors.ts'
import { type Bar, passes } from './bars.ts'
import type { Table } from './tables.ts'

/** How and on which machine the figures of this run were measured. */
export function circumstances(command: string): string {
  const [first] = cpus()
  const machine = `${cpus().length} × ${first?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB`
  const places = apart ? 'server and load on processors of their own' : 'server and load on the SAME processors'
  return `${command} · Node ${process.version} · ${machine} · ${process.platform} ${release()} · ${places}`
}

export function toTerminal(tables: readonly Table[]): string {
  return tables.map(({ title, head, rows }) => `${title}\n${framed(head, rows)}\n`).join('\n')
}

function framed(head: readonly string[], rows: Table['rows']): string {
  const table = new CliTable({ head: [...head], style: { head: [], border: [], compact: true } })
  for (const row of rows) table.push([...row])
  return table.toString()
}

/** One line for each figure and each bar. */
export function toJsonLines(figures: readonly Figure[], bars: readonly Bar[]): string {
  const lines = figures.map(({ ratioToLimit, spread, ...figure }) => ({
    ...figure,
    ratio_to_limit: ratioToLimit,
    spread,
  }))
  const judged = bars.map((bar) => ({ bench: 'bar', ...bar, pass: passes(bar) }))
  return [...lines, ...judged].map((line) => JSON.stringify(line)).join('\n')
}

/** The figures from the output of `toJsonLines`; bars are computed from them again. */
export function fromJsonLines(text: string): Figure[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter(({ bench }) => bench !== 'bar')
    .map(({ ratio_to_limit, ...figure }) => ({ ...figure, ratioToLimit: ratio_to_limit }))
}

const DOCUMENT = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url))
const [BEGIN, END] = ['<!-- figures: begin (written by npm run bench -- --markdown) -->', '<!-- figures: end -->']

/** Puts the tables into docs/benchmarks.md, between its markers. */
export function toDocument(about: string, tables: readonly Table[]): void {
  const document = readFileSync(DOCUMENT, 'utf8')
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`docs/benchmarks.md lacks its markers: ${BEGIN} and ${END}`)
  const parts = tables.map(({ title, head, rows }) => `### ${title}\n\n${piped(head, rows)}\n`)
  const text = `${BEGIN}\n\n\`${about}\`\n\n${parts.join('\n')}\n`
  writeFileSync(DOCUMENT, document.slice(0, begin) + text + document.slice(end))
}

function piped(head: readonly string[], rows: Table['rows']): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}
