import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { messageOf } from '../../packages/cli/src/failure.ts'
import { failure as mysqlFailure } from '../../packages/strongroom/src/engines/mysql/errors.ts'
import { failure as postgresFailure } from '../../packages/strongroom/src/engines/postgres/errors.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { CANARY, main, Project, SECRET } from './project.ts'

/** A device that is always full. */
const FULL = '/dev/full'

suite('output that could not be written fails the command', {
  skip: existsSync(FULL) ? false : `needs ${FULL}`,
}, () => {
  const project = new Project()
  let handle = ''
  before(async () => {
    ;[handle = ''] = await project.fill((clock) => sqlite({ path: project.path('sessions.db'), clock }), {
      user: 'ada',
    })
    project.writeConfig('sqlite:./sessions.db')
    project.write('dump.sql', 'SELECT 1;\n')
  })
  after(() => project.remove())

  function runInto(stdout: number | string, args: readonly string[]) {
    const descriptor = typeof stdout === 'string' ? openSync(stdout, 'w') : stdout
    try {
      return spawnSync(process.execPath, [main, ...args], {
        cwd: project.dir,
        stdio: ['ignore', descriptor, 'pipe'],
        encoding: 'utf8',
      })
    } finally {
      if (typeof stdout === 'string') closeSync(descriptor)
    }
  }

  const move = ['move', '--from', 'sqlite:./sessions.db', '--to', 'file:./moved', '--dry-run']
  for (const args of [
    ['--help'],
    ['keys', '--help'],
    ['--version'],
    ['keys', 'new'],
    ['keys', 'list'],
    ['keys', 'list', '--json'],
    ['list', '--user', 'ada'],
    ['list', '--user', 'ada', '--json'],
    ['show', 'HANDLE'],
    ['show', 'HANDLE', '--json'],
    ['stats'],
    ['stats', '--json'],
    ['clear-expired'],
    ['clear-expired', '--json'],
    ['migrate'],
    ['migrate', '--sql'],
    ['migrate', '--sql', '--json', '--store', 'postgres://localhost/x'],
    ['migrate', '--sql', '--store', 'postgres://localhost/x'],
    move,
    [...move, '--json'],
    ['backup', '--store', 'sqlite:./sessions.db'],
    ['backup', '--store', 'postgres://localhost/x', '--print'],
    ['scan', 'dump.sql'],
    ['scan', '--json', 'dump.sql'],
    ['revoke', 'HANDLE', '--json'],
    ['revoke-all', '--user', 'ada'],
    ['revoke-all', '--user', 'ada', '--json'],
    ['revoke-everybody', '--yes', '--watch', '1', '--json'],
    ['init', '--store', 'file:./x', '--env', 'new.env', '--force', '--yes'],
  ])
    test(args.join(' '), () => {
      const { status, stderr } = runInto(
        FULL,
        args.map((arg) => (arg === 'HANDLE' ? handle : arg)),
      )
      assert.equal(status, 1, stderr)
      assert.match(stderr, /^strongroom: (?:The output could not be written: )?ENOSPC[^\n]*\n$/m)
      assert.doesNotMatch(stderr, new RegExp(`${SECRET}|${CANARY}`))
    })
})

suite('a file that could not be written fails the command, and leaves what was there', () => {
  const project = new Project()
  before(async () => {
    await project.fill((clock) => sqlite({ path: project.path('app.db'), clock }), { user: 'ada' })
    project.write('.env', 'KEPT=1')
    project.write('old.db', 'old')
  })
  after(() => project.remove())

  /** Every file stays as short as it is: what is written to it fails, as on a full disk. */
  const run = (...args: string[]) =>
    spawnSync('/bin/sh', ['-c', `trap '' XFSZ; ulimit -f 0; exec "$@"`, 'sh', process.execPath, main, ...args], {
      cwd: project.dir,
      encoding: 'utf8',
    })

  test('init', () => {
    const { status, stdout, stderr } = run('init', '--yes')
    assert.equal(status, 1, stdout)
    assert.match(stderr, /^strongroom: \.env could not be written: EFBIG[^\n]*\n$/)
    assert.equal(readFileSync(project.path('.env'), 'utf8'), 'KEPT=1')
    assert.ok(!existsSync(project.path('strongroom.config.ts')))
  })

  test('backup', () => {
    const { status, stderr } = run('backup', '--store', 'sqlite:./app.db', '-o', 'old.db', '--force')
    assert.equal(status, 1)
    assert.match(stderr, /^strongroom: The copy could not be made: [^\n]+\n$/)
    assert.equal(readFileSync(project.path('old.db'), 'utf8'), 'old')
  })
})

test('a message that points to its cause is printed with the cause instead', () => {
  const cause = new Error('no space left')
  for (const [message, printed] of [
    [
      'PostgreSQL could not do what was asked (XX000); the cause says why.',
      'PostgreSQL could not do what was asked (XX000): no space left',
    ],
    ['A call to Redis failed. The cause says why.', 'A call to Redis failed: no space left'],
    [
      'The session database reported error 4999; the cause says more.',
      'The session database reported error 4999: no space left',
    ],
    ['There is no space left.', 'There is no space left.'],
  ] as const)
    assert.equal(messageOf(new Error(message, { cause })), printed)
})

test('the advice to migrate names the options that this command needs, and none of the application', () => {
  for (const missing of [
    postgresFailure({ code: '42P01' }),
    postgresFailure({ code: '42703' }),
    mysqlFailure({ errno: 1146 }),
    mysqlFailure({ errno: 1054 }),
  ]) {
    assert.match(missing.message, /Run "npx @strongroom\/cli migrate"/)
    const printed = messageOf(missing)
    assert.match(printed, /Run "npx @strongroom\/cli migrate", with the --store or --config of this store/)
    assert.doesNotMatch(printed, /createTable/)
  }
})
