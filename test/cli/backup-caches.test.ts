import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { after, suite, test } from 'node:test'
import { scanFile } from '../../packages/cli/src/scan/scan.ts'
import { find } from '../../scripts/programs.mjs'
import { Django, djangoNeed } from '../django/peer.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { withMariadb, withPostgres } from './databases.ts'
import { Project } from './project.ts'

const project = new Project()
after(() => project.remove())

/** Caches of an application, whose names say nothing, and may be hard to quote. */
const CACHES = { default: 'Shop x.y $1', other: 'fast_pages' }
/** Tables that are nobody's cache, in SQL that all three databases know. */
const OTHERS = [
  // More columns than a cache has.
  'CREATE TABLE keyed_cache (cache_key varchar(255) PRIMARY KEY, value text, expires timestamp NULL, customer int)',
  "INSERT INTO keyed_cache VALUES ('a', 'important', '2026-01-01 00:00:00', 1)",
  'CREATE TABLE numbers (cache_key int PRIMARY KEY, value int, expires int)',
  'INSERT INTO numbers VALUES (1, 42, 3)',
  'CREATE TABLE cache_key (id int PRIMARY KEY, value text, expires timestamp NULL)',
  "INSERT INTO cache_key VALUES (1, 'important', '2026-01-01 00:00:00')",
]

/** Makes the tables with a real Django, and sessions in the first cache, in `django_session`, and in both. */
async function fill(database: Record<string, unknown>): Promise<void> {
  const BACKEND = 'django.core.cache.backends.db.DatabaseCache'
  const django = await Django.start({
    DATABASES: { default: { ...database, CONN_MAX_AGE: null } },
    CACHES: {
      default: { BACKEND, LOCATION: CACHES.default, KEY_PREFIX: 'shop' },
      other: { BACKEND, LOCATION: CACHES.other },
    },
  })
  try {
    await django.ask('migrate')
    await django.ask('create_caches')
    for (const engine of ['db', 'cache', 'cached_db']) await django.ask('put', [engine, '{"cart": ["tea"]}'])
  } finally {
    await django.stop()
  }
}

async function backedUp(store: string, more: readonly string[] = [], env: Record<string, string> = {}) {
  const { code, err } = await project.run(['backup', '--store', store, '-o', 'x', '--force', ...more], { env })
  assert.equal(code, 0, err)
  const report = await scanFile(project.path('x'), { pgRestore: null })
  assert.equal(report.problem, null)
  return { err, rows: report.findings.reduce((sum, { rows }) => sum + rows, 0), report }
}

/** What is asked of every database. */
async function leavesOut(store: string, env: Record<string, string> = {}): Promise<void> {
  const all = await backedUp(store, [], env)
  // In SQLite the keys of a cache are in an index, too.
  assert.ok(all.rows >= 4)
  const named = await backedUp(store, ['--without', 'django_session', '--without', CACHES.other], env)
  assert.equal(named.rows, all.rows - 2, 'tables that are named are left out')
  const { err, rows } = await backedUp(store, ['--django'], env)
  assert.equal(rows, 0, 'read whole, no session rows')
  for (const name of Object.values(CACHES))
    assert.ok(err.includes(`${name} are left out: by its columns it is a table of Django's DatabaseCache`), err)
  for (const name of ['keyed_cache', 'numbers'])
    assert.match(err, new RegExp(`${name} are in the backup: .* --without (?:\\w+\\.)?${name}\\.`))
  assert.equal(err.match(/are left out/g)?.length, 2)
  assert.doesNotMatch(err, /cache_key are/)
}

const skip = djangoNeed.skip

