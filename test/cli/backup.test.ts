import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { readFile } from '../../packages/cli/src/scan/read.ts'
import { find } from '../../scripts/programs.mjs'
import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import {
  ANY,
  fillMariadb,
  fillPostgres,
  fillSqlite,
  mariadbPlace,
  output,
  withMariadb,
  withPostgres,
} from './databases.ts'
import { DJANGO, TRAPS } from './planted.ts'
import { CANARY, main, Project } from './project.ts'

const project = new Project()
after(() => project.remove())

const PASSWORD = 'open sesame/@:?#%'
const ENCODED = encodeURIComponent(PASSWORD)
const mode = (name: string) => statSync(project.path(name)).mode & 0o777
/** Nothing of a draft may be left, whatever happened. */
const drafts = () => readdirSync(project.dir).filter((name) => name.includes('draft'))

/** A program of this name that writes down what it was given, and is alone in PATH. */
function fake(name: string, body: string): string {
  const folder = project.path(`bin-${name}-${readdirSync(project.dir).length}`)
  mkdirSync(folder)
  project.write(`${folder.slice(project.dir.length + 1)}/${name}`, `#!/bin/sh\n${body}\n`)
  chmodSync(`${folder}/${name}`, 0o755)
  return folder
}

/** What a scan found of ours and of Django's. */
async function left(name: string): Promise<number[]> {
  const { found, problem } = await readFile(project.path(name))
  assert.equal(problem, null)
  const rows = (isDjango: boolean) =>
    found
      .filter(({ kind }) => kind !== null && (kind === 'django') === isDjango)
      .reduce((sum, { rows }) => sum + rows, 0)
  return [rows(false), rows(true)]
}

suite('a backup of PostgreSQL', { skip: postgresNeed.skip }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
    await fillPostgres(server.url)
    await withPostgres(server.url, (client) =>
      client.query('CREATE SCHEMA app; CREATE TABLE app.strongroom_sessions AS SELECT * FROM strongroom_sessions'),
    )
  })
  after(() => server.stop())

  async function restored(work: (url: string) => unknown): Promise<unknown[]> {
    const name = `restored_${Math.floor(performance.now())}`
    await withPostgres(server.url, (client) => client.query(`CREATE DATABASE ${name}`))
    const url = server.url.replace(/postgres$/, name)
    work(url)
    return withPostgres(url, async (client) => {
      const { rows } = await client.query({
        text: `SELECT (SELECT count(*)::int FROM people), (SELECT count(*)::int FROM strongroom_sessions),
          (SELECT count(*)::int FROM app.strongroom_sessions), (SELECT count(*)::int FROM django_session), answer(),
          (SELECT array_agg(name ORDER BY id) FROM people), (SELECT "the ""bytes""" FROM people LIMIT 1)`,
        rowMode: 'array',
      })
      return rows[0] as unknown[]
    })
  }

  test('restored, has everything but the rows of the sessions', async () => {
    const { code, out, err } = await project.run([
      'backup',
      '--store',
      `${server.url}?createTable=true`,
      '-o',
      'shop.sql',
    ])
    assert.deepEqual([code, out, err], [0, '', ''])
    assert.equal(mode('shop.sql'), 0o600)
    assert.deepEqual(await left('shop.sql'), [0, DJANGO.length])
    const found = await restored((url) =>
      output('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-f', project.path('shop.sql'), url]),
    )
    assert.deepEqual(found, [TRAPS.length, 0, 0, DJANGO.length, 42, [...TRAPS], ANY])
  })

  test('custom, without the sessions of Django, through a pipe', async () => {
    const args = ['backup', '--store', server.url, '--django', '--', '--format=custom']
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
      maxBuffer: 1 << 28,
      timeout: 60_000,
    })
    assert.deepEqual([status, stderr.toString()], [0, ''])
    const found = await restored((url) => output('pg_restore', ['-e', '-d', url], stdout))
    assert.deepEqual(found.slice(0, 5), [TRAPS.length, 0, 0, 0, 42])
  })

  test('of a table of another name', async () => {
    await withPostgres(server.url, (client) =>
      client.query('CREATE TABLE people_in AS SELECT * FROM strongroom_sessions'),
    )
    const store = `${server.url}?table=App.People_In`
    await withPostgres(server.url, (client) => client.query('ALTER TABLE people_in SET SCHEMA app'))
    const { code } = await project.run(['backup', '--store', store, '-o', 'renamed.sql'])
    assert.equal(code, 0)
    const { found } = await readFile(project.path('renamed.sql'))
    assert.ok(!found.some(({ table, rows }) => table === 'app.people_in' && rows > 0))
    await withPostgres(server.url, (client) => client.query('DROP TABLE app.people_in'))
  })

  test('that fails is no backup: nothing is left, and what was there stays', async () => {
    project.write('kept.sql', 'kept')
    const store = `${server.url}_of_nobody`
    for (const args of [
      ['-o', 'new.sql'],
      ['-o', 'kept.sql', '--force'],
    ]) {
      const { code, err } = await project.run(['backup', '--store', store, ...args])
      assert.equal(code, 1)
      assert.match(err, /strongroom: pg_dump failed with code 1, and there is no backup\.\n$/)
    }
    assert.deepEqual(drafts(), [])
    assert.equal(readFileSync(project.path('kept.sql'), 'utf8'), 'kept')
    assert.ok(!readdirSync(project.dir).includes('new.sql'))
  })

  test('ends quietly when nobody reads on', () => {
    const command = `"${process.execPath}" "${main}" backup --store "${server.url}" | head -c 10 > /dev/null`
    const { stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 60_000 })
    assert.equal(stderr, '')
  })
})

