import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { find } from '../../scripts/programs.mjs'
import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { mariadbArguments, output, withMariadb } from './databases.ts'
import { FAKE_PSQL, main, Project } from './project.ts'

const project = new Project()
after(() => project.remove())

const POSTGRES = 'postgres://db/app'
const MYSQL = 'mysql://app@db/shop'

/** What is printed when these arguments are refused. */
async function refused(store: string, passed: readonly string[], more: readonly string[] = []): Promise<string> {
  const { code, out, err } = await project.run(['backup', '--store', store, '--print', ...more, '--', ...passed])
  assert.deepEqual([code, out], [2, ''], passed.join(' '))
  return err
}

suite('arguments for the program that makes a backup', () => {
  test('options of the connection are refused, in whatever form', async () => {
    for (const [store, passed] of [
      [POSTGRES, ['--dbname=postgres://elsewhere/app']],
      [POSTGRES, ['-vhelsewhere']],
      [POSTGRES, ['--ho', 'elsewhere']],
      [POSTGRES, ['-d', 'other']],
      [MYSQL, ['-P', '3307']],
      [MYSQL, ['-fhelsewhere']],
      [MYSQL, ['--loose_socket=/elsewhere']],
      [MYSQL, ['--defaults-extra-file=other.cnf']],
      [MYSQL, ['--protocol', 'socket']],
    ] as const)
      assert.match(
        await refused(store, passed),
        /cannot be passed on: .* Put host, port, user and database into the URL/,
      )
  })

  test('other options are passed on, whatever letters are in their values', async () => {
    for (const [store, passed] of [
      [POSTGRES, ['-nhidden', '-Fc', '--no-privileges', '--exclude-table=help', '-t', 'host']],
      [MYSQL, ['--routines', '-wid<3', '--tab-x', '-fv', '--hex-blob', '--where', 'user=1']],
    ] as const) {
      const { code, out } = await project.run(['backup', '--store', store, '--print', '--', ...passed])
      assert.deepEqual([code, out.includes(passed[0])], [0, true])
    }
  })

  test('what is no dump is refused', async () => {
    for (const passed of ['--help', '--version', '-V', '-?', '-f?', '--print-defaults', '--vers', '--loose-help'])
      assert.match(await refused(MYSQL, [passed]), /there is no dump, so it cannot be passed on/)
  })

  test('passwords are refused, in whatever form', async () => {
    for (const passed of [
      '--pass=hush',
      '--passwor=hush',
      '-fphush',
      '-vfphush',
      '--loose-password=hush',
      '--password2=hush',
    ]) {
      const err = await refused(MYSQL, [passed])
      assert.match(err, /Other users can see a password/)
      assert.ok(!err.includes('hush'))
    }
  })

  test('several databases are refused where only one is searched for caches', async () => {
    for (const passed of [['--databases', 'a', 'b'], ['--all-databases'], ['-fA'], ['--all-d']])
      assert.match(await refused(MYSQL, passed, ['--django']), /cannot be passed on with --django/)
    const { code } = await project.run(['backup', '--store', MYSQL, '--print', '--', '--all-databases'])
    assert.equal(code, 0)
  })

  test('the client that looks tables up gets options together with their values', async () => {
    const PATH = [project.fake('mariadb', 'printf "%s;" "$@" > asked'), project.fake('mariadb-dump', 'echo dump')].join(
      ':',
    )
    const passed = ['--routines', '--ssl-ca', '/certificates/ca.pem', '--where', 'id > 3', '--skip-ssl', 'people']
    const { code, err } = await project.run(['backup', '--store', MYSQL, '--django', '--', ...passed], {
      env: { PATH: `${PATH}:/usr/bin:/bin` },
    })
    assert.equal(code, 0, err)
    const asked = readFileSync(project.path('asked'), 'utf8')
    assert.match(asked, /--user=app;--ssl-ca;\/certificates\/ca\.pem;--skip-ssl;--batch;/)
  })
})

