import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { type Check, Topic } from '../../packages/cli/src/doctor/check.ts'
import { linesOf, widthOf } from '../../packages/cli/src/doctor/print.ts'

const topic = new Topic('engine', 'redis-and-valkey')
const ACL = `ACL SETUSER web on >… ${'~strongroom:* '.repeat(6)}+info`
const checks: readonly Check[] = [
  topic.red(
    'redis-auth',
    'Redis listens to a network and asks for no password: anyone who reaches its port can end, copy and roll back sessions.',
    'In redis.conf: requirepass, or users with ACL SETUSER; and the password in the URL of the store.',
  ),
  topic.amber('redis-rights', 'The user may run every command.', ACL),
  topic.amber(
    'mysql-sql-mode',
    'sql_mode is not strict.',
    `In my.cnf, below [mysqld]: sql_mode = ${'STRICT,'.repeat(9)}`,
  ),
  topic.unknown('clock', 'The time of Redis is not known: it does not tell it.'),
  topic.green('redis-tls', 'The connection to Redis stays on this machine.'),
]
const NOWHERE = { url: 'https://shop.example', backup: [] }

const printed = (found: readonly Check[], options: Partial<Parameters<typeof linesOf>[1]> = {}) =>
  [...linesOf({ format: 1, at: '', checks: found }, { ...NOWHERE, width: 80, ...options })].map(
    stripVTControlCharacters,
  )

suite('what the doctor prints', () => {
  test('fits on a terminal of 80 columns, what is to be copied excepted', () => {
    const long = printed(checks, { url: undefined, backup: undefined, all: true }).filter(({ length }) => length > 80)
    assert.deepEqual(long, [`    → ${ACL}`])
    const narrow = printed(checks, { width: 50 }).filter(({ length }) => length > 50)
    assert.deepEqual(narrow, [`    → ${ACL}`, `      sql_mode = ${'STRICT,'.repeat(9)}`])
  })

  test('has what was found under its mark, and what is to be copied whole, on a line of its own', () => {
    const lines = printed(checks).join('\n')
    assert.match(lines, /^ {2}✗ Redis listens to a network .*\n {4}port can end, .*\(redis-auth\)$/m)
    assert.match(lines, /^ {4}→ In redis\.conf: requirepass, .*\n {6}the URL of the store\.$/m)
    assert.match(lines, /^ {4}→ In my\.cnf, below \[mysqld\]:\n {6}sql_mode = STRICT,/m)
  })

  test('is one line for each finding in a pipe, for grep', () => {
    const lines = printed(checks, { width: Number.POSITIVE_INFINITY })
    assert.equal(lines.filter((line) => /^ {2}[✗!?] .* \([a-z-]+\)$/.test(line)).length, 4)
    assert.equal(lines.filter((line) => /^ {4}→ /.test(line)).length, 3)
  })

  test('has a width that can be read, whatever the terminal says', () => {
    assert.deepEqual([undefined, 0, 20, 80, 90, 250].map(widthOf), [80, 80, 40, 80, 90, 100])
    assert.deepEqual(
      printed(checks, { width: 40 }).filter((line) => line.length > 40 && /→|^ {4}\w/.test(line)),
      [`    → ${ACL}`],
    )
  })

  test('ends with the counts, and with "No issues found" where everything is green', () => {
    assert.equal(printed(checks).at(-1), '1 red, 2 amber, 1 unknown, 1 green.')
    assert.deepEqual(printed(checks.slice(-1)), ['[✓] engine (1 of 1 green)', '', 'No issues found: 1 check is green.'])
    assert.ok(printed([]).at(-1)?.startsWith('Nothing was looked at'))
  })

  test('leaves out accepted findings, and says which they were', () => {
    const lines = printed(checks, { accept: ['redis-auth', 'mysql-sql-mode', 'redis-tls'] })
    assert.equal(lines[0], '[!] engine (1 of 5 green, 2 accepted)')
    assert.doesNotMatch(lines.join('\n'), /no password|sql_mode/)
    assert.deepEqual(lines.slice(-2), [
      '0 red, 1 amber, 1 unknown, 1 green. Accepted, and not counted: redis-auth,',
      'mysql-sql-mode.',
    ])
  })
})
