import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import pg from 'pg'
import { locate } from '../../packages/cli/src/locate.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { isRoot, runOnce } from '../servers/daemon.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { until } from '../servers/redis-client.ts'
import { need } from '../support/need.ts'
import { certificateIn, examined, outerAddress } from './found.ts'

const openssl = need('openssl')
const HOUR = 3_600_000
const TABLE = 'strongroom_sessions'

/** Runs statements as the superuser, in a database. */
async function sql(server: PostgresServer, statements: readonly string[], database = 'postgres'): Promise<void> {
  const client = new pg.Client(server.url.replace(/postgres$/, database))
  await client.connect()
  for (const statement of statements) await client.query(statement)
  await client.end()
}

const as = (server: PostgresServer, role: string, database = 'postgres', query = '') =>
  `postgres://${role}@127.0.0.1:${server.port}/${database}${query}`

/** A database of its own with the table, and with what is done to it. */
async function database(server: PostgresServer, name: string, ...changes: string[]): Promise<string> {
  await sql(server, [`CREATE DATABASE ${name}`])
  const url = server.url.replace(/postgres$/, name)
  const store = postgres(url)
  await store.schema.migrate()
  await store.close()
  await sql(server, [`GRANT SELECT, INSERT, UPDATE, DELETE ON ${TABLE} TO web`, ...changes], name)
  return as(server, 'web', name)
}

const row = (purgeAt: number) =>
  `INSERT INTO ${TABLE} (version, expires_at, purge_at, created_at, id, payload)
   VALUES (1, ${purgeAt}, ${purgeAt}, 0, decode(md5(random()::text) || md5(random()::text), 'hex'), '\\x00')`