suite('a backup on standard output', () => {
  const PATH = `${project.fake('pg_dump', 'printf "$DUMP"')}:${project.fake('psql', FAKE_PSQL)}:/usr/bin:/bin`
  const run = (stdout: 'pipe' | number, DUMP: string, passed: readonly string[] = []) =>
    spawnSync(process.execPath, [main, 'backup', '--store', POSTGRES, ...passed], {
      cwd: project.dir,
      env: { ...process.env, PATH, DUMP },
      stdio: ['ignore', stdout, 'pipe'],
      encoding: 'utf8',
    })

  test('an empty one is a failure, in a pipe and in a file', () => {
    for (const DUMP of ['', 'x']) {
      const file = openSync(project.path('out.sql'), 'a')
      for (const stdout of ['pipe', file] as const) {
        const { status, stderr } = run(stdout, DUMP)
        assert.equal(status, DUMP === '' ? 1 : 0, stderr)
        if (DUMP === '') assert.match(stderr, /Nothing was written, and there is no backup\..*~\/\.my\.cnf/)
      }
      closeSync(file)
    }
    assert.equal(run('pipe', 'x').stdout, 'x')
  })

  test('none is expected where the program is told to write elsewhere', () => {
    assert.equal(run('pipe', '', ['--', '-Fd', '-f', 'folder']).status, 0)
  })
})

suite('arguments for a backup of MariaDB', { skip: mariadbNeed.skip }, () => {
  let [server, other] = [] as unknown as [MariadbServer, MariadbServer]
  const OLD = `case "$*" in *--ignore-table-data*) exit 9;; *--help*) echo old; exit;; esac; exec '${find('mariadb-dump')}' "$@"`
  before(async () => {
    server = await startMariadb()
    other = await startMariadb()
    for (const { url } of [server, other])
      await withMariadb(url, async (pool) => {
        for (const table of ['strongroom_sessions', 'people', 'orders']) {
          await pool.query(`CREATE TABLE ${table} (id int, name text)`)
          await pool.query(`INSERT INTO ${table} VALUES (1, '${table} has a row')`)
        }
      })
    const cache = 'CREATE TABLE pages (cache_key varchar(255) PRIMARY KEY, value longtext, expires datetime(6))'
    await withMariadb(other.url, (pool) => pool.query(cache))
  })
  after(() => Promise.all([server?.stop(), other?.stop()]))

  test('a restore has the rows of tables that are named, with either program, and sessions stay as they are', async () => {
    for (const PATH of [process.env.PATH as string, project.fake('mysqldump', OLD)]) {
      const args = [
        'backup',
        '--store',
        server.url,
        '-o',
        'named.sql',
        '--force',
        '--',
        '--comments',
        'people',
        'orders',
      ]
      const { code, err } = await project.run(args, { env: { PATH } })
      assert.equal(code, 0, err)
      await withMariadb(other.url, (pool) => pool.query('DELETE FROM people'))
      output('mariadb', mariadbArguments(other.url), readFileSync(project.path('named.sql')))
      const counts = `SELECT (SELECT count(*) FROM people) + (SELECT count(*) FROM orders) * 10 +
        (SELECT count(*) FROM strongroom_sessions) * 100 AS n`
      const [rows] = await withMariadb(other.url, (pool) => pool.query(counts))
      assert.equal(Number((rows as { n: number }[])[0]?.n), 111)
    }
  })

  test('a session table that is named is refused, because its rows would be dumped', async () => {
    for (const PATH of [process.env.PATH as string, project.fake('mysqldump', OLD)]) {
      const args = ['backup', '--store', server.url, '--', 'people', 'Strongroom_Sessions']
      const { code, out, err } = await project.run(args, { env: { PATH } })
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, /cannot leave the rows out of a table that is named after --/)
    }
  })

  test('a program that makes two dumps gets no option that both would apply', async () => {
    for (const passed of ['--tables', '--result-file=x', '-T.']) {
      const args = ['backup', '--store', server.url, '--', passed, 'people']
      const { code, err } = await project.run(args, { env: { PATH: project.fake('mysqldump', OLD) } })
      assert.deepEqual([code, /makes two dumps, so --/.test(err)], [2, true], err)
    }
  })

  test('caches are not looked up on one server, and dumped from another', async () => {
    const { port } = new URL(other.url)
    const args = ['backup', '--store', server.url, '--django', '--', '-P', port]
    const { code, out } = await project.run(args)
    assert.deepEqual([code, out], [2, ''])
  })
})
