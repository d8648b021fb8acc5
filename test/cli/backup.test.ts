import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { scanFile } from '../../packages/cli/src/scan/scan.ts'
import { find } from '../../scripts/programs.mjs'
import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import {
  ANY,
  fillMariadb,
  fillPostgres,
  fillSqlite,
  mariadbArguments,
  output,
  withMariadb,
  withPostgres,
} from './databases.ts'
import { DJANGO, TRAPS } from './planted.ts'
import { CANARY, FAKE_PSQL, main, Project } from './project.ts'

const project = new Project()
after(() => project.remove())

const PASSWORD = 'open sesame/@:?#%'
const ENCODED = encodeURIComponent(PASSWORD)
/** What is printed on stderr about a backup that was written. */
const wrote = (name: string) =>
  `strongroom: wrote ${name}, ${statSync(project.path(name)).size.toLocaleString('en')} bytes.\n`
const mode = (name: string) => statSync(project.path(name)).mode & 0o777
/** No part of a draft may be left, whatever happened. */
const drafts = () => readdirSync(project.dir).filter((name) => name.includes('draft'))

/** How many rows of Strongroom and of Django a scan finds. */
async function rowsLeft(name: string): Promise<number[]> {
  const { findings, problem } = await scanFile(project.path(name), { pgRestore: null })
  assert.equal(problem, null)
  const rows = (isDjango: boolean) =>
    findings
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

  test('a backup restores everything but the rows of the sessions', async () => {
    const { code, out, err } = await project.run([
      'backup',
      '--store',
      `${server.url}?createTable=true`,
      '-o',
      'shop.sql',
    ])
    assert.deepEqual([code, out, err], [0, '', wrote('shop.sql')])
    assert.equal(mode('shop.sql'), 0o600)
    assert.deepEqual(await rowsLeft('shop.sql'), [0, DJANGO.length])
    const found = await restored((url) =>
      output('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-f', project.path('shop.sql'), url]),
    )
    assert.deepEqual(found, [TRAPS.length, 0, 0, DJANGO.length, 42, [...TRAPS], ANY])
  })

  test('a backup in the custom format, through a pipe, can leave out the sessions of Django, too', async () => {
    const args = ['backup', '--store', server.url, '--django', '--', '--format=custom']
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
      maxBuffer: 1 << 28,
      timeout: 60_000,
    })
    assert.deepEqual([status, stderr.toString()], [0, ''])
    const found = await restored((url) => output('pg_restore', ['-e', '-d', url], stdout))
    assert.deepEqual(found.slice(0, 5), [TRAPS.length, 0, 0, 0, 42])
  })

  test('a backup leaves out the rows of a table with another name and schema', async () => {
    await withPostgres(server.url, (client) =>
      client.query('CREATE TABLE people_in AS SELECT * FROM strongroom_sessions'),
    )
    const store = `${server.url}?table=App.People_In`
    await withPostgres(server.url, (client) => client.query('ALTER TABLE people_in SET SCHEMA app'))
    const { code } = await project.run(['backup', '--store', store, '-o', 'renamed.sql'])
    assert.equal(code, 0)
    const { findings } = await scanFile(project.path('renamed.sql'), { pgRestore: null })
    assert.ok(!findings.some(({ table, rows }) => table === 'app.people_in' && rows > 0))
    await withPostgres(server.url, (client) => client.query('DROP TABLE app.people_in'))
  })

  test('a backup that fails leaves nothing behind and keeps the existing file', async () => {
    project.write('kept.sql', 'kept')
    for (const args of [
      ['-o', 'new.sql'],
      ['-o', 'kept.sql', '--force'],
    ]) {
      const { code, err } = await project.run(['backup', '--store', server.url, ...args, '--', '--table=nowhere'])
      assert.equal(code, 1)
      assert.match(err, /strongroom: pg_dump failed with code 1, and there is no backup\.\n$/)
    }
    const unknown = await project.run(['backup', '--store', `${server.url}_missing`, '-o', 'new.sql'])
    assert.equal(unknown.code, 1)
    assert.match(unknown.err, /strongroom: psql failed with code 2, and there is no backup\.\n$/)
    assert.deepEqual(drafts(), [])
    assert.equal(readFileSync(project.path('kept.sql'), 'utf8'), 'kept')
    assert.ok(!readdirSync(project.dir).includes('new.sql'))
  })

  test('a backup ends without a message when the reader of its output stops reading', () => {
    const command = `"${process.execPath}" "${main}" backup --store "${server.url}" | head -c 10 > /dev/null`
    const { stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 60_000 })
    assert.equal(stderr, '')
  })
})

