import { readFileSync } from 'node:fs'
import { fromLines } from './recording.ts'
import type { Report } from './report.ts'

export {
  type AttackInfo,
  type Cell,
  type Evidence,
  type Family,
  PROPERTIES,
  type Property,
  type Report,
  type RowInfo,
  VERDICTS,
  type Verdict,
} from './report.ts'

/** The same place from the sources and from what is compiled of them. */
const RECORDED = new URL('../../recorded.jsonl', import.meta.url)

let recorded: Report | null = null

/**
 * The run of `strongroom lab --peers` that this version was released with: what the tables of the documentation are written from.
 * Read from a file at the first call.
 */
export function recordedReport(): Report {
  recorded ??= fromLines(readFileSync(RECORDED, 'utf8'))
  return recorded
}
