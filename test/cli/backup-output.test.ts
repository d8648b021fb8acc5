import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { after, suite, test } from 'node:test'
import { locate } from '../../packages/cli/src/locate.ts'
import { FAKE_PSQL, main, Project } from './project.ts'

const project = new Project()
after(() => project.remove())

/** A client that finds the session table, and everything else. */
const REST = `${project.fake('psql', FAKE_PSQL)}:/usr/bin:/bin`
const mode = (name: string) => statSync(project.path(name)).mode & 0o777
const drafts = () => readdirSync(project.dir).filter((name) => name.includes('draft'))

suite('what a backup writes', () => {
  test('there is one output file, and an empty one is no backup', async () => {
    const PATH = `${project.fake('pg_dump', '')}:${project.fake('mariadb-dump', '')}:${REST}`
    for (const [store, passed, code] of [
      ['postgres://db/app', '-f', 2],
      ['postgres://db/app', '-fother.sql', 2],
      ['postgres://db/app', '--file=other.sql', 2],
      ['mysql://db/app', '-rother.sql', 2],
      ['mysql://db/app', '--result-file=other.sql', 2],
      ['mysql://db/app', '-f', 1],
      ['postgres://db/app', '-vfother.sql', 2],
      ['postgres://db/app', '-v', 1],
    ] as const) {
      const args = ['backup', '--store', store, '-o', 'elsewhere.sql', '--', passed]
      const result = await project.run(args, { env: { PATH } })
      assert.equal(result.code, code, passed)
      assert.match(
        result.err,
        code === 2 ? /There are two output files/ : /Nothing was written, and there is no backup\./,
      )
    }
    assert.ok(!readdirSync(project.dir).includes('elsewhere.sql'))
    assert.deepEqual(drafts(), [])
  })

  // The last one is what a terminal sends that is closed.
  for (const send of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    test(`a backup that is stopped by ${send} leaves nothing behind`, async () => {
      const PATH = project.fake('pg_dump', 'echo half; echo ready >&2; exec sleep 60')
      const { code, err } = await project.run(['backup', '--store', 'postgres://db/app', '-o', 'stopped.sql'], {
        env: { PATH: `${PATH}:${REST}` },
        steps: [{ when: /ready/, send }],
      })
      assert.deepEqual([code, err], [130, 'ready\nstrongroom: Interrupted. Nothing was saved.\n'])
      assert.ok(!readdirSync(project.dir).includes('stopped.sql'))
      assert.deepEqual(drafts(), [])
    })

  test('a file that comes into being during the backup is not replaced, unless --force says so', async () => {
    const PATH = `${project.fake('pg_dump', 'echo dump; echo other > raced.sql')}:${REST}`
    const args = ['backup', '--store', 'postgres://db/app', '-o', 'raced.sql']
    const { code, err } = await project.run(args, { env: { PATH } })
    assert.equal(code, 2)
    assert.match(err, /raced\.sql already exists, and nothing was changed\./)
    assert.equal(readFileSync(project.path('raced.sql'), 'utf8'), 'other\n')
    assert.equal((await project.run([...args, '--force'], { env: { PATH } })).code, 0)
    assert.equal(readFileSync(project.path('raced.sql'), 'utf8'), 'dump\n')
    assert.deepEqual(drafts(), [])
  })

  test('the commands that --print prints make the same file as the backup', async () => {
    const PATH = project.fake('mysqldump', 'test "$2" = --help || printf "%s;" "$@"')
    const args = ['backup', '--store', 'mysql://app@db/shop', '-o', "it's.sql", '--force']
    const printed = await project.run([...args, '--print'], { env: { PATH } })
    assert.equal(printed.code, 0, printed.err)
    assert.equal(spawnSync('/bin/sh', ['-ec', printed.out], { cwd: project.dir, env: { PATH } }).status, 0)
    assert.equal(mode("it's.sql"), 0o600)
    const byHand = readFileSync(project.path("it's.sql"), 'utf8')
    assert.match(byHand, /--ignore-table=shop\.strongroom_sessions;.*--no-data;.*shop;strongroom_sessions;$/)
    assert.equal((await project.run(args, { env: { PATH } })).code, 0)
    assert.equal(readFileSync(project.path("it's.sql"), 'utf8'), byHand)
  })

  test('of several installed versions of pg_dump, the newest is taken, and one in PATH before them', () => {
    for (const version of ['9.6', '10', '17', '16']) {
      mkdirSync(project.path('versions', version, 'bin'), { recursive: true })
      project.write(`versions/${version}/bin/a_program`, '#!/bin/sh\n')
      chmodSync(project.path('versions', version, 'bin', 'a_program'), version === '17' ? 0o644 : 0o755)
    }
    // That of version 17 cannot be run.
    assert.equal(locate('a_program', project.path('versions')), project.path('versions/16/bin/a_program'))
    assert.equal(locate('a_program', project.path('nowhere')), null)
    assert.equal(locate('sh', project.path('versions'))?.endsWith('/bin/sh'), true)
  })

  test('a backup through a pipe that is stopped leaves no copy behind', async () => {
    const database = new DatabaseSync(project.path('large.db'))
    database.exec('CREATE TABLE large (x); INSERT INTO large VALUES (zeroblob(4000000))')
    database.close()
    project.makeFolder('tmp')
    const child = spawn(process.execPath, [main, 'backup', '--store', `sqlite:${project.path('large.db')}`], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, TMPDIR: project.path('tmp') },
    })
    // The rest stays unread.
    await once(child.stdout, 'readable')
    assert.equal(readdirSync(project.path('tmp')).length, 1)
    child.kill('SIGTERM')
    const [, signal] = await once(child, 'exit')
    assert.equal(signal, 'SIGTERM')
    assert.deepEqual(readdirSync(project.path('tmp')), [])
  })
})
