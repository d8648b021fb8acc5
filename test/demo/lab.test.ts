import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { PROPERTIES, type Report, recordedReport, type Verdict } from '@strongroom/cli/lab'
import { cellOf, propertiesOf, standingOf } from '../../demo/lab/properties.ts'
import { readReport } from '../../demo/lab/recorded.ts'
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
    assert.deepEqual(standing('held', 'held'), { verdict: 'held', held: 2, all: 2 })
    assert.deepEqual(standing('held', 'not applicable'), { verdict: 'held', held: 1, all: 1 })
  })
  test('in part when some attacks succeeded, and not at all when each did', () => {
    assert.deepEqual(standing('held', 'broken', 'not run'), { verdict: 'in part', held: 1, all: 3 })
    assert.deepEqual(standing('broken', 'not run'), { verdict: 'broken', held: 0, all: 2 })
  })
  test('and nobody knows when one was not run, or none exists', () => {
    assert.deepEqual(standing('held', 'not run'), { verdict: 'not run', held: 1, all: 2 })
    assert.equal(standing().verdict, 'not run')
  })
  test('or has nothing to attack', () => assert.equal(standing('not applicable').verdict, 'not applicable'))

  test('that no attack is on is left out', () => {
    const report = labReport()
    assert.deepEqual(propertiesOf({ ...report, attacks: report.attacks.slice(1) }), PROPERTIES.slice(1))
  })
})

suite('a report', () => {
  test('is the recorded one unless another is named', async () => {
    const report = await readReport(null)
    assert.equal(report, recordedReport())
    assert.ok(report.rows.length > 10 && report.attacks.length > 20)
  })

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
