import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { createConnection as createPlainConnection, createPool as createPlainPool } from 'mysql2'
import { type Connection, createConnection, createPool, type Pool, type PoolOptions } from 'mysql2/promise'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import {
  type MysqlClient,
  type MysqlStore,
  type MysqlUrlOptions,
  mysql,
} from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { statements } from '../../packages/strongroom/src/engines/mysql/statements.ts'
import { PURGE_STEP } from '../../packages/strongroom/src/engines/shared/sql.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Entry, Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { listed } from '../../packages/strongroom/src/testing/store/expect.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'
import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'

const HOUR = 3_600_000
const newId = () => randomBytes(32).toString('hex') as Id
const newTable = () => `t_${randomBytes(8).toString('hex')}`
const entry = (fields: Partial<Entry> = {}): Entry => {
  const createdAt = Date.now()
  return { bytes: Buffer.from('bytes'), expiresAt: createdAt + HOUR, owner: null, label: null, createdAt, ...fields }
}

describe('mysql', { skip: mariadbNeed.skip }, () => {
  let server: MariadbServer
  let admin: Pool
  before(async () => {
    server = await startMariadb()
    admin = createPool(server.url)
  })
  after(async () => {
    await admin.end()
    await server.stop()
  })

  /** Runs a statement as root, and returns the rows. */
  const sql = async (text: string, values: unknown[] = []) =>
    (await admin.query(text, values))[0] as Record<string, unknown>[]

  /** Calls `check` with a store and its own table, and removes both afterwards. */
  const withStore = async (
    check: (place: { store: MysqlStore; table: string; another: (more: object) => MysqlStore }) => Promise<void>,
    options: Partial<MysqlUrlOptions> & { client?: MysqlClient } = {},
  ) => {
    const table = newTable()
    const stores: Store[] = []
    const another = (more: object) => {
      const given = {
        table,
        createTable: true,
        timeout: 20_000,
        ...('client' in options ? {} : { url: server.url }),
        ...options,
        ...more,
      }
      const store = mysql(given as MysqlUrlOptions)
      stores.push(store)
      return store
    }
    try {
      await check({ store: another({}), table, another })
    } finally {
      for (const store of stores) await store.close()
      await sql(`DROP TABLE IF EXISTS ${table}`)
    }
  }

  /** The suite. `client` returns the options of each handle, and a function that ends what they contain. */
  const suiteOn = (name: string, client: () => Promise<{ given: object; end: () => Promise<unknown> }>) =>
    storeSuite(name, async () => {
      const clock = manualClock()
      const table = newTable()
      const ends: (() => Promise<unknown>)[] = []
      const another = async (named = table) => {
        const { given, end } = await client()
        const store = mysql({
          ...given,
          table: named,
          createTable: true,
          timeout: 20_000,
          clock,
        } as object as MysqlUrlOptions)
        ends.push(() => store.close(), end)
        return store
      }
      return {
        store: await another(),
        clock,
        peer: () => another(),
        sibling: () => another(`${table}_other`),
        breakBackend: async () => {
          await sql(`DROP TABLE ${table}`)
        },
        close: async () => {
          for (const end of ends) await end()
          await sql(`DROP TABLE IF EXISTS ${table}, ${table}_other`)
        },
      }
    })

  /** Settings that change how rows and counts are returned, where a statement does not override them. */
  const unusual: PoolOptions = {
    rowsAsArray: true,
    nestTables: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    namedPlaceholders: true,
    typeCast: (field, next) => (field.type === 'BLOB' ? 'not yours' : String(next())),
    flags: ['-FOUND_ROWS'],
  }

  suiteOn('mysql', async () => ({ given: { url: server.url }, end: async () => {} }))
  suiteOn('mysql with batchWrites', async () => ({
    given: { url: server.url, batchWrites: true },
    end: async () => {},
  }))
  suiteOn("mysql on a pool of the application's, with unusual settings", async () => {
    const client = createPool({ uri: server.url, ...unusual })
    return { given: { client }, end: () => client.end() }
  })
  suiteOn("mysql on a connection of the application's", async () => {
    const client = await createConnection(server.url)
    return { given: { client }, end: () => client.end() }
  })

  it('a touch to the same deadline does not report the session as gone', async () => {
    for (const flags of ['FOUND_ROWS', '-FOUND_ROWS']) {
      const client = createPool({ uri: server.url, flags: [flags] })
      await withStore(
        async ({ store }) => {
          const id = newId()
          const { expiresAt, ...rest } = entry()
          await store.create(id, { ...rest, expiresAt })
          assert.equal(await store.touch(id, expiresAt), true, flags)
          assert.equal(await store.touch(id, expiresAt), true, flags)
          await store.delete(id)
          assert.equal(await store.touch(id, expiresAt), false, flags)
        },
        { client },
      )
      await client.end()
    }
  })

  it('accepts pools and connections of mysql2 with callbacks', async () => {
    for (const client of [createPlainPool(server.url), createPlainConnection(server.url)]) {
      await withStore(
        async ({ store }) => {
          const id = newId()
          assert.equal(await store.create(id, entry()), true)
          assert.equal(await store.tryWithLock('sweep', () => store.clearExpired()), 0)
          assert.ok(await store.read(id))
        },
        { client },
      )
      await client.promise().end()
    }
  })

  it('compares ids as bytes, whatever the collation of the database, and refuses anything that is not an id', () =>
    withStore(async ({ store, table }) => {
      const id = `${'ab'.repeat(31)}20` as Id
      await store.create(id, entry({ owner: 'cd'.repeat(32) }))
      await assert.rejects(store.read(id.toUpperCase() as Id), StoreError)
      await assert.rejects(store.read(`${id} ` as Id), StoreError)
      assert.equal(await store.read(`${'ab'.repeat(31)}00` as Id), null)
      const [row] = await sql(`SELECT HEX(id) AS id, LENGTH(id) AS length FROM ${table}`)
      assert.deepEqual({ ...row }, { id: id.toUpperCase(), length: 32 })
    }))

  it('every read and every write is one query', () =>
    withStore(async ({ store, another }) => {
      const other = another({ url: `${server.url}?connectionLimit=1` })
      const queries = async (call: () => Promise<unknown>) => {
        await call()
        const count = async () => Number((await sql(`SHOW GLOBAL STATUS LIKE 'Questions'`))[0]?.Value)
        const before = await count()
        await call()
        // The second count includes itself.
        return (await count()) - before - 1
      }
      await store.create(newId(), entry())
      const id = newId()
      await other.create(id, entry())
      let version = (await other.read(id))?.version ?? assert.fail()
      assert.equal(await queries(() => other.read(id)), 1, 'read')
      assert.equal(await queries(() => other.create(newId(), entry())), 1, 'create')
      const update = async () => {
        version = (await other.update(id, entry(), version)) ?? assert.fail()
      }
      assert.equal(await queries(update), 1, 'update')
      let deadline = Date.now() + HOUR
      assert.equal(await queries(() => other.touch(id, ++deadline)), 1, 'touch')
      const both = [newId(), newId()]
      for (const each of both) await other.create(each, entry())
      assert.equal(await queries(() => other.delete(both.pop() as Id)), 1, 'delete')
    }))

  it('every statement uses an index, and none sorts', () =>
    withStore(async ({ store, table }) => {
      const now = Date.now()
      await Promise.all(
        Array.from({ length: 400 }, (_, n) =>
          store.create(newId(), entry({ owner: newId(), expiresAt: now + (n - 200) * PURGE_STEP })),
        ),
      )
      await sql(`ANALYZE TABLE ${table}`)
      const key = randomBytes(32)
      const values: Record<string, unknown[]> = {
        read: [key, now],
        deleteExpired: [key, now],
        update: [key, now, now, now, key, key, key, now, 5],
        touch: [now, now, key, now, 5],
        hasDeadline: [key, now, 5, now],
        delete: [key, now],
        deleteVersion: [key, now, 5],
        listByOwner: [key, now, 0, '500'],
        deleteByOwner: [key, now],
        deleteOthersByOwner: [key, now, key],
        page: [150, '20'],
        due: [now, now - 20 * PURGE_STEP, now - 20 * PURGE_STEP, 9, '20'],
      }
      // An insert reads nothing, and estimate.test.ts counts what an estimate reads.
      const checked = Object.entries(statements(table)).filter(([name]) => !['insert', 'estimate'].includes(name))
      assert.equal(checked.length, Object.keys(values).length)
      for (const [name, { sql: text }] of checked) {
        const [plan] = (await admin.execute(`EXPLAIN ${text}`, values[name] as never))[0] as Record<string, unknown>[]
        const impossible = plan?.table === null
        assert.ok(impossible || plan?.key, `${name} has a key: ${inspect(plan)}`)
        assert.doesNotMatch(String(plan?.Extra), /filesort|temporary/, name)
        assert.ok(impossible || Number(plan?.rows) < (name === 'due' ? 40 : 300), `${name} reads ${plan?.rows} rows`)
      }
    }))

  it('a deadline that moves within a purge step moves no index entry', () =>
    withStore(
      async ({ store, table }) => {
        const id = newId()
        const purgeAt = async () => Number((await sql(`SELECT purge_at FROM ${table}`))[0]?.purge_at)
        await store.create(id, entry({ expiresAt: 1001 * PURGE_STEP - 5 }))
        await store.touch(id, 1001 * PURGE_STEP)
        assert.equal(await purgeAt(), 1001 * PURGE_STEP)
        await store.touch(id, 1001 * PURGE_STEP + 1)
        assert.equal(await purgeAt(), 1002 * PURGE_STEP)
      },
      { clock: manualClock(1000 * PURGE_STEP) },
    ))

  it('refuses an entry that is larger than a packet before it is sent, and reports the limit', async () => {
    await sql('SET GLOBAL max_allowed_packet = 65536')
    try {
      await withStore(async ({ store }) => {
        const id = newId()
        await store.create(newId(), entry())
        const limit = store.traits.sizeLimit ?? assert.fail()
        assert.ok(limit < 65_536 && limit > 60_000)
        assert.equal(await store.create(id, entry({ bytes: new Uint8Array(limit), label: new Uint8Array(512) })), true)
        await assert.rejects(store.create(newId(), entry({ bytes: new Uint8Array(limit + 1) })), /larger than/)
        assert.equal((await store.read(id))?.entry.bytes.length, limit)
        await assert.rejects(store.create(newId(), entry({ label: new Uint8Array(513) })), /label/)
      })
    } finally {
      await sql('SET GLOBAL max_allowed_packet = 16777216')
    }
  })

  it('stores almost 16 MB when the server accepts packets of 16 MB', () =>
    withStore(
      async ({ store }) => {
        const id = newId()
        const limit = store.traits.sizeLimit ?? assert.fail()
        assert.equal(await store.create(id, entry({ bytes: new Uint8Array(limit).fill(7), owner: newId() })), true)
        assert.equal((await store.read(id))?.entry.bytes.length, limit)
      },
      { timeout: 20_000 },
    ))

  it('reports how durable writes are with the settings of the server', async () => {
    const durable = async (...settings: string[]) => {
      for (const setting of settings) await sql(`SET GLOBAL ${setting}`)
      let told = ''
      await withStore(async ({ store }) => {
        assert.equal(store.traits.durable, 'machine')
        await store.read(newId())
        told = store.traits.durable
      })
      return told
    }
    assert.equal(await durable(), 'machine')
    assert.equal(await durable('innodb_flush_log_at_trx_commit = 2'), 'process')
    assert.equal(await durable('innodb_flush_log_at_trx_commit = 0'), 'no')
    assert.equal(await durable('innodb_flush_log_at_trx_commit = 1'), 'machine')
    const logging = await startMariadb({ 'log-bin': 'log', 'sync-binlog': '0' })
    const store = mysql({ url: logging.url, createTable: true, timeout: 20_000 })
    await store.read(newId())
    assert.equal(store.traits.durable, 'process')
    await store.close()
    await logging.stop()
  })

  it('tries again after a deadlock', () =>
    withStore(
      async ({ store, table }) => {
        const owner = newId()
        const [first, second] = [newId(), newId()]
        await store.create(first, entry({ owner }))
        await store.create(second, entry({ owner }))
        const rival = await admin.getConnection()
        const lock = (id: Id) => rival.query(`SELECT 1 FROM ${table} WHERE id = ? FOR UPDATE`, [Buffer.from(id, 'hex')])
        const heavy = `${table}_heavy`
        await sql(`CREATE TABLE ${heavy} (x INT) ENGINE = InnoDB`)
        await rival.beginTransaction()
        // The server rolls back the transaction that has written less.
        await rival.query(`INSERT INTO ${heavy} SELECT seq FROM seq_1_to_1000`)
        await lock(second)
        const ending = store.byOwner?.deleteAll(owner)
        await untilLockWait()
        await lock(first)
        await rival.commit()
        rival.release()
        assert.equal(await ending, 2)
        const deadlocks = await sql(`SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'`)
        assert.ok(Number(deadlocks[0]?.Value) > 0, 'there was one')
        await sql(`DROP TABLE ${heavy}`)
      },
      { timeout: 20_000 },
    ))

  it('tries again to lock a row until its time is up', () =>
    withStore(
      async ({ store, table, another }) => {
        const id = newId()
        await store.create(id, entry())
        const rival = await admin.getConnection()
        await rival.beginTransaction()
        await rival.query(`SELECT 1 FROM ${table} FOR UPDATE`)
        const began = performance.now()
        const slow = another({ timeout: 20_000 })
        const waiting = slow.touch(id, Date.now() + 2 * HOUR)
        await assert.rejects(store.touch(id, Date.now() + 2 * HOUR), StoreError)
        assert.ok(performance.now() - began < 5000)
        assert.ok(await store.read(id), 'a read does not wait')
        await rival.commit()
        rival.release()
        assert.equal(await waiting, true)
        assert.equal(await store.touch(id, Date.now() + 3 * HOUR), true)
      },
      { timeout: 1500 },
    ))

  /** Resolves when a statement waits for a lock. */
  const untilLockWait = async () => {
    while (Number((await sql(`SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'`))[0]?.Value) === 0);
  }

  it('several sweeps run in parallel with live traffic, under either isolation level', async () => {
    for (const level of ['READ COMMITTED', 'REPEATABLE READ']) {
      await sql(`SET GLOBAL TRANSACTION ISOLATION LEVEL ${level}`)
      await withStore(
        async ({ store, another }) => {
          const owners = Array.from({ length: 10 }, newId)
          const dead = Array.from({ length: 600 }, newId)
          const expired = (n: number) => entry({ expiresAt: Date.now() - 1000, owner: owners[n % 10] ?? null })
          for (let from = 0; from < 600; from += 50)
            await Promise.all(dead.slice(from, from + 50).map((id, n) => store.create(id, expired(n))))
          const live = Array.from({ length: 100 }, newId)
          await Promise.all(live.map((id, n) => store.create(id, entry({ owner: owners[n % 10] ?? null }))))
          const other = another({})
          const traffic = async (id: Id, n: number) => {
            await other.touch(id, Date.now() + 2 * HOUR)
            await other.delete(dead[n] as Id)
            await other.create(dead[n + 100] as Id, entry())
            return other.byOwner?.deleteAll(owners[n % 10] ?? '')
          }
          const sweeps = [store, other, store, other].map((each, n) => each.clearExpired({ batch: 20 + n }))
          await Promise.all(live.map(traffic))
          const removed = (await Promise.all(sweeps)).reduce((sum, count) => sum + count)
          // Entries that a create replaced before a sweep reached them are not counted.
          assert.ok(removed >= 500 && removed <= 600, `${removed}`)
          assert.equal(await store.clearExpired(), 0)
          for (const id of dead.slice(100, 200)) assert.ok(await store.read(id))
        },
        { timeout: 20_000 },
      )
    }
  })

  it('a sweep does not wait for a locked row that is not due', () => {
    const clock = manualClock()
    return withStore(
      async ({ store, table }) => {
        const [before, live, after] = [newId(), newId(), newId()]
        await store.create(before, entry({ expiresAt: clock() - 1 }))
        await store.create(live, entry({ expiresAt: clock() + 1 }))
        await store.create(after, entry({ expiresAt: clock() - 1 }))
        const rival = await admin.getConnection()
        await rival.beginTransaction()
        try {
          await rival.query(`SELECT 1 FROM ${table} WHERE id = ? FOR UPDATE`, [Buffer.from(live, 'hex')])
          assert.equal(await store.clearExpired(), 2)
        } finally {
          await rival.rollback()
          rival.release()
        }
      },
      { clock },
    )
  })

  it('creates no table unless it is told to, says how, and works as soon as there is one', () =>
    withStore(
      async ({ store, another, table }) => {
        await assert.rejects(store.read(newId()), /@strongroom\/cli migrate.*createTable: true/)
        await assert.rejects(store.clearExpired(), StoreError)
        const schema = store.schema
        assert.deepEqual(await schema.pending(), schema.statements)
        assert.equal(await another({ createTable: true }).read(newId()), null)
        assert.deepEqual(await schema.pending(), [])
        assert.deepEqual(await schema.migrate(), [])
        assert.equal(await store.create(newId(), entry()), true)
        await sql(`DROP TABLE ${table}`)
        await assert.rejects(store.read(newId()), /@strongroom\/cli migrate/)
        for (const statement of schema.statements) await sql(statement)
        assert.equal(await store.create(newId(), entry()), true)
      },
      { createTable: false },
    ))

  it('processes that migrate at the same time create one table', () =>
    withStore(
      async ({ store, another }) => {
        const runs = await Promise.all([store, another({}), another({})].map((each) => each.schema.migrate()))
        assert.ok(runs.some((ran) => ran.length === 1))
        assert.deepEqual(await store.schema.pending(), [])
        assert.equal(await store.create(newId(), entry()), true)
      },
      { createTable: false, timeout: 20_000 },
    ))

  it('uses a table in another database', async () => {
    await sql('CREATE DATABASE IF NOT EXISTS elsewhere')
    await withStore(async ({ another }) => {
      const store = another({ table: 'elsewhere.people' })
      assert.equal(await store.create(newId(), entry()), true)
      assert.deepEqual(await store.schema.pending(), [])
      assert.equal((await sql('SELECT 1 FROM elsewhere.people')).length, 1)
    })
    await sql('DROP DATABASE elsewhere')
  })

  it('does not touch a table of a later release, or of other software', () =>
    withStore(async ({ table, another }) => {
      await another({}).read(newId())
      await sql(`ALTER TABLE ${table} COMMENT = 'strongroom 99'`)
      await assert.rejects(another({}).read(newId()), /newer release/)
      await assert.rejects(another({}).schema.migrate(), /newer release/)
      await sql(`ALTER TABLE ${table} COMMENT = ''`)
      await assert.rejects(another({}).create(newId(), entry()), /not ours/)
    }))

  it('needs SELECT, INSERT, UPDATE and DELETE on its table, and nothing else', async () => {
    // Not in the database "test", where MariaDB allows everybody everything.
    await sql('CREATE DATABASE shop')
    await sql(`CREATE USER app@'%' IDENTIFIED BY 's3cret'`)
    const owner = mysql(server.url.replace('/test', '/shop'))
    await owner.schema.migrate()
    await sql(`GRANT SELECT, INSERT, UPDATE, DELETE ON shop.strongroom_sessions TO app@'%'`)
    const url = server.url.replace('root@', 'app:s3cret@').replace('/test', '/shop')
    const app = mysql({ url, timeout: 20_000 })
    const [id, tag] = [newId(), newId()]
    assert.equal(await app.create(id, entry({ owner: tag })), true)
    assert.equal(await app.create(id, entry()), false)
    const { version } = (await app.read(id)) ?? assert.fail()
    assert.ok(await app.update(id, entry({ owner: tag }), version))
    assert.equal(await app.touch(id, Date.now() + 2 * HOUR), true)
    assert.equal((await listed(app.byOwner, tag)).length, 1)
    for await (const page of app.scan()) assert.equal(page.length, 1)
    assert.equal(await app.tryWithLock('sweep', () => app.clearExpired()), 0)
    assert.equal(app.traits.durable, 'machine')
    assert.deepEqual(await app.schema.pending(), [])
    assert.equal(await app.delete(id), true)
    const denied = mysql({ url, table: 'others', createTable: true })
    await assert.rejects(denied.read(id), /refused.*grants/)
    const wrong = mysql(url.replace('s3cret', 'hunter2'))
    await assert.rejects(wrong.read(id), /refused the login/)
    for (const store of [owner, app, denied, wrong]) await store.close()
    await sql(`DROP USER app@'%'`)
    await sql('DROP DATABASE shop')
  })

  it('tryWithLock runs one piece of work of a name at a time, and releases the lock when the work fails', async () => {
    for (const client of [undefined, createPool(server.url), await createConnection(server.url)] as const) {
      await withStore(
        async ({ store, another, table }) => {
          const other = another({})
          const done = await store.tryWithLock('sweep', async () => {
            assert.equal(await other.tryWithLock('sweep', async () => 'both'), null)
            assert.equal(await store.tryWithLock('sweep', async () => 'twice'), null)
            assert.equal(await other.tryWithLock('count', async () => 'another name'), 'another name')
            assert.equal(
              await another({ table: `${table}_b` }).tryWithLock('sweep', async () => 'another table'),
              'another table',
            )
            return 'alone'
          })
          assert.equal(done, 'alone')
          await assert.rejects(
            store.tryWithLock('sweep', async () => Promise.reject(new Error('the work failed'))),
            new Error('the work failed'),
          )
          assert.equal(await other.tryWithLock('sweep', async () => 'after'), 'after')
        },
        client ? { client } : {},
      )
      await client?.end()
    }
  })

  it('the lock of a killed process is released', () =>
    withStore(async ({ store, table }) => {
      const script = `
        import { mysql } from ${JSON.stringify(new URL('../../packages/strongroom/src/engines/mysql/mysql.ts', import.meta.url).href)}
        const store = mysql({ url: ${JSON.stringify(server.url)}, table: '${table}' })
        await store.tryWithLock('sweep', () => { console.log('held'); return new Promise(() => setInterval(() => {}, 1000)) })`
      const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
      const holder = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(holder.stdout, 'data')
      assert.equal(await store.tryWithLock('sweep', async () => 1), null)
      holder.kill('SIGKILL')
      await once(holder, 'exit')
      while ((await store.tryWithLock('sweep', async () => 1)) === null);
    }))

  it('a store that is closed during its first call opens no connection', async () => {
    const store = mysql({ url: server.url, createTable: true })
    const reading = store.read(newId())
    await store.close()
    await assert.rejects(reading, StoreError)
  })

  it("does not close the application's client, and leaves no listener on it", async () => {
    const connection = await createConnection(server.url)
    const listeners = connection.listenerCount('error')
    const pool = createPool(server.url)
    for (const client of [connection, pool]) {
      await withStore(async ({ store }) => void (await store.read(newId())), { client })
      assert.deepEqual((await (client as Connection).query('SELECT 1 AS one'))[0], [{ one: 1 }])
    }
    assert.equal(connection.listenerCount('error'), listeners)
    await connection.end()
    await pool.end()
  })

  it('refuses connections with autocommit off', async () => {
    const client = await createConnection(server.url)
    await client.query('SET autocommit = 0')
    await withStore(async ({ store }) => assert.rejects(store.create(newId(), entry()), /autocommit off/), { client })
    await client.end()
  })

  it('no error contains an id, a payload or a password, however the server quotes them', () =>
    withStore(async ({ store, table, another }) => {
      const [id, owner] = [newId(), newId()]
      const bytes = Buffer.from('the wine-dark sea')
      await store.create(id, entry({ owner }))
      const { version } = (await store.read(id)) ?? assert.fail()
      const [insert, change, removal] = ['INSERT', 'UPDATE', 'DELETE'].map(
        (event) => `BEFORE ${event} ON ${table} FOR EACH ROW`,
      )
      // MESSAGE_TEXT takes a variable or a literal only.
      const quoting = (row: string) =>
        `BEGIN DECLARE message VARCHAR(255); SET message = CONCAT('it''s ', LOWER(HEX(${row}.id)), ' ''', ${row}.payload, '''');
         SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = message; END`
      await sql(`CREATE TRIGGER ${table}_i ${insert} ${quoting('NEW')}`)
      await sql(`CREATE TRIGGER ${table}_u ${change} ${quoting('NEW')}`)
      await sql(`CREATE TRIGGER ${table}_d ${removal} ${quoting('OLD')}`)
      const failing: Record<string, () => Promise<unknown>> = {
        create: () => store.create(newId(), entry({ bytes, owner })),
        update: () => store.update(id, entry({ bytes, owner }), version),
        touch: () => store.touch(id, Date.now() + 5 * HOUR),
        delete: () => store.delete(id),
        login: () => another({ url: server.url.replace('root@', 'nobody:hunter2@') }).read(id),
        address: () =>
          another({ url: server.url.replace(`root@127.0.0.1:${server.port}`, 'root:hunter2@127.0.0.1:1') }).read(id),
      }
      for (const [name, call] of Object.entries(failing)) {
        const error = await call().then(
          () => assert.fail(`${name} must fail`),
          (error: unknown) => error,
        )
        assert.ok(error instanceof StoreError, name)
        const seen = inspect(error, { depth: 20, showHidden: true }).toLowerCase()
        for (const secret of [id, owner, 'wine-dark', bytes.toString('hex'), 'hunter2', 'insert into', 'mysql://'])
          assert.ok(!seen.includes(secret), `${name} contains ${secret}: ${seen}`)
        assert.ok((error.cause as Error).message, 'the cause still says what happened')
      }
    }))

  it('refuses unknown and invalid options', () => {
    const url = 'mysql://me:hunter2@localhost/x'
    assert.throws(() => mysql({ url, tabel: 'y' } as object as MysqlUrlOptions), /Unknown option "tabel" for mysql\(\)/)
    const client = { getConnection() {} }
    for (const bad of [
      '',
      5,
      null,
      undefined,
      {},
      'postgres://localhost/x',
      'mysql:',
      'mysql://me:hunter2@host:port/x',
      { url: 5 },
      { url, client },
      { url, table: 'a b' },
      { url, table: 'a.b.c' },
      { url, timeout: 0 },
      { url, batchWrites: 'yes' },
      { client, batchWrites: true },
      { url, createTable: 'yes' },
      { url, clock: 5 },
      { client: {} },
      { client: 'mysql://me:hunter2@localhost/x' },
      `${url}?timeout=soon`,
      `${url}?batchWrites=1`,
      `${url}?multipleStatements=true`,
      `${url}?table=x&table=y`,
    ]) {
      assert.throws(
        () => mysql(bad as string),
        (error: unknown) => error instanceof ConfigError && !inspect(error, { depth: 9 }).includes('hunter2'),
        inspect(bad),
      )
    }
  })

  it('takes its options from the URL', () =>
    withStore(async ({ another, table }) => {
      const url = `${server.url}?table=${table}&createTable=true&timeout=20000&connectionLimit=2`
      for (const each of [url, url.replace('mysql:', 'mariadb:')]) {
        const store = another({ url: each, table: undefined, createTable: undefined, timeout: undefined })
        assert.equal(await store.create(newId(), entry()), true)
      }
      assert.equal((await sql(`SELECT 1 FROM ${table}`)).length, 2)
    }))

  it('does not crash when the server closes an idle connection', async () => {
    for (const open of [
      async () => null,
      async () => createPool(server.url),
      async () => createConnection(server.url),
      async () => createPlainConnection(server.url),
    ]) {
      const client = await open()
      await withStore(
        async ({ store }) => {
          await store.read(newId())
          const others = await sql('SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()')
          for (const { id } of others) await sql(`KILL ${id}`).catch(() => {})
          if (client === null || 'getConnection' in client) {
            // One call may still fail with its connection. The next one gets a new connection.
            await store.read(newId()).catch(() => {})
            assert.equal(await store.read(newId()), null)
          } else await assert.rejects(store.read(newId()), StoreError)
        },
        client ? { client } : {},
      )
      if (client && 'getConnection' in client) await client.end()
    }
  })
})