/** Without what programs of MariaDB 11.4 and later print for every password in the environment. */
const withoutWarning = (err: string) =>
  err.replaceAll(/^(?:WARNING: option --ssl-verify-server-cert is disabled|strongroom: warning: other users).*\n/gm, '')

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
    output('mariadb', ['--default-character-set=utf8mb4', ...mariadbArguments(place)], readFileSync(project.path(name)))
    return withMariadb(place, async (pool) => {
      const [names] = await pool.query('SELECT name, bytes FROM people ORDER BY id')
      const [counts] = await pool.query(`SELECT (SELECT count(*) FROM strongroom_sessions) AS ours,
        (SELECT count(*) FROM django_session) AS django`)
      return [names, (counts as unknown[])[0]]
    })
  }

  const people = TRAPS.map((name) => ({ name, bytes: ANY }))

  test('a backup restores everything but the rows of the sessions', async () => {
    const { code, out, err } = await project.run(['backup', '--store', url, '-o', 'maria.sql'])
    assert.deepEqual([code, out, withoutWarning(err)], [0, '', wrote('maria.sql')])
    assert.equal(mode('maria.sql'), 0o600)
    assert.deepEqual(await rowsLeft('maria.sql'), [0, DJANGO.length])
    assert.deepEqual(await restored('maria.sql'), [people, { ours: 0, django: DJANGO.length }])
    await project.run(['backup', '--store', url, '--django', '-o', 'no-django.sql'])
    assert.deepEqual(await rowsLeft('no-django.sql'), [0, 0])
    assert.deepEqual(await restored('no-django.sql'), [people, { ours: 0, django: 0 }])
  })

  test('a backup takes two dumps with a program that cannot leave out only the rows of a table', async () => {
    const PATH = project.fake(
      'mysqldump',
      `case "$*" in *--ignore-table-data*) exit 9;; *--help*) echo old; exit;; esac; exec '${find('mariadb-dump')}' "$@"`,
    )
    const { code, err } = await project.run(['backup', '--store', url, '-o', 'old.sql'], { env: { PATH } })
    assert.deepEqual([code, withoutWarning(err)], [0, wrote('old.sql')])
    assert.deepEqual(await rowsLeft('old.sql'), [0, DJANGO.length])
    assert.deepEqual(await restored('old.sql'), [people, { ours: 0, django: DJANGO.length }])
  })

  test('a backup ends without a message when the reader of its output stops reading', () => {
    const command = `"${process.execPath}" "${main}" backup --store "${url}" | head -c 10 > /dev/null`
    const { stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 60_000 })
    assert.equal(withoutWarning(stderr), '')
  })
})