suite('the doctor and a PostgreSQL that is set up well', { skip: postgresNeed.skip || openssl.skip }, () => {
  let server: PostgresServer
  let good: string
  const dir = mkdtempSync(join(tmpdir(), 'strongroom-doctor-pg-'))
  before(async () => {
    chmodSync(dir, 0o755)
    const { certificate, key } = certificateIn(dir, openssl.path)
    // The server refuses a key that others may read, and must read it itself.
    chmodSync(key, 0o600)
    if (isRoot) chownSync(key, Number(runOnce('id', ['-u', 'postgres'])), 0)
    server = await startPostgres({ ssl: 'on', ssl_cert_file: certificate, ssl_key_file: key })
    await sql(server, ['CREATE ROLE web LOGIN'])
    good = await database(server, 'good')
  })
  after(async () => {
    await server.stop()
    rmSync(dir, { recursive: true })
  })

  test('everything about PostgreSQL is green for a role with four rights on one table', async () => {
    const found = await examined(good)
    const engine = found.diagnosis.checks.filter(({ about }) => about === 'engine')
    assert.deepEqual(
      engine.filter(({ level }) => level !== 'green'),
      [],
    )
    assert.deepEqual(engine.map(({ name }) => name).sort(), [
      'clock',
      'expired-rows',
      'postgres-autovacuum',
      'postgres-fsync',
      'postgres-full-page-writes',
      'postgres-index-id',
      'postgres-index-owner',
      'postgres-index-purge-at',
      'postgres-primary',
      'postgres-replicas',
      'postgres-rights',
      'postgres-synchronous-commit',
      'postgres-table',
      'postgres-table-autovacuum',
      'postgres-tls',
      'postgres-track-counts',
      'postgres-unlogged',
      'postgres-version',
      'store-answers',
      'sweep',
    ])
  })

  test('the doctor makes no table, not even where the store may', async () => {
    const url = `${server.url.replace(/postgres$/, 'template1')}?createTable=true`
    const found = await examined(url)
    found.is('postgres-table', 'red', /There is no table strongroom_sessions that this role can see/, /migrate/)
    const again = await examined(url)
    again.is('postgres-table', 'red')
    again.is('expired-rows', 'unknown', /no table in which rows could be counted/)
  })

  test('a client of the application is asked over its own connection', async () => {
    const pool = new pg.Pool({ connectionString: good })
    const sessions = createSessions({ store: postgres(pool), secrets: 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx' })
    const found = await examined(sessions)
    found.is('postgres-rights', 'green', /The role web has no more rights/)
    found.is('seal', 'green')
    await sessions.close()
    await pool.end()
  })

  for (const [what, change, check, mend] of [
    ['an unlogged table', `ALTER TABLE ${TABLE} SET UNLOGGED`, 'postgres-unlogged', /SET LOGGED/],
    [
      'a table that autovacuum leaves alone',
      `ALTER TABLE ${TABLE} SET (autovacuum_enabled = false)`,
      'postgres-table-autovacuum',
      /RESET \(autovacuum_enabled\)/,
    ],
    [
      'a table in which the role may not delete',
      `REVOKE DELETE ON ${TABLE} FROM web`,
      'postgres-rights',
      /^GRANT DELETE ON strongroom_sessions TO web$/,
    ],
    [
      'a database that is set to read only',
      'ALTER DATABASE postgres_primary72 SET default_transaction_read_only = on',
      'postgres-primary',
      /RESET default_transaction_read_only/,
    ],
    ['a table without its comment', `COMMENT ON TABLE ${TABLE} IS NULL`, 'postgres-table', /option table/],
    ['no index on the owner', `DROP INDEX ${TABLE}_owner`, 'postgres-index-owner', /CREATE INDEX CONCURRENTLY/],
    ['no index for sweeps', `DROP INDEX ${TABLE}_purge`, 'postgres-index-purge-at', /\(purge_at, place\)/],
    ['no primary key', `ALTER TABLE ${TABLE} DROP CONSTRAINT ${TABLE}_pkey`, 'postgres-index-id', /ADD PRIMARY KEY/],
    [
      'an index whose creation was cut off',
      `UPDATE pg_index SET indisvalid = false WHERE indexrelid = '${TABLE}_owner'::regclass`,
      'postgres-index-owner',
      /REINDEX INDEX CONCURRENTLY/,
    ],
  ] as const)
    test(`${what} is red`, async () => {
      const name = check.replaceAll('-', '_') + change.length
      const found = await examined(await database(server, name, change))
      found.is(check, 'red', undefined, mend)
      assert.deepEqual(found.names('red'), [check])
    })

  test('a synchronous_commit that is off for the role only is red', async () => {
    const url = await database(
      server,
      'asynchronous',
      'ALTER ROLE web IN DATABASE asynchronous SET synchronous_commit = off',
    )
    const found = await examined(url)
    found.is('postgres-synchronous-commit', 'red', /undoes the last logouts/, /synchronous_commit = on/)
    found.is('postgres-fsync', 'green')
  })

  test('a synchronous_commit that is off for another role is amber, because the application may use that', async () => {
    await sql(server, ['CREATE ROLE asynchronous LOGIN'])
    const url = await database(
      server,
      'others',
      'ALTER ROLE asynchronous IN DATABASE others SET synchronous_commit = off',
    )
    const found = await examined(url)
    found.is('postgres-synchronous-commit', 'amber', /off for the role asynchronous/, /ALTER ROLE asynchronous RESET/)
    assert.equal((await examined(good)).get('postgres-synchronous-commit').level, 'green')
  })

  test('one unlogged partition is red', async () => {
    const url = await database(
      server,
      'partitions',
      `ALTER TABLE ${TABLE} RENAME TO plain`,
      `CREATE TABLE ${TABLE} (LIKE plain) PARTITION BY HASH (id)`,
      `CREATE TABLE logged PARTITION OF ${TABLE} FOR VALUES WITH (MODULUS 2, REMAINDER 0)`,
      `CREATE UNLOGGED TABLE unlogged PARTITION OF ${TABLE} FOR VALUES WITH (MODULUS 2, REMAINDER 1)`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ${TABLE} TO web`,
    )
    const found = await examined(url)
    found.is('postgres-unlogged', 'red', /is UNLOGGED/, /SET LOGGED/)
  })

  test('a role with more rights than needed is red or amber, by what it could do', async () => {
    await sql(server, [
      'CREATE ROLE maker LOGIN CREATEROLE CREATEDB',
      'CREATE ROLE reader LOGIN',
      'GRANT pg_read_all_data TO reader',
      'CREATE ROLE owner LOGIN',
      'CREATE ROLE alone LOGIN',
    ])
    await database(
      server,
      'rights',
      'CREATE TABLE people (name text)',
      'ALTER TABLE people OWNER TO owner',
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ${TABLE} TO maker, owner`,
    )
    await database(server, 'owned', `ALTER TABLE ${TABLE} OWNER TO alone`)
    const rightsOf = async (role: string, name = 'rights') =>
      (await examined(as(server, role, name))).get('postgres-rights')
    const [superuser, maker, reader] = [await rightsOf('strongroom'), await rightsOf('maker'), await rightsOf('reader')]
    assert.deepEqual([superuser.level, maker.level, reader.level], ['red', 'red', 'red'])
    assert.match(superuser.what, /is a superuser/)
    assert.equal(maker.mend, 'ALTER ROLE maker NOCREATEROLE NOCREATEDB')
    assert.equal(reader.mend, 'REVOKE pg_read_all_data FROM reader')
    const [owner, alone] = [await rightsOf('owner'), await rightsOf('alone', 'owned')]
    assert.deepEqual([owner.level, alone.level], ['amber', 'amber'])
    assert.match(owner.what, /owns 1 other table/)
    assert.match(alone.what, /owns the table/)
  })

  test('what a role may not read is unknown, and never green', async () => {
    await sql(server, ['CREATE ROLE nobody LOGIN'])
    const found = await examined(as(server, 'nobody', 'good'))
    found.is('expired-rows', 'unknown', /could not be looked at: .*permission denied/)
    found.is('postgres-fsync', 'green')
    assert.ok(!found.has('sweep'))
  })

  test('settings that a role may not read are one unknown check, and the rest goes on', async () => {
    const url = await database(server, 'closed', 'REVOKE EXECUTE ON FUNCTION pg_is_in_recovery() FROM PUBLIC')
    const found = await examined(url)
    found.is('postgres-settings', 'unknown', /could not be looked at: .*permission denied/)
    found.is('postgres-table', 'green')
    assert.ok(!found.has('postgres-fsync'))
  })

  test('a follower that no commit waits for is amber, and one that it waits for green', async (t) => {
    // What stays of the log in a folder of its own is how replicas and archives follow.
    const log = mkdtempSync(join(tmpdir(), 'strongroom-doctor-wal-'))
    const program = locate('pg_receivewal')
    if (program === null) return t.skip('pg_receivewal is not installed')
    const follower = spawn(program, ['-h', '127.0.0.1', '-p', `${server.port}`, '-U', 'strongroom', '-D', log], {
      stdio: 'ignore',
    })
    t.after(async () => {
      await sql(server, ['ALTER SYSTEM RESET synchronous_standby_names', 'SELECT pg_reload_conf()'])
      follower.kill('SIGKILL')
      if (follower.exitCode === null && follower.signalCode === null) await once(follower, 'close')
      rmSync(log, { recursive: true, force: true })
    })
    await until(async () => (await examined(good)).get('postgres-replicas').level === 'amber')
    const amber = await examined(good)
    amber.is('postgres-replicas', 'amber', /^One program follows .* the last logouts are undone/, /ANY 1 \(\*\)/)
    // Of another name, so that nothing waits in this test.
    await sql(server, ["ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (other)'", 'SELECT pg_reload_conf()'])
    await until(async () => (await examined(good)).get('postgres-replicas').level === 'green')
    await sql(server, ['SET synchronous_commit = local', 'ALTER ROLE web SET synchronous_commit = local'])
    const local = await examined(good)
    await sql(server, ['SET synchronous_commit = local', 'ALTER ROLE web RESET synchronous_commit'])
    local.is('postgres-replicas', 'amber', /synchronous_commit is local/, /synchronous_commit = on/)
  })

  test('a Unix socket is no network', async () => {
    const found = await examined(`postgres://web@/good?host=${server.dir}&port=${server.port}`)
    found.is('postgres-tls', 'green', /stays on this machine/)
  })

  test('an encrypted connection is green', async () => {
    const url = as(server, 'web', 'good', `?sslmode=require&uselibpqcompat=true`)
    const found = await examined(url)
    found.is('postgres-tls', 'green', /is encrypted/)
    found.is('store-answers', 'green')
  })

  test('expired rows that pile up are amber, and rows that nobody sweeps are red', async () => {
    const now = Date.now()
    const few = await database(server, 'few', row(now + HOUR), row(now - HOUR))
    const fresh = await examined(few)
    fresh.is('expired-rows', 'green', /^1 expired and 1 live rows/)
    fresh.is('sweep', 'green')
    const old = await database(server, 'old', row(now - 26 * HOUR))
    const stale = await examined(old)
    stale.is('sweep', 'red', /ended 26 hours ago/, /clear-expired/)
    const many = await database(
      server,
      'many',
      `${row(now - HOUR).replace(/VALUES \((.*)\)$/s, 'SELECT $1 FROM generate_series(1, 1500)')}`,
    )
    const piled = await examined(many)
    piled.is('expired-rows', 'amber', /^1,500 expired and 0 live rows are stored\. Expired rows pile up/)
  })

  test('a sweep that the application should run every hour is missed sooner', async () => {
    const url = as(server, 'web', 'sweeps')
    await database(server, 'sweeps', row(Date.now() - 4 * HOUR))
    const secrets = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
    const levels = await Promise.all(
      (['1h', '20h', false] as const).map(async (sweep) => {
        const sessions = createSessions({ store: url, secrets, sweep })
        const found = await examined(sessions)
        await sessions.close()
        return found.get('sweep').level
      }),
    )
    assert.deepEqual(levels, ['red', 'green', 'green'])
  })

  test('clocks that differ by seconds are amber, and by minutes red', async () => {
    for (const [by, level, words] of [
      [30_000, 'amber', /30 s behind/],
      [-600_000, 'red', /600 s ahead of/],
    ] as const) {
      const found = await examined(good, { clock: () => Date.now() + by })
      found.is('clock', level, words, /timedatectl/)
    }
  })
})

suite('the doctor and a PostgreSQL that is set up badly', { skip: postgresNeed.skip }, () => {
  let server: PostgresServer
  const outer = outerAddress()
  before(async () => {
    server = await startPostgres({
      fsync: 'off',
      full_page_writes: 'off',
      synchronous_commit: 'off',
      autovacuum: 'off',
      track_counts: 'off',
      ...(outer !== null && { listen_addresses: `127.0.0.1,${outer}` }),
    })
  })
  after(() => server.stop())

  for (const [name, mend] of [
    ['postgres-fsync', /fsync = on/],
    ['postgres-full-page-writes', /full_page_writes = on/],
    ['postgres-synchronous-commit', /synchronous_commit = on/],
    ['postgres-autovacuum', /autovacuum = on/],
    ['postgres-track-counts', /track_counts = on/],
  ] as const)
    test(`${name} is red, and says what mends it`, async () => {
      const found = await examined(server.url)
      found.is(name, 'red', / is off: /, mend)
    })

  test('a connection without TLS that leaves the loopback addresses is not green', {
    skip: outer === null && 'this machine has only loopback',
  }, async () => {
    writeFileSync(join(server.dir, 'data', 'pg_hba.conf'), 'host all all all trust\n')
    await sql(server, ['SELECT pg_reload_conf()'])
    const found = await examined(`postgres://strongroom@${outer}:${server.port}/postgres`)
    found.is('postgres-tls', 'amber', /without TLS/, /sslmode=verify-full/)
  })

  test('a replica is red, and a server that does not answer is red, too', async () => {
    await server.kill()
    writeFileSync(join(server.dir, 'data', 'standby.signal'), '', { mode: 0o666 })
    if (isRoot) runOnce('chown', ['postgres', join(server.dir, 'data', 'standby.signal')])
    await server.start()
    const replica = await examined(server.url)
    replica.is('postgres-primary', 'red', /This server is a replica/, /Name the primary/)
    await server.kill()
    const gone = await examined(server.url)
    gone.is('store-answers', 'red', /did not answer.*ECONNREFUSED/, /host, port/)
    assert.ok(gone.has('node-version'), 'the rest goes on')
  })

  test('a server that hangs is red within the time limit, and the rest goes on', async () => {
    await server.start()
    server.pause()
    const began = performance.now()
    const found = await examined(server.url, { timeout: 300 })
    assert.ok(performance.now() - began < 5_000)
    server.resume()
    found.is('store-answers', 'red', /longer than 0\.3 s/)
    assert.ok(found.has('node-env'))
  })
})
