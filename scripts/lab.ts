/**
 * `npm run lab:record`: runs the lab with every engine and every other library, records the report in packages/cli/recorded.jsonl,
 * and writes the tables of the pages. `--tables` only writes the tables again, from what is recorded. `--report FILE` records what
 * `strongroom lab --json` has printed.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Report } from '@strongroom/cli/lab'
import { isBrokenPromise } from '../packages/cli/src/lab/matrix.ts'
import { fromLines, toLines } from '../packages/cli/src/lab/recording.ts'
import { INTERRUPTED } from '../packages/cli/src/lab/run.ts'
import { PAGES, withTables } from './lab/tables.ts'
import { root } from './packages.ts'

const RECORDED = join(root, 'packages', 'cli', 'recorded.jsonl')

const { values } = parseArgs({ options: { tables: { type: 'boolean' }, report: { type: 'string' } } })
if (!values.tables) writeFileSync(RECORDED, toLines(newReport(values.report)))
const report = fromLines(readFileSync(RECORDED, 'utf8'))
for (const [page, names] of Object.entries(PAGES)) {
  const path = join(root, page)
  writeFileSync(path, withTables(readFileSync(path, 'utf8'), names, report))
}

function newReport(file: string | undefined): Report {
  const text = file === undefined ? runAll() : readFileSync(file, 'utf8')
  const report = JSON.parse(text) as Report
  const unfit = report.cells.filter((cell) => isBrokenPromise(cell) || cell.failed || cell.summary === INTERRUPTED)
  // What is published would otherwise say "not run" of what anybody can run.
  if (unfit.length > 0)
    throw new Error(
      `Nothing was recorded: ${unfit.map(({ row, attack, summary }) => `${row}, ${attack}: ${summary}`).join('\n')}`,
    )
  return report
}

function runAll(): string {
  const main = join(root, 'packages', 'cli', 'src', 'main.ts')
  const options = ['--disable-warning=ExperimentalWarning', main, 'lab', '--peers', '--json']
  const { status, stdout } = spawnSync(process.execPath, options, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // A promise that was broken is to be seen before anything is published, and an interrupted run is no record.
  if (status !== 0) throw new Error(`strongroom lab ended with code ${status}: nothing was recorded.`)
  return stdout
}
