import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { createPool } from 'mysql2/promise'
import { Topic } from '../../packages/cli/src/doctor/check.ts'
import { mysqlVersion } from '../../packages/cli/src/doctor/mysql.ts'
import { grantOf } from '../../packages/cli/src/doctor/mysql-rights.ts'
import { reachOf } from '../../packages/cli/src/doctor/network.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { need } from '../support/need.ts'
import { certificateIn, examined, outerAddress } from './found.ts'

const openssl = need('openssl')
const SECRET = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
const TABLE = 'strongroom_sessions'
const HOUR = 3_600_000
const STRICT = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'

async function sql(server: MariadbServer, statements: readonly string[], database = 'test'): Promise<void> {
  const pool = createPool(server.url.replace(/test$/, database))
  for (const statement of statements) await pool.query(statement)
  await pool.end()
}

const as = (server: MariadbServer, user: string, database: string, host = '127.0.0.1') =>
  `mysql://${user}@${host}:${server.port}/${database}`

/** A database of its own with the table, and with what is done to it; the user web has what sessions need. */
async function database(server: MariadbServer, name: string, ...changes: string[]): Promise<string> {
  await sql(server, [`CREATE DATABASE ${name}`], 'mysql')
  const store = mysql(as(server, 'root', name))
  await store.schema.migrate()
  await store.close()
  const grant = `GRANT SELECT, INSERT, UPDATE, DELETE ON ${name}.${TABLE} TO ${name}@'%'`
  await sql(server, [`CREATE USER ${name}@'%'`, grant, ...changes], name)
  return as(server, name, name)
}

const row = (purgeAt: number) =>
  `INSERT INTO ${TABLE} (id, payload, version, expires_at, purge_at, created_at)
   VALUES (UNHEX(SHA2(RAND(), 256)), 'x', 1, ${purgeAt}, ${purgeAt}, 0)`

