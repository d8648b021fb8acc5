import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import CliTable from 'cli-table3'
import { root } from '../../scripts/packages.ts'
import { apart } from '../processors.ts'
import { pageOf } from './page.ts'
import { type Recording, toJsonLines } from './record.ts'
import type { Table } from './tables.ts'

/** How, when and on which machine the figures of this run were measured. */
export function circumstances(command: string): string {
  const [first] = cpus()
  const date = new Date().toISOString().slice(0, 10)
  const machine = `${cpus().length} × ${first?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB`
  const places = apart ? 'server and load on processors of their own' : 'server and load on the SAME processors'
  return `${command} · ${date} · Node ${process.version} · ${machine} · ${process.platform} ${release()} · ${places}`
}

export function toTerminal(tables: readonly Table[]): string {
  return tables.map(({ title, head, rows }) => `${title}\n${framed(head, rows)}\n`).join('\n')
}

function framed(head: readonly string[], rows: Table['rows']): string {
  const table = new CliTable({ head: [...head], style: { head: [], border: [], compact: true } })
  for (const row of rows) table.push([...row])
  return table.toString()
}

const DOCS = join(root, 'docs')

/** Writes docs/benchmarks.md, its pictures, and the figures from which both can be made again. */
export function toDocs(recording: Recording): void {
  const path = join(DOCS, 'benchmarks.md')
  const { text, pictures } = pageOf(readFileSync(path, 'utf8'), recording)
  for (const old of globSync('images/bench-*.svg', { cwd: DOCS })) rmSync(join(DOCS, old))
  for (const [name, svg] of pictures) writeFileSync(join(DOCS, 'images', name), svg)
  writeFileSync(path, text)
  writeFileSync(join(DOCS, 'benchmarks.jsonl'), toJsonLines(recording))
}
