import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { recordedReport } from '../../packages/cli/src/lab/index.ts'
import { fromLines, toLines } from '../../packages/cli/src/lab/recording.ts'
import type { Report } from '../../packages/cli/src/lab/report.ts'
import { PAGES, withTables } from '../../scripts/lab/tables.ts'
import { root } from '../../scripts/packages.ts'

const report = recordedReport()
const AGAIN = 'write them again: node scripts/lab.ts --tables'

suite('the tables of the documentation', () => {
  for (const [page, names] of Object.entries(PAGES))
    test(`${page}: its tables are those of the recorded run`, () => {
      const text = readFileSync(join(root, page), 'utf8')
      assert.equal(text, withTables(text, names, report), AGAIN)
    })

  test('a table without a place on its page is an error, and so is a place without a table', () => {
    assert.throws(() => withTables('', ['matrix'], report), /no place for "matrix"/)
    assert.throws(
      () => withTables('<!-- lab: weather -->\n<!-- lab end -->', [], report),
      /Nothing is called "weather"/,
    )
  })

  test('a promise that was broken stands out from what nobody promised', () => {
    const [row, attack] = [report.rows[0], report.attacks[0]]
    assert.ok(row && attack)
    const cell = { row: row.name, attack: attack.name, summary: '', evidence: [], ms: 1, verdict: 'broken' } as const
    const page = '<!-- lab: matrix -->\n<!-- lab end -->'
    const shown = (promised: boolean) =>
      withTables(page, ['matrix'], { ...report, rows: [row], attacks: [attack], cells: [{ ...cell, promised }] })
    assert.match(shown(true), /\| \*\*!\*\* \|/)
    assert.match(shown(false), /\| ✗ \|/)
  })
})

suite('the recorded run', () => {
  test('has a cell for each row and attack, in their order', () => {
    assert.deepEqual(
      report.cells.map(({ row, attack }) => `${row}, ${attack}`),
      report.rows.flatMap(({ name }) => report.attacks.map((attack) => `${name}, ${attack.name}`)),
    )
  })

  test('broke no promise', () =>
    assert.deepEqual(
      report.cells
        .filter(({ verdict, promised }) => verdict === 'broken' && promised)
        .map(({ row, attack }) => [row, attack]),
      [],
    ))

  test('is the same after it was written into a file and read from it', () => {
    const copy: Report = fromLines(toLines(report))
    assert.deepEqual(copy, report)
  })
})