/** What programs of MariaDB 11.4 and later say of every password in the environment. */
const without = (err: string) => err.replaceAll(/^WARNING: option --ssl-verify-server-cert is disabled.*\n/gm, '')

suite('a backup of MariaDB', { skip: mariadbNeed.skip }, () => {
  let server: MariadbServer
  let url: string
  before(async () => {
    server = await startMariadb()
    await withMariadb(
      server.url,
      async (pool) => {
        await pool.query(`CREATE USER app@'127.0.0.1' IDENTIFIED BY 'sesame'`)
        await pool.query(`GRANT ALL ON *.* TO app@'127.0.0.1'`)
      },
      'mysql',
    )
    url = server.url.replace('root@', 'app:sesame@')
    await fillMariadb(url)
  })
  after(() => server.stop())

  async function restored(name: string): Promise<unknown> {
    const database = `restored_${Math.floor(performance.now())}`
    await withMariadb(url, (pool) => pool.query(`CREATE DATABASE ${database}`))
    const place = url.replace(/test$/, database)
    output('mariadb', ['--default-character-set=utf8mb4', ...mariadbPlace(place)], readFileSync(project.path(name)))
    return withMariadb(place, async (pool) => {
      const [names] = await pool.query('SELECT name, bytes FROM people ORDER BY id')
      const [counts] = await pool.query(`SELECT (SELECT count(*) FROM strongroom_sessions) AS ours,
        (SELECT count(*) FROM django_session) AS django`)
      return [names, (counts as unknown[])[0]]
    })
  }

  const people = TRAPS.map((name) => ({ name, bytes: ANY }))

  test('restored, has everything but the rows of the sessions', async () => {
    const { code, out, err } = await project.run(['backup', '--store', url, '-o', 'maria.sql'])
    assert.deepEqual([code, out, without(err)], [0, '', ''])
    assert.equal(mode('maria.sql'), 0o600)
    assert.deepEqual(await left('maria.sql'), [0, DJANGO.length])
    assert.deepEqual(await restored('maria.sql'), [people, { ours: 0, django: DJANGO.length }])
    await project.run(['backup', '--store', url, '--django', '-o', 'no-django.sql'])
    assert.deepEqual(await left('no-django.sql'), [0, 0])
    assert.deepEqual(await restored('no-django.sql'), [people, { ours: 0, django: 0 }])
  })

  test('by a program that cannot leave out rows alone takes two dumps', async () => {
    const PATH = fake(
      'mysqldump',
      `case "$*" in *--ignore-table-data*) exit 9;; *--help*) echo old; exit;; esac; exec '${find('mariadb-dump')}' "$@"`,
    )
    const { code, err } = await project.run(['backup', '--store', url, '-o', 'old.sql'], { env: { PATH } })
    assert.deepEqual([code, without(err)], [0, ''])
    assert.deepEqual(await left('old.sql'), [0, DJANGO.length])
    assert.deepEqual(await restored('old.sql'), [people, { ours: 0, django: DJANGO.length }])
  })

  test('ends quietly when nobody reads on', () => {
    const command = `"${process.execPath}" "${main}" backup --store "${url}" | head -c 10 > /dev/null`
    const { stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 60_000 })
    assert.equal(without(stderr), '')
  })
})

