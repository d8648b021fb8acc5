import { barsOf } from './bars.ts'
import { toSvg } from './chart.ts'
import { QUESTIONS } from './questions.ts'
import type { Recording } from './record.ts'
import { slowerThanPeers } from './slower.ts'
import { type Table, tablesOf } from './tables.ts'

export interface Page {
  readonly text: string
  /** By their names in docs/images. */
  readonly pictures: ReadonlyMap<string, string>
}

const SECTION = /(<!-- figures: (\w+) -->\n)[\s\S]*?(<!-- figures end -->)/g

/** docs/benchmarks.md with the recorded figures between its markers, and the pictures that it shows. */
export function pageOf(document: string, recording: Recording): Page {
  const pictures = new Map<string, string>()
  const written = new Set<string>()
  const text = document.replace(SECTION, (_section, begin: string, name: string, end: string) => {
    written.add(name)
    return `${begin}\n${section(name, recording, pictures)}\n\n${end}`
  })
  for (const name of [...Object.keys(QUESTIONS), ...Object.keys(OTHERS)])
    if (!written.has(name)) throw new Error(`docs/benchmarks.md has no place for "${name}": <!-- figures: ${name} -->`)
  return { text, pictures }
}

function section(name: string, recording: Recording, pictures: Map<string, string>): string {
  const other = OTHERS[name]
  if (other) return other(recording)
  const question = QUESTIONS[name]
  if (!question) throw new Error(`Nothing is called "${name}" that docs/benchmarks.md could show.`)
  const answer = question(recording.figures)
  if (!answer) return '*Not measured in the recorded runs.*'
  const file = `bench-${name}.svg`
  pictures.set(file, toSvg(answer.chart))
  return `![${answer.chart.title}, in ${answer.chart.unit}](images/${file})\n\n${piped(answer.table)}`
}

const OTHERS: Readonly<Record<string, (recording: Recording) => string>> = {
  about: ({ runs }) => runs.map(({ about, parts }) => `- ${parts.join(', ')}: \`${about}\``).join('\n'),
  slower({ figures }) {
    const table = slowerThanPeers(figures)
    return table.rows.length > 0 ? piped(table) : 'Nothing that was measured is slower than a peer.'
  },
  all({ figures }) {
    const tables = tablesOf(figures, barsOf(figures))
    return tables.map((table) => `### ${table.title}\n\n${piped(table)}`).join('\n\n')
  },
}

function piped({ head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}