suite("a backup without the tables of Django's DatabaseCache", { skip }, () => {
  test('of PostgreSQL', { skip: postgresNeed.skip }, async () => {
    const server = await startPostgres()
    try {
      const { hostname: HOST, port: PORT, username: USER, pathname } = new URL(server.url)
      await fill({ ENGINE: 'django.db.backends.postgresql', NAME: pathname.slice(1), USER, HOST, PORT })
      await withPostgres(server.url, async (client) => {
        for (const sql of OTHERS) await client.query(sql)
        // In another schema, and not on the search path.
        await client.query('CREATE SCHEMA "Other"; CREATE TABLE "Other".fast_pages (LIKE fast_pages INCLUDING ALL)')
        await client.query('INSERT INTO "Other".fast_pages SELECT * FROM "Shop x.y $1"')
      })
      const { rows, err } = await backedUp(server.url, ['--django'])
      assert.equal(rows, 0)
      assert.match(err, /the rows of Other\.fast_pages are left out/)
      await withPostgres(server.url, (client) => client.query('DROP TABLE "Other".fast_pages'))
      await leavesOut(server.url)
    } finally {
      await server.stop()
    }
  })

  test('of MariaDB, also with a program that makes two dumps', { skip: mariadbNeed.skip }, async () => {
    const server = await startMariadb()
    try {
      const { hostname: HOST, port: PORT, username: USER, pathname } = new URL(server.url)
      await fill({ ENGINE: 'django.db.backends.mysql', NAME: pathname.slice(1), USER, HOST, PORT })
      await withMariadb(server.url, async (pool) => {
        // The table of a store must exist where it is dumped by its name.
        for (const sql of [...OTHERS, 'CREATE TABLE strongroom_sessions (id int)']) await pool.query(sql)
      })
      await leavesOut(server.url)
      const old = `case "$*" in *--ignore-table-data*) exit 9;; *--help*) echo old; exit;; esac; exec '${find('mariadb-dump')}' "$@"`
      const PATH = [project.fake('mysqldump', old), project.fake('mysql', `exec '${find('mariadb')}' "$@"`)].join(':')
      await leavesOut(server.url, { PATH })
      const { code, err } = await project.run(['backup', '--store', server.url, '--django', '-o', 'unknown'], {
        env: { PATH: PATH.split(':')[0] as string },
      })
      assert.equal(code, 1)
      assert.match(err, /mariadb is not installed/)
      assert.ok(!existsSync(project.path('unknown')), 'what is not known is not taken for absent')
    } finally {
      await server.stop()
    }
  })

  test('of SQLite', async () => {
    const path = project.path('app.db')
    await fill({ ENGINE: 'django.db.backends.sqlite3', NAME: path })
    const database = new DatabaseSync(path)
    for (const sql of OTHERS) database.exec(sql)
    const schema = 'SELECT name, sql FROM sqlite_schema ORDER BY name'
    const tables = database.prepare(schema).all()
    database.close()
    await leavesOut(`sqlite:${path}`)
    const copy = new DatabaseSync(project.path('x'))
    assert.deepEqual(copy.prepare(schema).all(), tables)
    const value = (table: string) => copy.prepare(`SELECT value FROM ${table}`).get()?.value
    assert.deepEqual([value('keyed_cache'), value('numbers'), value('cache_key')], ['important', 42, 'important'])
    copy.close()
  })
})

suite('strongroom backup --without', () => {
  test('takes any name of a table, as it is in the database', async () => {
    const args = ['backup', '--store', 'postgres://db/app', '--print', '--without', 'Shop_Cache', '--without', 'app.c']
    const { out } = await project.run(args)
    assert.match(out, /'--exclude-table-data=\*\."Shop_Cache"' '--exclude-table-data="app"\."c"'/)
    const quoted = await project.run(['backup', '--store', 'postgres://db/app', '--print', `--without=-a"b.c d.e'`])
    assert.ok(quoted.out.includes(`'--exclude-table-data="-a""b"."c d.e'\\''"'`), quoted.out)
    const { code, err } = await project.run(['backup', '--store', 'postgres://db/app', '--print', '--without='])
    assert.equal(code, 2)
    assert.match(err, /--without takes the name of a table/)
  })

  test('a client asks with the connection of the dump', async () => {
    const PATH = [
      project.fake('mariadb', 'echo "$MYSQL_PWD $@" > asked'),
      project.fake('mariadb-dump', 'echo dumped'),
    ].join(':')
    const store = 'mysql://app:sesame@db:3307/shop'
    const passed = ['--', '--ssl-ca=ca.pem', '--routines']
    const { code } = await project.run(['backup', '--store', store, '--django', '-o', 'asked.sql', ...passed], {
      env: { PATH: `${PATH}:/usr/bin:/bin` },
    })
    assert.equal(code, 0)
    assert.match(
      readFileSync(project.path('asked'), 'utf8'),
      /^sesame --protocol=tcp --host=db --port=3307 --user=app --ssl-ca=ca\.pem --batch /,
    )
  })
})
