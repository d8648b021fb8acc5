import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { withMariadb, withPostgres } from './databases.ts'
import { Project } from './project.ts'

const project = new Project()
after(() => project.remove())

/** In every row that must not be in a backup. */
const LEAK = 'leaked'

async function backedUp(store: string, ...more: string[]) {
  const { code, err } = await project.run(['backup', '--store', store, '-o', 'x', '--force', ...more])
  assert.equal(code, 0, err)
  return { dump: readFileSync(project.path('x'), 'latin1'), err }
}

/** A name of a table that does not exist is refused, and nothing is written. */
async function refusesMistyped(store: string): Promise<void> {
  const { code, err } = await project.run(['backup', '--store', store, '-o', 'typo', '--without', 'typo'])
  assert.equal(code, 2)
  assert.match(err, /--without typo: there is no such table, and no backup was made/)
  assert.ok(!existsSync(project.path('typo')))
}

suite('the tables that a backup of PostgreSQL leaves out', { skip: postgresNeed.skip }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server.stop())

  const fill = (sql: string) => withPostgres(server.url, (client) => client.query(sql))

  test('the rows of partitions and of children are left out, too', async () => {
    await fill(`CREATE SCHEMA "Old one";
      CREATE TABLE strongroom_sessions (id int PRIMARY KEY, record text) PARTITION BY HASH (id);
      CREATE TABLE "Old one"."Part 0" PARTITION OF strongroom_sessions FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE part_1 PARTITION OF strongroom_sessions FOR VALUES WITH (MODULUS 2, REMAINDER 1) PARTITION BY HASH (id);
      CREATE TABLE part_1_0 PARTITION OF part_1 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
      INSERT INTO strongroom_sessions SELECT i, '${LEAK}' FROM generate_series(1, 20) i;
      CREATE TABLE django_session (session_key text, session_data text, expire_date date) PARTITION BY RANGE (expire_date);
      CREATE TABLE django_session_2026 PARTITION OF django_session FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
      INSERT INTO django_session VALUES ('a', '${LEAK}', '2026-05-05');
      CREATE TABLE pages (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL);
      CREATE TABLE pages_old (note text) INHERITS (pages);
      INSERT INTO pages_old VALUES ('a', '${LEAK}', now());
      CREATE TABLE logins (id int); CREATE TABLE logins_2026 (note text) INHERITS (logins);
      INSERT INTO logins_2026 VALUES (1, '${LEAK}');
      CREATE TABLE people (id int); CREATE TABLE people_in (name text) INHERITS (people);
      INSERT INTO people_in VALUES (1, 'kept')`)
    const { dump, err } = await backedUp(server.url, '--django', '--without', 'public.logins')
    assert.ok(!dump.includes(LEAK), 'rows of a session table are in the dump')
    assert.ok(dump.includes('kept') && dump.includes('"Part 0"') && dump.includes('django_session_2026'))
    assert.match(err, /the rows of partitions and children are left out, too: .* and 5 more\./)
    assert.doesNotMatch(err, /pages_old are in the backup/)
    const { dump: other } = await backedUp(server.url)
    assert.equal(other.split(LEAK).length, 4, 'without options, only the rows of the session table are left out')
  })

  test('--print says that partitions and children are not looked up', async () => {
    const { err } = await project.run(['backup', '--store', 'postgres://db/app', '--print'])
    assert.match(
      err,
      /with --print, the database is not asked which tables exist, and which are partitions or children/,
    )
  })

  test('a name that no table has is refused', () => refusesMistyped(server.url))

  test('a remark says what --without takes, whatever the name of the table is', async () => {
    await fill(`CREATE SCHEMA shop; CREATE TABLE shop."my-cache v1.2" (cache_key text, value text, expires text);
      INSERT INTO shop."my-cache v1.2" VALUES ('a', '${LEAK}2', 'never');
      CREATE TABLE "my-cache v1.2" (id text); INSERT INTO "my-cache v1.2" VALUES ('kept, too')`)
    const { err } = await backedUp(server.url, '--django')
    assert.match(err, /add --without 'shop\.my-cache v1\.2'\./)
    const { dump } = await backedUp(server.url, '--django', '--without', 'shop.my-cache v1.2')
    assert.ok(!dump.includes(`${LEAK}2`) && dump.includes('kept, too'))
    const { dump: neither } = await backedUp(server.url, '--without', 'my-cache v1.2')
    assert.ok(!neither.includes(`${LEAK}2`) && !neither.includes('kept, too'), 'without a schema, the table in each')
  })
})

suite('the tables that a backup of MariaDB leaves out', { skip: mariadbNeed.skip }, () => {
  let server: MariadbServer
  before(async () => {
    server = await startMariadb()
    await withMariadb(server.url, async (pool) => {
      await pool.query('CREATE TABLE `my-cache v1.2` (cache_key text, value text, expires text)')
      await pool.query('INSERT INTO `my-cache v1.2` VALUES (?, ?, ?)', ['a', LEAK, 'never'])
    })
  })
  after(() => server.stop())

  test('a name that no table has is refused', () => refusesMistyped(server.url))

  test('a remark says what --without takes, whatever the name of the table is', async () => {
    assert.match((await backedUp(server.url, '--django')).err, /add --without 'test\.my-cache v1\.2'\./)
    for (const name of ['test.my-cache v1.2', 'my-cache v1.2', 'My-Cache v1.2']) {
      const { dump } = await backedUp(server.url, '--without', name)
      assert.ok(!dump.includes(LEAK) && dump.includes('my-cache'), name)
    }
  })
})

suite('the tables that a backup of SQLite leaves out', () => {
  const store = `sqlite:${project.path('app.db')}`
  before(() => {
    const database = new DatabaseSync(project.path('app.db'))
    database.exec(`CREATE TABLE "my-cache v1.2" (id text); INSERT INTO "my-cache v1.2" VALUES ('${LEAK}');
      CREATE TABLE django_session (id text); INSERT INTO django_session VALUES ('${LEAK}')`)
    database.close()
  })

  test('a name that no table has is refused', () => refusesMistyped(store))

  test('names are taken as they are, also after `main`', async () => {
    const names = ['--without', 'main.django_session', '--without', 'my-cache v1.2']
    assert.ok(!(await backedUp(store, ...names)).dump.includes(LEAK))
  })
})