suite('the doctor and a MariaDB that is set up well', { skip: mariadbNeed.skip }, () => {
  let server: MariadbServer
  before(async () => {
    server = await startMariadb({ 'sql-mode': STRICT })
  })
  after(() => server.stop())

  test('everything about MariaDB is green for a user with four rights on one table', async () => {
    const found = await examined(await database(server, 'good'))
    const engine = found.diagnosis.checks.filter(({ about }) => about === 'engine')
    assert.deepEqual(
      engine.filter(({ level }) => level !== 'green'),
      [],
    )
    assert.deepEqual(engine.map(({ name }) => name).sort(), [
      'clock',
      'expired-rows',
      'mysql-binlog',
      'mysql-doublewrite',
      'mysql-flush',
      'mysql-index-id',
      'mysql-index-owner',
      'mysql-index-purge-at',
      'mysql-primary',
      'mysql-rights',
      'mysql-sql-mode',
      'mysql-table',
      'mysql-table-engine',
      'mysql-tls',
      'mysql-version',
      'store-answers',
      'sweep',
    ])
  })

  for (const [name, what, change, check, mend] of [
    [
      'myisam',
      'a table without transactions',
      `ALTER TABLE ${TABLE} ENGINE = Aria`,
      'mysql-table-engine',
      /ENGINE = InnoDB/,
    ],
    ['uncommented', 'a table of something else', `ALTER TABLE ${TABLE} COMMENT = ''`, 'mysql-table', /option table/],
    [
      'ownerless',
      'no index on the owner',
      `ALTER TABLE ${TABLE} DROP KEY by_owner`,
      'mysql-index-owner',
      /ADD KEY by_owner/,
    ],
    [
      'sweepless',
      'no index for sweeps',
      `ALTER TABLE ${TABLE} DROP KEY by_purge`,
      'mysql-index-purge-at',
      /by_purge \(purge_at, seq\)/,
    ],
    ['idless', 'no index on the id', `ALTER TABLE ${TABLE} DROP KEY by_id`, 'mysql-index-id', /ADD UNIQUE KEY by_id/],
    [
      'shared',
      'ids that need not be unique',
      `ALTER TABLE ${TABLE} DROP KEY by_id, ADD KEY by_id (id)`,
      'mysql-index-id',
      /ADD UNIQUE/,
    ],
  ] as const)
    test(`${what} is red`, async () => {
      const found = await examined(await database(server, name, change))
      found.is(check, 'red', undefined, mend)
      assert.deepEqual(found.names('red'), [check])
    })

  test('a user with more rights than needed is red or amber, by how far they reach', async () => {
    await database(server, 'people')
    await sql(
      server,
      [
        'CREATE TABLE people.names (name text)',
        "CREATE USER app@'%'",
        "GRANT ALL ON people.* TO app@'%'",
        "CREATE USER dropper@'%'",
        `GRANT SELECT, INSERT, UPDATE, DELETE, DROP ON people.${TABLE} TO dropper@'%'`,
      ],
      'mysql',
    )
    const rightsOf = async (user: string) => (await examined(as(server, user, 'people'))).get('mysql-rights')
    const [root, app, dropper] = [await rightsOf('root'), await rightsOf('app'), await rightsOf('dropper')]
    assert.deepEqual([root.level, app.level, dropper.level], ['red', 'amber', 'amber'])
    assert.match(root.what, /on every database of the server/)
    assert.match(app.what, /ALL PRIVILEGES on people\.\*/)
    assert.match(dropper.what, /has DROP on the table of sessions/)
    assert.match(dropper.mend ?? '', /REVOKE DROP/)
  })

  test('a user who may not delete is red, because nobody can log out', async () => {
    await database(server, 'kept')
    await sql(
      server,
      ["CREATE USER keeper@'%'", `GRANT SELECT, INSERT, UPDATE ON kept.${TABLE} TO keeper@'%'`],
      'mysql',
    )
    const found = await examined(as(server, 'keeper', 'kept'))
    found.is('mysql-rights', 'red', /lacks DELETE on the table of sessions/, /GRANT SELECT, INSERT, UPDATE, DELETE/)
  })

  test('expired rows that nobody sweeps are red, and the clock is compared', async () => {
    const url = await database(server, 'stale', row(Date.now() - 30 * HOUR), row(Date.now() + HOUR))
    const found = await examined(url)
    found.is('expired-rows', 'green', /^1 expired and 1 live rows/)
    found.is('sweep', 'red', /ended 30 hours ago/)
    const skewed = await examined(url, { clock: () => Date.now() - 90_000 })
    skewed.is('clock', 'red', /90 s ahead of/)
  })

  test('the doctor makes no table, and what cannot be read is unknown', async () => {
    const found = await examined(`${as(server, 'root', 'test')}?createTable=true`)
    found.is('mysql-table', 'red', /There is no table/, /migrate/)
    found.is('expired-rows', 'unknown', /no table in which rows could be counted/)
    const again = await examined(as(server, 'root', 'test'))
    again.is('mysql-table', 'red')
  })

  test('a server that went read-only is red', async () => {
    const url = await database(server, 'late')
    await sql(server, ['SET GLOBAL read_only = 1'], 'mysql')
    const found = await examined(url)
    found.is('mysql-primary', 'red', /read-only, as replicas are/)
    await sql(server, ['SET GLOBAL read_only = 0'], 'mysql')
  })
})

suite('the doctor and a MariaDB that is set up badly', { skip: mariadbNeed.skip || openssl.skip }, () => {
  let server: MariadbServer
  const outer = outerAddress()
  before(async () => {
    server = await startMariadb({
      'innodb-flush-log-at-trx-commit': '0',
      'log-bin': 'log',
      'sync-binlog': '0',
      'innodb-doublewrite': 'OFF',
      'sql-mode': '',
      'bind-address': '0.0.0.0',
    })
    await sql(server, ["CREATE USER web@'%'", "GRANT ALL ON test.* TO web@'%'"], 'mysql')
  })
  after(() => server.stop())

  for (const [name, level, mend] of [
    ['mysql-flush', 'red', /innodb_flush_log_at_trx_commit = 1/],
    ['mysql-binlog', 'amber', /sync_binlog = 1/],
    ['mysql-doublewrite', 'red', /innodb_doublewrite = ON/],
    ['mysql-sql-mode', 'amber', /sql_mode = STRICT_TRANS_TABLES/],
  ] as const)
    test(`${name} is ${level}, and says what mends it`, async () => {
      const found = await examined(server.url)
      found.is(name, level, undefined, mend)
    })

  test('a flush at each second after the commit is amber', async () => {
    await sql(server, ['SET GLOBAL innodb_flush_log_at_trx_commit = 2'], 'mysql')
    const found = await examined(server.url)
    found.is('mysql-flush', 'amber', /a power cut undoes the last second/)
  })

  test('a connection without TLS over a network is amber, and one with TLS is green', {
    skip: outer === null && 'this machine has only loopback',
  }, async () => {
    const plain = await examined(as(server, 'web', 'test', outer ?? ''))
    plain.is('mysql-tls', reachOf(outer) === 'public' ? 'red' : 'amber', /without TLS/, /require_secure_transport/)
    const { certificate, key } = certificateIn(server.dir, openssl.path)
    await server.kill()
    const gone = await examined(server.url)
    gone.is('store-answers', 'red', /did not answer/)
    const other = await startMariadb({ 'ssl-cert': certificate, 'ssl-key': key, 'bind-address': '0.0.0.0' })
    await sql(other, ["CREATE USER web@'%'", "GRANT ALL ON test.* TO web@'%'"], 'mysql')
    const ssl = encodeURIComponent(JSON.stringify({ rejectUnauthorized: false }))
    const found = await examined(`${as(other, 'web', 'test', outer ?? '')}?ssl=${ssl}`)
    found.is('mysql-tls', 'green', /is encrypted/)
    await other.stop()
  })
})

