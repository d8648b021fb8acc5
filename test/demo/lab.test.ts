import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { cellOf, standingOf } from '../../demo/lab/properties.ts'
import { readReport } from '../../demo/lab/recorded.ts'
import type { Report, Verdict } from '../../packages/cli/src/lab/report.ts'
import { labReport, labReportIn } from '../browser/lab-report.ts'
import { folder } from '../browser/running.ts'

suite('an engine keeps a property', () => {
  const [row] = labReport().rows
  assert.ok(row)
  /** A report with some attacks on one property. */
  const standing = (...verdicts: Verdict[]) => {
    const report = labReport()
    const [attack] = report.attacks
    const [cell] = report.cells
    assert.ok(attack && cell)
    const attacks = verdicts.map((_, i) => ({ ...attack, name: `attack ${i}`, property: 'final' as const }))
    const cells = verdicts.map((verdict, i) => ({ ...cell, row: row.name, attack: `attack ${i}`, verdict }))
    return standingOf({ ...report, attacks, cells } satisfies Report, row, 'final')
  }

  test('when every attack that applies was run and failed', () => {
    assert.deepEqual(standing('held', 'held'), { verdict: 'held', count: '2 of 2 attacks failed' })
    assert.deepEqual(standing('held', 'not applicable'), { verdict: 'held', count: '1 of 1 attacks failed' })
  })
  test('and not when one succeeded, whatever else was not run', () => {
    assert.equal(standing('held', 'broken', 'not run').verdict, 'broken')
  })
  test('and nobody knows when one was not run, or none exists', () => {
    assert.deepEqual(standing('held', 'not run'), { verdict: 'not run', count: '1 of 2 attacks failed' })
    assert.equal(standing().verdict, 'not run')
  })
  test('or has nothing to attack', () => assert.equal(standing('not applicable').verdict, 'not applicable'))
})

suite('a report', () => {
  test('is read from a file of strongroom lab --json', async (t) => {
    assert.deepEqual(await readReport(labReportIn(folder(t))), labReport())
  })

  test('that is none is refused, with what to do', async (t) => {
    const cwd = folder(t)
    for (const other of [null, [], 'text', { format: 2, rows: [], attacks: [], cells: [] }, { format: 1, rows: {} }])
      await assert.rejects(readReport(labReportIn(cwd, other)), /strongroom lab --json/)
    writeFileSync(join(cwd, 'half.json'), '{"format":1')
    await assert.rejects(readReport(join(cwd, 'half.json')), /strongroom lab --json/)
    await assert.rejects(readReport(join(cwd, 'none.json')), /cannot be read: ENOENT/)
  })

  test('has a cell for a row and an attack, and for nothing else', () => {
    const report = labReport()
    const [cell] = report.cells
    assert.equal(cellOf(report, cell?.row, cell?.attack), cell)
    for (const other of [undefined, '', '__proto__', ['memory']])
      assert.equal(cellOf(report, other, cell?.attack), null)
  })
})