suite('a backup of SQLite', () => {
  before(() => fillSqlite(project.path('app.db')))

  test('has everything but the rows of the sessions, and no byte of them', async () => {
    const ids = rowsOf('app.db', 'SELECT id FROM strongroom_sessions').map(({ id }) => String(id))
    const { code, out, err } = await project.run(['backup', '--store', 'sqlite:./app.db', '-o', 'copy.db'])
    assert.deepEqual([code, out, err], [0, '', ''])
    assert.equal(mode('copy.db'), 0o600)
    assert.deepEqual(drafts(), [])
    const bytes = readFileSync(project.path('copy.db'))
    for (const text of [...ids, CANARY]) assert.ok(!bytes.includes(text))
    assert.deepEqual(await left('copy.db'), [0, DJANGO.length])
    const schema = 'SELECT type, name, sql FROM sqlite_schema ORDER BY name'
    assert.deepEqual(rowsOf('copy.db', schema), rowsOf('app.db', schema))
    assert.deepEqual(rowsOf('copy.db', 'SELECT * FROM strongroom_sessions'), [])
    const people = 'SELECT * FROM people ORDER BY id'
    assert.deepEqual(rowsOf('copy.db', people), rowsOf('app.db', people))
    assert.deepEqual(
      rowsOf('copy.db', 'SELECT * FROM strongroom_schema'),
      rowsOf('app.db', 'SELECT * FROM strongroom_schema'),
    )
  })

  test('without the sessions of Django, through a pipe', async () => {
    const args = ['backup', '--store', `sqlite:${project.path('app.db')}`, '--django']
    const { status, stdout } = spawnSync(process.execPath, [main, ...args], { maxBuffer: 1 << 28, timeout: 60_000 })
    assert.equal(status, 0)
    writeFileSync(project.path('piped.db'), stdout)
    assert.deepEqual(await left('piped.db'), [0, 0])
  })

  test('keeps triggers, and none of them keeps what is left out', async () => {
    const database = new DatabaseSync(project.path('app.db'))
    database.exec(`CREATE TABLE ended (id); CREATE TRIGGER keep AFTER DELETE ON strongroom_sessions BEGIN
      INSERT INTO ended VALUES (old.id); END`)
    database.close()
    assert.equal((await project.run(['backup', '--store', 'sqlite:./app.db', '-o', 'triggers.db'])).code, 0)
    assert.deepEqual(rowsOf('triggers.db', 'SELECT * FROM ended'), [])
    assert.equal(rowsOf('triggers.db', "SELECT 1 FROM sqlite_schema WHERE name = 'keep'").length, 1)
  })

  test('is of one moment while the application writes', async () => {
    const database = new DatabaseSync(project.path('app.db'))
    database.exec('CREATE TABLE a (x); CREATE TABLE b (x)')
    const running = project.run(['backup', '--store', 'sqlite:./app.db', '-o', 'moment.db'])
    let isDone = false
    running.finally(() => {
      isDone = true
    })
    while (!isDone) {
      database.exec('BEGIN IMMEDIATE; INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); COMMIT')
      await new Promise((resolve) => setImmediate(resolve))
    }
    database.close()
    assert.equal((await running).code, 0)
    const [counts] = rowsOf('moment.db', 'SELECT (SELECT count(*) FROM a) AS a, (SELECT count(*) FROM b) AS b')
    assert.equal(counts?.a, counts?.b)
  })

  test('of a table that is not there says so', async () => {
    const { code, err } = await project.run(['backup', '--store', 'sqlite:./app.db?table=people_in', '-o', 'all.db'])
    assert.deepEqual([code, err], [0, 'strongroom: there is no table people_in; nothing was left out.\n'])
    assert.match(
      (await project.run(['backup', '--store', 'sqlite:./none.db'])).err,
      /There is no none\.db|There is no \.\/none\.db/,
    )
  })

  test('by hand is what --print says', async () => {
    const { code, out } = await project.run(['backup', '--store', 'sqlite:./app.db', '--print', '-o', "it's.db"])
    assert.equal(code, 0)
    assert.equal(out.split('\n').length, 3)
    assert.match(out, /^sqlite3 -readonly \.\/app\.db 'VACUUM INTO/)
    const sqlite3 = find('sqlite3')
    if (!sqlite3) return
    spawnSync('sh', ['-ec', out], { cwd: project.dir })
    assert.deepEqual(await left("it's.db"), [0, DJANGO.length])
  })

  function rowsOf(name: string, sql: string) {
    const database = new DatabaseSync(project.path(name), { readOnly: true })
    try {
      return database.prepare(sql).all() as Record<string, unknown>[]
    } finally {
      database.close()
    }
  }
})

suite('strongroom backup', () => {
  test('never overwrites without --force, and never what is no file', async () => {
    project.write('there.sql', 'kept')
    symlinkSync(project.path('there.sql'), project.path('link.sql'))
    for (const store of ['sqlite:./app.db', 'postgres://db/app', 'mysql://db/app'])
      for (const name of ['there.sql', 'link.sql']) {
        const { code, err } = await project.run(['backup', '--store', store, '-o', name])
        assert.deepEqual(
          [code, err],
          [2, `strongroom: ${name} is there already, and nothing was changed. Replace it with --force.\n`],
        )
      }
    assert.match(
      (await project.run(['backup', '--store', 'postgres://db/app', '-o', '.', '--force'])).err,
      /no plain file/,
    )
    assert.equal(readFileSync(project.path('there.sql'), 'utf8'), 'kept')
  })

  for (const [scheme, program, variable] of [
    ['postgres', 'pg_dump', 'PGPASSWORD'],
    ['mysql', 'mariadb-dump', 'MYSQL_PWD'],
  ] as const)
    test(`a password for ${program} is in its environment and nowhere else`, async () => {
      const PATH = fake(program, `printf '%s\\n' "$@"; test "$${variable}" = '${PASSWORD}' && echo given`)
      for (const url of [
        `${scheme}://app:${ENCODED}@db.example/shop`,
        `${scheme}://app@db.example/shop?password=${ENCODED}`,
      ]) {
        const { code, out } = await project.run(['backup', '--store', url], { env: { PATH: `${PATH}:/usr/bin:/bin` } })
        assert.equal(code, 0)
        assert.match(out, /^given$/m)
        const printed = await project.run(['backup', '--store', url, '--print', '-o', 'x.sql'])
        assert.match(printed.err, new RegExp(`the password is not shown.*${variable}`))
        for (const text of [out, printed.out, printed.err]) {
          assert.ok(!text.includes(PASSWORD) && !text.includes(ENCODED) && !text.includes('sesame'), text)
          assert.ok(text === printed.err || text.includes('strongroom_sessions'))
        }
      }
    })

  test('--print shows the command', async () => {
    const pg = await project.run([
      'backup',
      '--store',
      'postgres://app@db:5433/shop?sslmode=no-verify&max=3&ssl=1',
      '--print',
    ])
    assert.equal(
      pg.out,
      `pg_dump '--dbname=postgresql://app@db:5433/shop?sslmode=require' '--exclude-table-data=*."strongroom_sessions"'\n`,
    )
    assert.equal(pg.err, 'strongroom: the option "ssl" of the URL is unknown to pg_dump, and was not passed on.\n')
    const my = await project.run([
      'backup',
      '--store',
      'mariadb://app@db:3307/shop?table=People',
      '--django',
      '--print',
      '--',
      '--routines',
    ])
    assert.equal(
      my.out,
      'mariadb-dump --protocol=tcp --host=db --port=3307 --user=app --ignore-table-data=shop.People --ignore-table-data=shop.django_session --single-transaction --hex-blob shop --routines\n',
    )
  })

  test('a password that was not encoded is refused, and not shown', async () => {
    for (const url of [
      'postgres://app:sesame/1@db/shop',
      'postgres://app:ses#ame@db/shop',
      'mysql://app:ses?ame@db/shop',
      'mysql://app:100%@db/shop',
    ]) {
      const { code, out, err } = await project.run(['backup', '--store', url, '--print'])
      assert.deepEqual([code, out], [2, ''])
      assert.ok(!/ses|ame@|100/.test(err), err)
    }
    for (const arg of ['--password=sesame', '-psesame', '--dbname=postgres://app:sesame@db/shop']) {
      const { code, err } = await project.run(['backup', '--store', 'mysql://app@db/shop', '--print', '--', arg])
      assert.equal(code, 2)
      assert.ok(!err.includes('sesame'))
    }
  })

  test('stopped, leaves nothing behind', async () => {
    const PATH = fake('pg_dump', 'echo half; echo ready >&2; exec sleep 60')
    const { code, err } = await project.run(['backup', '--store', 'postgres://db/app', '-o', 'stopped.sql'], {
      env: { PATH: `${PATH}:/usr/bin:/bin` },
      steps: [{ when: /ready/, send: 'SIGTERM' }],
    })
    assert.deepEqual([code, err], [130, 'ready\nstrongroom: Interrupted. Nothing was kept.\n'])
    assert.ok(!readdirSync(project.dir).includes('stopped.sql'))
    assert.deepEqual(drafts(), [])
  })

  test('a missing program is named, with its package', async () => {
    const env = { PATH: project.path('nothing') }
    const { code, err } = await project.run(['backup', '--store', 'mysql://app@db/shop'], { env })
    assert.deepEqual(
      [code, err],
      [1, 'strongroom: mariadb-dump is not installed. On Debian and Ubuntu it is in the package mariadb-client.\n'],
    )
  })

  test('a store without a dump is told what to do instead', async () => {
    for (const [store, words] of [
      ['redis://db', /Redis of their own/],
      ['memcached://db', /nothing to back up/],
      ['memory:', /nothing to back up/],
      ['cookie:', /cookies of the visitors/],
      ['file:./sessions', /tar --exclude/],
      ['cached:?durable=sqlite%3A.%2Fx.db&cache=memory%3A', /durable one/],
      ['constructor:x', /Known: postgres:/],
      ['no url', /Known: postgres:/],
    ] as const) {
      const { code, err } = await project.run(['backup', '--store', store])
      assert.equal(code, 2, store)
      assert.match(err, words)
    }
  })
})