suite('the doctor and a MariaDB where summer time ends', { skip: mariadbNeed.skip }, () => {
  let server: MariadbServer
  before(async () => {
    const { TZ } = process.env
    // The rules of Central Europe, which need no database of time zones.
    process.env.TZ = 'CET-1CEST,M3.5.0,M10.5.0/3'
    server = await startMariadb()
    if (TZ === undefined) delete process.env.TZ
    else process.env.TZ = TZ
  })
  after(() => server.stop())

  for (const [hour, moment] of [
    ['the first 02:30', '2026-10-25T00:30:00.250Z'],
    ['the second 02:30', '2026-10-25T01:30:00.250Z'],
  ] as const)
    test(`at ${hour} of that night its clock goes as ours`, async () => {
      const at = Date.parse(moment)
      const pool = createPool(server.url)
      pool.pool.on('connection', (connection) => connection.query(`SET timestamp = ${at / 1000}`))
      const [rows] = await pool.query('SELECT DATE_FORMAT(NOW(), "%H:%i") AS local')
      assert.deepEqual(rows, [{ local: '02:30' }])
      const sessions = createSessions({ store: mysql({ client: pool }), secrets: SECRET })
      const same = await examined(sessions, { clock: () => at })
      const apart = await examined(sessions, { clock: () => at - 5_000 })
      await sessions.close()
      await pool.end()
      same.is('clock', 'green')
      apart.is('clock', 'amber', /5 s ahead of/)
    })
})

suite('what VERSION() says', () => {
  for (const [version, level, what] of [
    ['5.7.44-log', 'red', 'This is MySQL 5.7.44, which is too old.'],
    ['8.0.46', 'amber', 'This is MySQL 8.0.46, and MySQL 8.0 gets no fixes from its makers since 2026-04-30.'],
    ['8.4.9', 'green', 'This is MySQL 8.4.9.'],
    // MariaDB once put the number of a MySQL before its own, for clients that knew only those.
    ['5.5.5-10.5.29-MariaDB', 'red', 'This is MariaDB 10.5.29, which is too old.'],
    ['11.8.8-MariaDB-0+deb13u1 from Debian', 'green', 'This is MariaDB 11.8.8.'],
  ] as const)
    test(`${version} is ${level}`, () => {
      const check = mysqlVersion(new Topic('engine', 'mysql-and-mariadb'), version, Date.parse('2026-11-29'))
      assert.deepEqual([check.level, check.what], [level, what])
    })
})

suite('what SHOW GRANTS says', () => {
  test('is read by right and place, whatever a name or a column is called', () => {
    assert.deepEqual(grantOf('GRANT SELECT (a, b), INSERT ON `shop`.`people` TO `web`@`%`'), {
      rights: ['SELECT', 'INSERT'],
      on: 'shop.people',
    })
    assert.deepEqual(grantOf("GRANT USAGE ON *.* TO `web`@`%` IDENTIFIED BY PASSWORD '*0'"), {
      rights: ['USAGE'],
      on: '*.*',
    })
    assert.deepEqual(grantOf('GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION')?.rights, [
      'ALL PRIVILEGES',
      'GRANT OPTION',
    ])
    assert.equal(grantOf("GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION"), null)
    assert.equal(grantOf('GRANT `role` TO `web`@`%`'), null)
  })
})
