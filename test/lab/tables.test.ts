import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { recordedReport } from '../../packages/cli/src/lab/index.ts'
import { fromLines, toLines } from '../../packages/cli/src/lab/recording.ts'
import type { Cell, Report } from '../../packages/cli/src/lab/report.ts'
import { ATTACKERS, PAGES, withTables } from '../../scripts/lab/tables.ts'
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

/** The report as if every attack had failed, but for these cells. */
const withVerdicts = (changes: Readonly<Record<string, Readonly<Record<string, Partial<Cell>>>>>): Report => ({
  ...report,
  cells: report.cells.map((cell) => ({ ...cell, verdict: 'held', ...changes[cell.row]?.[cell.attack] })),
})

const broken = { verdict: 'broken', promised: false } as const
const notRun = { verdict: 'not run' } as const

/** The cells of one line of a table, without its first. */
function lineOf(name: string, first: string, shown: Report): readonly string[] {
  const page = withTables(`<!-- lab: ${name} -->\n<!-- lab end -->`, [name], shown)
  const line = page.split('\n').find((line) => line.includes(first)) ?? assert.fail(page)
  return line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''))
}

suite('the table of attackers', () => {
  const FILES = "the database's files"
  const engines = report.rows.filter(({ seal }) => seal === 'two-key').map(({ name }) => name)

  test('has every attack of a person, and each in one place', () => {
    const shown = ATTACKERS.flatMap(([, attacks]) => attacks)
    assert.deepEqual(
      shown.filter((name, index) => shown.indexOf(name) !== index),
      [],
    )
    const known = new Set(report.attacks.map(({ name }) => name))
    assert.deepEqual(
      shown.filter((name) => !known.has(name)),
      [],
    )
    const missing = report.attacks.filter(({ attacker, name }) => !/^nobody/.test(attacker) && !shown.includes(name))
    assert.deepEqual(
      missing.map(({ name }) => name),
      [],
      'to which attacker of scripts/lab/tables.ts does it belong?',
    )
  })

  test('counts the engines on which every attack failed, and names those on which one succeeded', () => {
    const count = engines.length
    assert.equal(lineOf('attackers', FILES, withVerdicts({}))[1], `✓ ${count}`)
    const weak = withVerdicts({ mysql: { 'read-a-backup': broken } })
    assert.equal(lineOf('attackers', FILES, weak)[1], `✓ ${count - 1}, ✗ 1: \`mysql\``)
    const none = {
      'read-the-files': { verdict: 'not applicable' },
      'read-a-backup': { verdict: 'not applicable' },
    } as const
    const nothing = withVerdicts(Object.fromEntries(engines.map((name) => [name, none])))
    assert.equal(lineOf('attackers', FILES, nothing)[1], '–')
  })

  test('counts an engine as broken on which one attack failed and another succeeded, and says what was not run', () => {
    const mixed = withVerdicts({
      file: { 'read-the-files': broken },
      sqlite: { 'read-a-backup': notRun },
      mysql: { 'read-a-backup': { ...broken, promised: true } },
    })
    const [, cell] = lineOf('attackers', FILES, mixed)
    assert.equal(cell, `✓ ${engines.length - 3}, ? 1: \`sqlite\`, ✗ 1: \`file\`, **!** 1: \`mysql\``)
  })

  test('takes engines under another seal, and those whose sessions are in cookies, for themselves', () => {
    const changed = withVerdicts({
      'sqlite, seal server-key': { 'read-the-files': broken },
      'postgres, seal none': { 'read-the-files': notRun },
      'cookie, signed': { 'read-the-files': broken },
    })
    const [, default_, keyed, open, inCookies] = lineOf('attackers', FILES, changed)
    assert.equal(default_, `✓ ${engines.length}`)
    assert.match(keyed ?? '', /^✓ \d+, ✗ 1: `sqlite`$/)
    assert.match(open ?? '', /^✓ \d+, \? 1: `postgres`$/)
    assert.match(inCookies ?? '', /^✓ \d+, ✗ 1: `signed`$/)
  })
})

suite('the table of properties', () => {
  test('gives what succeeded a letter, and explains it below', () => {
    const shown = withVerdicts({ file: { 'alter-a-cookie': broken, 'made-up-tokens': broken } })
    assert.equal(lineOf('properties', '[`file`]', shown)[4], '✗ a b')
    assert.equal(lineOf('properties', 'Alter a cookie', shown)[0], 'a Alter a cookie · b Made-up tokens')
    assert.equal(lineOf('properties', '[`sqlite`]', shown)[4], '✓')
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
