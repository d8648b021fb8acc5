import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { pageOf } from '../../scripts/asvs/page.ts'
import { proofs } from '../../scripts/asvs/proofs.ts'
import { rows, SOURCES } from '../../scripts/asvs/rows.ts'
import { root } from '../../scripts/packages.ts'

const all = [...rows]
const provable = all.filter(([, { who }]) => who === 'held' || who === 'offered').map(([id]) => id)

suite('the rows of the checklist', () => {
  test('what is held or offered is proved, once, and nothing else is', () => {
    const proved = proofs().map(({ id }) => id)
    assert.deepEqual(
      proved.filter((id, at) => proved.indexOf(id) !== at),
      [],
    )
    assert.deepEqual(proved.sort(), provable.sort())
  })

  test('every proof is found: each call of prove stands at the beginning of a line, with its row in single quotes', () => {
    const calls = globSync('test/asvs/*.test.ts', { cwd: root, exclude: ['**/rows.test.ts'] }).flatMap((file) => [
      ...readFileSync(join(root, file), 'utf8').matchAll(/\bprove\(/g),
    ])
    assert.equal(calls.length, proofs().length)
  })

  test('each is of one of the sources, and says what it is about', () => {
    for (const [id, { level, meaning, who, by, page }] of all) {
      assert.equal(SOURCES.filter(([, pattern]) => pattern.test(id)).length, 1, id)
      assert.match(meaning, /^[A-Z].*\.$/, id)
      assert.doesNotMatch(`${meaning}${by}`, /\|/, `${id} would break its table`)
      assert.doesNotMatch(id, /: /, 'the title of its test begins with it')
      if (/^ASVS [\d.]+$/.test(id)) assert.ok(level, id)
      assert.equal(by === '', who === 'held', id)
      assert.equal(page === null, who === 'not ours', id)
    }
  })

  test('all sources of the checklist are there, with what a library can hold and what it can offer', () => {
    const count = (pattern: RegExp, who: string) =>
      all.filter(([id, row]) => pattern.test(id) && row.who === who).length
    const [asvs] = SOURCES
    assert.ok(count(asvs[1], 'held') >= 27)
    assert.ok(count(asvs[1], 'offered') >= 35)
    for (const [title, pattern] of SOURCES) assert.ok(count(pattern, 'held') > 0, title)
  })
})

suite('docs/asvs.md', () => {
  test('is what scripts/asvs.ts would write', () =>
    assert.equal(readFileSync(join(root, 'docs', 'asvs.md'), 'utf8'), pageOf(rows, proofs())))

  test('has as many cells in each row of a table as in its head', () => {
    const blocks = readFileSync(join(root, 'docs', 'asvs.md'), 'utf8').split('\n\n')
    const tables = blocks.flatMap((block) => (block.startsWith('|') ? [block.trim().split('\n')] : []))
    assert.ok(tables.length > SOURCES.length)
    for (const [head = '', ...lines] of tables)
      for (const line of lines) assert.equal(line.split('|').length, head.split('|').length, `${head}\n${line}`)
  })

  test('counts, for each source, the rows of each kind, and says what each kind is', () => {
    const page = readFileSync(join(root, 'docs', 'asvs.md'), 'utf8')
    const [head = '', , ...lines] =
      page
        .split('\n\n')
        .find((block) => block.includes('](#'))
        ?.split('\n') ?? []
    const cellsOf = (line: string) => line.split(' | ').map((cell) => cell.replaceAll(/^\| ?| ?\|$/g, ''))
    const kinds = cellsOf(head).slice(1)
    assert.deepEqual(kinds.toSorted(), [...new Set(all.map(([, { who }]) => who))].sort())
    const explained = [...page.matchAll(/^- \*\*(.+?)\*\*: /gm)].map(([, kind = '']) => kind.toLowerCase())
    assert.deepEqual(explained, kinds)
    const counted = SOURCES.map(([, pattern]) =>
      kinds.map((kind) => String(all.filter(([id, { who }]) => pattern.test(id) && who === kind).length || '–')),
    )
    assert.deepEqual(
      lines.map((line) => cellsOf(line).slice(1)),
      counted,
    )
  })

  test('is in the navigation, and where somebody looks for it', () => {
    for (const page of ['SECURITY.md', 'docs/security.md', 'docs/README.md'])
      assert.match(readFileSync(join(root, page), 'utf8'), /asvs\.md\)/)
  })
})

suite('node scripts/asvs.ts', () => {
  test('writes the page when every row was proved', (t) => {
    const { folder, run } = copy(t, () => true)
    const { status, stdout } = run()
    assert.equal(status, 0)
    assert.match(stdout, new RegExp(`${provable.length} rows were proved`))
    assert.match(readFileSync(join(folder, 'docs', 'asvs.md'), 'utf8'), /^# The checklist/)
  })

  for (const [how, body] of [
    ['fails', `() => { throw new Error('not so') }`],
    ['is skipped', `{ skip: 'no browser' }, () => {}`],
    ['is missing', null],
  ] as const)
    test(`writes nothing when a test ${how}, and names its row`, (t) => {
      const { folder, run } = copy(t, (id) => id !== 'ASVS 7.3.1' || body)
      const { status, stderr } = run()
      assert.equal(status, 1)
      assert.match(stderr, /^not proved: ASVS 7\.3\.1: [^\n]+\n$/)
      assert.equal(readFileSync(join(folder, 'docs', 'asvs.md'), 'utf8'), 'as it was')
    })

  test('writes nothing when another test there fails, and names that', (t) => {
    const { folder, run } = copy(t, () => true)
    writeFileSync(join(folder, 'test/asvs/other.test.ts'), `import { test } from 'node:test'\n${FAILING}\n`)
    const { status, stderr } = run()
    assert.equal(status, 1)
    assert.match(stderr, /^failed: the same between two servers\n/)
    assert.equal(readFileSync(join(folder, 'docs', 'asvs.md'), 'utf8'), 'as it was')
  })
})

/** A test that belongs to no row, and fails. */
const FAILING = "test('the same between two servers', () => { throw new Error('not so') })"

/** The script beside tests that do nothing: true is one that passes, null is none, and a string is the rest of its call. */
function copy(t: TestContext, testOf: (id: string) => true | string | null) {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-asvs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  symlinkSync(join(root, 'packages'), join(folder, 'packages'))
  cpSync(join(root, 'scripts'), join(folder, 'scripts'), { recursive: true })
  for (const name of ['docs', 'test/asvs']) mkdirSync(join(folder, name), { recursive: true })
  for (const name of ['package.json', 'tsconfig.json']) cpSync(join(root, name), join(folder, name))
  const tests = provable.flatMap((id) => {
    const how = testOf(id)
    return how === null ? [] : [`test(${JSON.stringify(`${id}: what it means`)}, ${how === true ? '() => {}' : how})`]
  })
  writeFileSync(join(folder, 'test/asvs/all.test.ts'), `import { test } from 'node:test'\n${tests.join('\n')}\n`)
  writeFileSync(join(folder, 'docs/asvs.md'), 'as it was')
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
  return { folder, run: () => spawnSync(process.execPath, ['scripts/asvs.ts'], { cwd: folder, encoding: 'utf8', env }) }
}