suite('a backup of SQLite', () => {
  before(() => fillSqlite(project.path('app.db')))

  test('a backup has everything but the rows of the sessions, and not a byte of them', async () => {
    const ids = rowsOf('app.db', 'SELECT id FROM strongroom_sessions').map(({ id }) => String(id))
    const { code, out, err } = await project.run(['backup', '--store', 'sqlite:./app.db', '-o', 'copy.db'])
    assert.deepEqual([code, out, err], [0, '', wrote('copy.db')])
    assert.equal(mode('copy.db'), 0o600)
    assert.deepEqual(drafts(), [])
    const bytes = readFileSync(project.path('copy.db'))
    for (const text of [...ids, CANARY]) assert.ok(!bytes.includes(text))
    assert.deepEqual(await rowsLeft('copy.db'), [0, DJANGO.length])
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

  test('a backup never overwrites its own source, under whatever name, nor what belongs to it', async () => {
    const folder = project.path('own')
    mkdirSync(folder)
    symlinkSync(folder, project.path('linked'))
    const database = new DatabaseSync(`${folder}/own.db`)
    database.exec('PRAGMA journal_mode = WAL; CREATE TABLE kept (x); INSERT INTO kept VALUES (1)')
    linkSync(`${folder}/own.db`, `${folder}/hard.db`)
    symlinkSync(`${folder}/own.db`, `${folder}/soft.db`)
    const before = ['own.db', 'own.db-wal'].map((name) => readFileSync(`${folder}/${name}`))
    for (const [source, output] of [
      ['own/own.db', 'own/own.db'],
      ['own/own.db', './own/../own/own.db'],
      ['own/own.db', 'linked/own.db'],
      ['linked/own.db', 'own/own.db'],
      ['own/own.db', 'own/hard.db'],
      ['own/hard.db', 'own/own.db'],
      ['own/soft.db', 'own/own.db'],
      ['own/own.db', 'own/soft.db'],
      ['own/own.db', 'own/own.db-wal'],
      ['own/own.db', 'linked/own.db-shm'],
      ['own/own.db', 'own/own.db-journal'],
    ] as const)
      for (const more of [['--force'], ['--force', '--print']]) {
        const args = ['backup', '--store', `sqlite:./${source}`, '-o', output, ...more]
        const { code, out, err } = await project.run(args)
        assert.deepEqual([code, out], [2, ''], args.join(' '))
        assert.match(err, /is the database itself, or a file that belongs to it, |is not a regular file /)
      }
    const after = openSync(`${folder}/own.db`, 'a')
    const args = [main, 'backup', '--store', 'sqlite:./own/own.db']
    const appended = spawnSync(process.execPath, args, { cwd: project.dir, stdio: ['ignore', after, 'pipe'] })
    closeSync(after)
    assert.equal(appended.status, 2)
    const names = ['own.db', 'own.db-wal']
    assert.deepEqual(
      names.map((name) => readFileSync(`${folder}/${name}`)),
      before,
    )
    database.close()
  })

  test('a backup is not put beside the write-ahead log of another database, which would become part of it', async () => {
    project.write('stale.db-wal', 'of an older database')
    const { code, err } = await project.run(['backup', '--store', 'sqlite:./app.db', '-o', 'stale.db'])
    assert.equal(code, 2)
    assert.match(err, /stale\.db-wal is in the way: .* Remove it first/)
  })

  test('a backup through a pipe can leave out the sessions of Django, too', async () => {
    const args = ['backup', '--store', `sqlite:${project.path('app.db')}`, '--django']
    const { status, stdout } = spawnSync(process.execPath, [main, ...args], { maxBuffer: 1 << 28, timeout: 60_000 })
    assert.equal(status, 0)
    writeFileSync(project.path('piped.db'), stdout)
    assert.deepEqual(await rowsLeft('piped.db'), [0, 0])
  })

  test('a backup has the triggers, and none of them saved the rows that were left out', async () => {
    const database = new DatabaseSync(project.path('app.db'))
    database.exec(`CREATE TABLE ended (id); CREATE TRIGGER keep AFTER DELETE ON strongroom_sessions BEGIN
      INSERT INTO ended VALUES (old.id); END`)
    database.close()
    assert.equal((await project.run(['backup', '--store', 'sqlite:./app.db', '-o', 'triggers.db'])).code, 0)
    assert.deepEqual(rowsOf('triggers.db', 'SELECT * FROM ended'), [])
    assert.equal(rowsOf('triggers.db', "SELECT 1 FROM sqlite_schema WHERE name = 'keep'").length, 1)
  })

  test('a backup is consistent while the application writes', async () => {
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

  test('a backup says so when the session table does not exist', async () => {
    const { code, err } = await project.run(['backup', '--store', 'sqlite:./app.db?table=people_in', '-o', 'all.db'])
    assert.deepEqual(
      [code, err],
      [0, `strongroom: there is no table people_in; nothing was left out.\n${wrote('all.db')}`],
    )
    assert.match(
      (await project.run(['backup', '--store', 'sqlite:./none.db'])).err,
      /\.\/none\.db does not exist, and nothing was created\./,
    )
  })

  test('a backup can be made by hand with the commands that --print prints', async () => {
    const { code, out } = await project.run(['backup', '--store', 'sqlite:./app.db', '--print', '-o', "it's.db"])
    assert.equal(code, 0)
    assert.equal(out.split('\n').length, 3)
    assert.match(out, /^sqlite3 -readonly \.\/app\.db 'VACUUM INTO/)
    const sqlite3 = find('sqlite3')
    if (!sqlite3) return
    spawnSync('sh', ['-ec', out], { cwd: project.dir })
    assert.deepEqual(await rowsLeft("it's.db"), [0, DJANGO.length])
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
  test('never overwrites a file without --force, and never anything else', async () => {
    project.write('existing.sql', 'kept')
    symlinkSync(project.path('existing.sql'), project.path('link.sql'))
    for (const store of ['sqlite:./app.db', 'postgres://db/app', 'mysql://db/app'])
      for (const name of ['existing.sql', 'link.sql']) {
        const { code, err } = await project.run(['backup', '--store', store, '-o', name])
        assert.deepEqual(
          [code, err],
          [2, `strongroom: ${name} already exists, and nothing was changed. Replace it with --force.\n`],
        )
      }
    assert.match(
      (await project.run(['backup', '--store', 'postgres://db/app', '-o', '.', '--force'])).err,
      /not a regular file/,
    )
    assert.equal(readFileSync(project.path('existing.sql'), 'utf8'), 'kept')
  })

  test('a PostgreSQL that never replies is given up after 10 seconds, or what the environment says', async () => {
    // Both programs, because psql comes first.
    const print = `printf '%s' "$PGCONNECT_TIMEOUT" >> seconds; echo a dump`
    const folders = ['psql', 'pg_dump'].map((name) =>
      project.fake(name, name === 'psql' ? print.replace('echo a dump', '') : print),
    )
    const env = { PATH: `${folders.join(':')}:/usr/bin:/bin` }
    const args = ['backup', '--store', 'postgres://db.example/shop', '--django']
    assert.equal((await project.run(args, { env })).code, 0)
    assert.equal(readFileSync(project.path('seconds'), 'utf8'), '1010')
    assert.equal((await project.run(args, { env: { ...env, PGCONNECT_TIMEOUT: '3' } })).code, 0)
    assert.equal(readFileSync(project.path('seconds'), 'utf8'), '101033')
  })

  for (const [scheme, program, variable] of [
    ['postgres', 'pg_dump', 'PGPASSWORD'],
    ['mysql', 'mariadb-dump', 'MYSQL_PWD'],
  ] as const)
    test(`a password for ${program} is only in its environment`, async () => {
      const PATH = project.fake(program, `printf '%s\\n' "$@"; test "$${variable}" = '${PASSWORD}' && echo given`)
      const REST = `${project.fake('psql', FAKE_PSQL)}:/usr/bin:/bin`
      for (const url of [
        `${scheme}://app:${ENCODED}@db.example/shop`,
        `${scheme}://app@db.example/shop?password=${ENCODED}`,
      ]) {
        const { code, out } = await project.run(['backup', '--store', url], { env: { PATH: `${PATH}:${REST}` } })
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

  test('--print prints the command', async () => {
    const pg = await project.run([
      'backup',
      '--store',
      'postgres://app@db:5433/shop?sslmode=no-verify&max=3&notify=true&listen=postgres%3A%2F%2Fdb%2Fshop&ssl=1',
      '--print',
    ])
    assert.equal(
      pg.out,
      `pg_dump '--dbname=postgresql://app@db:5433/shop?sslmode=require' '--exclude-table-data=*."strongroom_sessions"'\n`,
    )
    assert.match(
      pg.err,
      /^strongroom: the URL option "ssl" is for the driver and was not passed to pg_dump\.\nstrongroom: with/,
    )
    const my = await project.run([
      'backup',
      '--store',
      'mariadb://app@db:3307/shop?table=People&batchWrites=true&max=3',
      '--django',
      '--print',
      '--',
      '--routines',
    ])
    assert.equal(
      my.out,
      'mariadb-dump --protocol=tcp --host=db --port=3307 --user=app --ignore-table-data=shop.People --ignore-table-data=shop.django_session --single-transaction --hex-blob shop --routines\n',
    )
    assert.equal(
      my.err,
      "strongroom: a URL option is unknown and was not passed to mariadb-dump.\nstrongroom: with --print, the database is not asked which tables are of Django's DatabaseCache: name them with --without.\n",
    )
  })

  test('a password that is not encoded is refused and not printed', async () => {
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

  test('a missing program is named together with its package', async () => {
    const env = { PATH: project.path('nothing') }
    const { code, err } = await project.run(['backup', '--store', 'mysql://app@db/shop'], { env })
    assert.deepEqual(
      [code, err],
      [1, 'strongroom: mariadb-dump is not installed. On Debian and Ubuntu it is in the package mariadb-client.\n'],
    )
  })

  test('for a store that cannot be dumped, the message says what to do instead', async () => {
    for (const [store, words] of [
      ['redis://db', /Redis of their own/],
      ['memcached://db', /nothing to back up/],
      ['memory:', /nothing to back up/],
      ['cookie:', /visitors' cookies/],
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
