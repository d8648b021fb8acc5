import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { inspect } from 'node:util'
import pg from 'pg'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import {
  type PostgresClientOptions,
  type PostgresUrlOptions,
  postgres,
} from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { statementsFor } from '../../packages/strongroom/src/engines/postgres/statements.ts'
import { PURGE_STEP } from '../../packages/strongroom/src/engines/shared/sql.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Entry, Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { listed } from '../../packages/strongroom/src/testing/store/expect.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'
import { type PgbouncerServer, pgbouncerNeed, startPgbouncer } from '../servers/pgbouncer.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'

const HOUR = 3_600_000

let server: PostgresServer
let tables = 0
/** A name that no other test has. */
const newTable = () => `sessions_${++tables}`

async function sql(text: string, values: unknown[] = [], url = server.url): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(text, values)).rows
  } finally {
    await client.end()
  }
}

/** Subjects of the suite, each with a table of its own. `open` returns a store, and a function that ends what it was made of. */
function subjects(open: (table: string, clock: () => number) => Promise<{ store: Store; end(): Promise<unknown> }>) {
  return async () => {
    const clock = manualClock()
    const ends: (() => Promise<unknown>)[] = []
    const table = newTable()
    const another = async (name: string) => {
      const { store, end } = await open(name, clock)
      ends.push(() => store.close(), end)
      return store
    }
    return {
      store: await another(table),
      clock,
      peer: () => another(table),
      sibling: () => another(`${table}_apart`),
      breakBackend: async () => void (await sql(`DROP TABLE IF EXISTS ${table}, people.${table}`)),
      close: async () => {
        for (const end of ends) await end()
      },
    }
  }
}

const nothing = async () => {}

describe('postgres', { skip: postgresNeed.skip }, () => {
  before(async () => {
    server = await startPostgres()
  })
  after(() => server.stop())

  storeSuite(
    'postgres',
    subjects(async (table, clock) => ({
      store: postgres({ url: server.url, table, clock, createTable: true }),
      end: nothing,
    })),
  )

  storeSuite(
    "postgres on a pool of the application's, in a schema, with notify",
    subjects(async (name, clock) => {
      const client = new pg.Pool({ connectionString: server.url, max: 5 })
      await client.query('CREATE SCHEMA IF NOT EXISTS people').catch(() => {})
      const table = `people.${name}`
      const store = postgres({ client, table, clock, createTable: true, notify: true })
      return { store, end: () => client.end() }
    }),
  )

  storeSuite(
    "postgres on a connection of the application's, without prepared statements",
    subjects(async (table, clock) => {
      const client = new pg.Client(server.url)
      await client.connect()
      return { store: postgres({ client, table, clock, createTable: true, prepare: false }), end: () => client.end() }
    }),
  )
})

describe('postgres on a server of its own', { skip: postgresNeed.skip }, () => {
  const id = (name: string | number) => String(name).padStart(64, '0') as Id
  const entry = (fields: Partial<Entry> = {}): Entry => {
    const createdAt = Date.now()
    return { bytes: Buffer.from('bytes'), expiresAt: createdAt + HOUR, owner: null, label: null, createdAt, ...fields }
  }
  const ends: (() => Promise<unknown>)[] = []
  /** A store in a fresh table, closed when its test is over. */
  const open = (options: Partial<PostgresUrlOptions> = {}) => {
    const store = postgres({ url: server.url, table: newTable(), createTable: true, ...options })
    ends.push(() => store.close())
    return store
  }
  const test = (title: string, check: () => Promise<void>) =>
    it(title, async () => {
      try {
        await check()
      } finally {
        for (const end of ends.splice(0).reverse()) await end()
      }
    })
  /** Creates a role that may connect, runs the other statements, and returns the URL for it. */
  const role = async (name: string, ...more: string[]) => {
    for (const text of [`CREATE ROLE ${name} LOGIN PASSWORD 'hunter2'`, ...more]) await sql(text)
    return server.url.replace('strongroom@', `${name}:hunter2@`)
  }

  before(async () => {
    server = await startPostgres({ log_statement: 'none' })
  })
  after(() => server.stop())

  test('creates no table unless it is told to, says how, and works as soon as there is one', async () => {
    const table = newTable()
    const store = open({ table, createTable: false })
    await assert.rejects(store.read(id(1)), (error: StoreError) => /@strongroom\/cli migrate/.test(error.message))
    await assert.rejects(store.create(id(1), entry()), StoreError)
    assert.deepEqual(await sql(`SELECT to_regclass('${table}') AS found`), [{ found: null }])
    assert.deepEqual(await store.schema.pending(), store.schema.statements)
    assert.deepEqual(await store.schema.migrate(), store.schema.statements)
    assert.deepEqual(await store.schema.pending(), [])
    assert.deepEqual(await store.schema.migrate(), [])
    assert.equal(await store.create(id(1), entry()), true)
    await sql(`DROP TABLE ${table}`)
    await assert.rejects(store.read(id(1)), /@strongroom\/cli migrate/)
  })

  test('processes that migrate at the same time create one table', async () => {
    const table = newTable()
    const stores = Array.from({ length: 8 }, () => open({ table, max: 1 }))
    await Promise.all(stores.map((store, index) => (index % 2 ? store.read(id(1)) : store.schema.migrate())))
    const [indexes] = await sql(`SELECT count(*)::int AS n FROM pg_indexes WHERE tablename = '${table}'`)
    assert.deepEqual(indexes, { n: 3 })
    for (const store of stores) assert.equal(await store.read(id(1)), null)
  })

  test('recognizes a table that another process is creating', async () => {
    const table = newTable()
    const client = new pg.Client(server.url)
    await client.connect()
    // A new table is visible immediately, and its comment only to later snapshots. With this snapshot it is as if the query had
    // begun before the table was there, and had come to its name afterwards.
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('SELECT 1')
    await open({ table, createTable: false }).schema.migrate()
    let queries = 0
    const late = new Proxy(client, {
      get(target, name) {
        const value = Reflect.get(target, name)
        if (name !== 'query') return typeof value === 'function' ? value.bind(target) : value
        return (...args: unknown[]) => {
          const result = Reflect.apply(value, target, args)
          queries += 1
          if (queries === 1) target.query('COMMIT')
          return result
        }
      },
    })
    try {
      assert.deepEqual(await postgres({ client: late, table }).schema.pending(), [])
      assert.equal(queries, 2)
    } finally {
      await client.end()
    }
  })

  test('does not touch a table of a later release, or of other software', async () => {
    const [later, other] = [newTable(), newTable()]
    await open({ table: later }).read(id(1))
    await sql(`COMMENT ON TABLE ${later} IS 'strongroom format 99'`)
    await assert.rejects(open({ table: later }).read(id(1)), /newer release/)
    await assert.rejects(open({ table: later }).schema.migrate(), /newer release/)
    await sql(`CREATE TABLE ${other} (mine text)`)
    await assert.rejects(open({ table: other }).schema.migrate(), /Choose another name/)
    await assert.rejects(open({ table: other }).read(id(1)), /other columns/)
  })

  test('needs SELECT, INSERT, UPDATE and DELETE on its table, and nothing else', async () => {
    const table = newTable()
    await open({ table }).schema.migrate()
    const url = await role('web', `GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO web`)
    const store = open({ table, url, createTable: false, notify: true })
    await everything(store)
    await assert.rejects(open({ table: newTable(), url }).read(id(1)), (error: StoreError) => {
      return /role may not/.test(error.message) && /permission denied/.test(String(error.cause))
    })
  })

  /** Calls every method. */
  async function everything(store: ReturnType<typeof postgres>): Promise<void> {
    const owner = 'a'.repeat(64)
    assert.equal(await store.create(id(1), entry({ owner })), true)
    const found = await store.read(id(1))
    assert.ok(found)
    assert.ok(await store.update(id(1), entry({ owner }), found.version))
    assert.equal(await store.touch(id(1), Date.now() + 1), true)
    assert.equal(await store.create(id(2), entry({ expiresAt: 1 })), true)
    assert.equal(await store.create(id(2), entry({ expiresAt: 2 })), true)
    assert.ok((await store.clearExpired({ dryRun: true })) >= 1)
    assert.ok((await store.clearExpired()) >= 1)
    await store.create(id(3), entry({ owner }))
    assert.ok((await listed(store.byOwner, owner)).length >= 1)
    assert.ok((await store.byOwner.deleteAll(owner)) >= 1)
    await store.create(id(4), entry())
    for await (const page of store.scan()) assert.ok(page.length > 0)
    assert.equal(await store.delete(id(4)), true)
    if (store.tryWithLock) assert.equal(await store.tryWithLock('work', async () => 5), 5)
    assert.deepEqual(await store.schema.pending(), [])
  }

  test('a touch or an update within a purge step moves no index entry', async () => {
    const table = newTable()
    const clock = manualClock(1000 * PURGE_STEP)
    const store = open({ table, clock })
    const owner = 'a'.repeat(64)
    const bytes = Buffer.alloc(1300, 7)
    const full = () => entry({ bytes, owner, expiresAt: clock() + 2 * PURGE_STEP })
    const ids = Array.from({ length: 200 }, (_, index) => id(index))
    await Promise.all(ids.map((each) => store.create(each, full())))
    for (let round = 1; round <= 10; round += 1) {
      clock.advance(1000)
      await Promise.all(
        ids.map(async (each, index) => {
          if ((index + round) % 2) return assert.equal(await store.touch(each, clock() + 1.5 * PURGE_STEP), true)
          const { version = 0 } = (await store.read(each)) ?? {}
          assert.ok(await store.update(each, { ...full(), expiresAt: clock() + 1.5 * PURGE_STEP }, version))
        }),
      )
    }
    await store.close()
    // The server counts what a connection did when that ends.
    let counts: Record<string, unknown> | undefined
    for (let tries = 0; tries < 200 && Number(counts?.n_tup_upd ?? 0) < 2000; tries += 1)
      [counts] = await sql(`SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = '${table}'`)
    assert.equal(Number(counts?.n_tup_upd), 2000)
    // All but the first of each row, which moved it to another step.
    assert.ok(Number(counts?.n_tup_hot_upd) >= 0.95 * 1800, inspect(counts))
  })

  test('every call is one query, and a create that replaces an expired entry is two', async () => {
    const pool = new pg.Pool({ connectionString: server.url })
    ends.push(() => pool.end())
    let count = 0
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as (...given: unknown[]) => void
      Object.assign(client, {
        query(...given: unknown[]) {
          count += 1
          return query(...given)
        },
      })
    })
    const store = postgres({ client: pool, table: newTable(), createTable: true, notify: true })
    await store.read(id(0))
    const queries = async (work: () => Promise<unknown>) => {
      count = 0
      await work()
      return count
    }
    assert.equal(await queries(() => store.create(id(1), entry())), 1)
    const { version = 0 } = (await store.read(id(1))) ?? {}
    assert.equal(await queries(() => store.read(id(1))), 1)
    assert.equal(await queries(() => store.update(id(1), entry(), version)), 1)
    assert.equal(await queries(() => store.touch(id(1), Date.now() + HOUR)), 1)
    assert.equal(await queries(() => store.byOwner.deleteAll('a'.repeat(64))), 1)
    assert.equal(await queries(() => store.delete(id(1))), 1)
    await store.create(id(2), entry({ expiresAt: 1 }))
    assert.equal(await queries(() => store.create(id(2), entry())), 2)
  })

  test('no statement scans the table, or sorts more than the sessions of one user', async () => {
    const table = newTable()
    await open({ table }).schema.migrate()
    await sql(`INSERT INTO ${table} (version, expires_at, purge_at, created_at, id, owner, payload)
      SELECT 1, n, ceil(n / 600000.0) * 600000, 1, sha256(n::text::bytea), sha256((n % 5000)::text::bytea), 'x'
      FROM generate_series(1, 60000000, 3000) n`)
    await sql(`ANALYZE ${table}`)
    const tag = Buffer.alloc(32, 1)
    const fields = [5, 6, 7, 8, tag, tag, null, tag, 9]
    const at = statementsFor(table, 'news')
    for (const [text, values] of [
      [at.read.text, [tag, 5]],
      [at.replace.text, fields],
      [at.update.text, fields],
      [at.touch.text, [tag, 5, 6, 7, 8]],
      [at.delete.text, [tag, 5]],
      [at.deleteVersion.text, [tag, 5, 6]],
      [at.deleteByOwner.text, [tag, 5, null]],
      [at.listByOwner.text, [tag, 5, 0, 500]],
      [at.page, [tag, 100]],
      [at.purge, [0, 0, 60_000_000, 1000, 60_000_000]],
      [at.count, [0, 0, 60_000_000, 1000, 60_000_000]],
    ] as const) {
      const plan = await sql(`EXPLAIN ${text}`, [...values])
      // A step of a sweep sorts the rows that it has read, to find the last.
      const isBounded = ([at.deleteByOwner.text, at.purge, at.count] as string[]).includes(text)
      const sorts = isBounded ? 'no other' : '\\bSort\\b'
      for (const line of plan)
        assert.doesNotMatch(String(line['QUERY PLAN']), new RegExp(`Seq Scan on sessions|${sorts}`))
    }
  })

  test('a sweep skips locked rows instead of waiting for them', async () => {
    const table = newTable()
    const store = open({ table })
    for (const name of [1, 2, 3, 4]) await store.create(id(name), entry({ expiresAt: 1000 * name }))
    const other = new pg.Client(server.url)
    await other.connect()
    await other.query(`BEGIN; SELECT 1 FROM ${table} WHERE expires_at = 2000 FOR UPDATE`)
    assert.equal(await store.clearExpired({ batch: 1 }), 3)
    await other.query('ROLLBACK')
    await other.end()
    assert.equal(await store.clearExpired(), 1)
  })

  test('a sweep of a table with partitions removes no live session that is at the same spot of another partition', async () => {
    const table = newTable()
    const plain = newTable()
    await open({ table: plain }).schema.migrate()
    await sql(`CREATE TABLE ${table} (LIKE ${plain}, PRIMARY KEY (id)) PARTITION BY HASH (id)`)
    for (const part of [0, 1])
      await sql(`CREATE TABLE ${table}_${part} PARTITION OF ${table} FOR VALUES WITH (MODULUS 2, REMAINDER ${part})`)
    // Identity columns of tables with partitions exist from PostgreSQL 17 on.
    await sql(`CREATE SEQUENCE ${table}_places`)
    await sql(`ALTER TABLE ${table} ALTER COLUMN place SET DEFAULT nextval('${table}_places')`)
    await sql(`COMMENT ON TABLE ${table} IS 'strongroom format 1'`)
    const store = open({ table })
    for (let name = 0; name < 40; name += 1)
      await store.create(id(name), entry({ expiresAt: name % 2 === 0 ? 1000 : Date.now() + HOUR }))
    assert.equal(await store.clearExpired(), 20)
    assert.equal((await sql(`SELECT 1 FROM ${table}`)).length, 20)
  })

  test('works with serializable transactions and with the escape format of bytea', async () => {
    const url = await role(
      'strict',
      'GRANT ALL ON SCHEMA public TO strict',
      `ALTER ROLE strict SET default_transaction_isolation = serializable`,
      `ALTER ROLE strict SET bytea_output = escape`,
    )
    const store = open({ url, max: 20 })
    const bytes = Buffer.from(Uint8Array.from({ length: 256 }, (_, value) => value))
    await store.create(id(1), entry({ bytes, label: bytes, owner: 'b5'.repeat(32) }))
    const found = await store.read(id(1))
    assert.deepEqual([found?.entry.bytes, found?.entry.label], [bytes, bytes])
    assert.deepEqual(await listed(store.byOwner, 'b5'.repeat(32)).then((all) => all.map((each) => each.id)), [id(1)])
    for await (const page of store.scan({ page: 1 })) assert.equal(page[0]?.owner, 'b5'.repeat(32))
    const version = found?.version ?? 0
    const results = await Promise.all(
      Array.from({ length: 30 }, () => store.update(id(1), entry({ owner: 'b5'.repeat(32) }), version)),
    )
    assert.equal(results.filter((result) => result !== null).length, 1)
  })

  test('reports that writes are not durable when synchronous_commit is off', async () => {
    const url = await role(
      'hasty',
      'GRANT ALL ON SCHEMA public TO hasty',
      'ALTER ROLE hasty SET synchronous_commit = off',
    )
    const [store, hasty] = [open(), open({ url })]
    for (const each of [store, hasty]) await each.read(id(1))
    assert.deepEqual([store.traits.durable, hasty.traits.durable], ['machine', 'no'])
  })

  test('no error, and no cause of one, contains a value', async () => {
    const canary = Buffer.from('the wine-dark sea')
    const [secret, owner] = ['c0ffee'.padStart(64, '7') as Id, 'decade'.padStart(64, '7')]
    const table = newTable()
    const url = server.url.replace('@', ':hunter2@')
    const store = open({ table, url })
    await store.schema.migrate()
    await sql(`CREATE FUNCTION tell_${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'no: % %', NEW.payload, encode(NEW.owner, 'hex') USING DETAIL = encode(NEW.id, 'hex'); END $$`)
    await sql(`CREATE TRIGGER tell BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION tell_${table}()`)
    const failures: unknown[] = []
    const fail = (work: Promise<unknown>) =>
      work.then(
        () => assert.fail('it worked'),
        (error) => failures.push(error),
      )
    await fail(store.create(secret, entry({ bytes: canary, owner })))
    await sql(`ALTER TABLE ${table} DROP COLUMN label`)
    await fail(store.read(secret))
    await fail(open({ url: url.replace(/:\d+\//, ':1/') }).read(secret))
    await fail(open({ url: url.replace('/postgres', '/nowhere') }).read(secret))
    await fail(store.read('7c0ffee' as Id))
    assert.equal(failures.length, 5)
    assert.throws(
      () => postgres('postgres://me:hunter2@[bad/x'),
      (error) => error instanceof ConfigError && !inspect(error).includes('hunter2'),
    )
    for (const error of failures) {
      assert.ok(error instanceof StoreError)
      const shown = inspect(error, { depth: 20, showHidden: true })
      for (const value of [canary.toString(), canary.toString('hex'), 'c0ffee', 'decade', 'hunter2'])
        assert.ok(!shown.includes(value), `${value} in ${shown}`)
    }
  })

  test('while the server hangs every call rejects in time, and afterwards no call gets the result of another', async () => {
    const store = open({ timeout: 300, max: 3 })
    for (let name = 0; name < 20; name += 1)
      await store.create(id(name), entry({ bytes: Buffer.from(`session ${name}`) }))
    server.pause()
    try {
      const started = performance.now()
      const hung = await Promise.allSettled(Array.from({ length: 20 }, (_, name) => store.read(id(name))))
      for (const each of hung) assert.match(inspect(each), /StoreError.*did not answer within 300 ms/s)
      assert.ok(performance.now() - started < 3000)
    } finally {
      server.resume()
    }
    for (let round = 0; round < 3; round += 1)
      await Promise.all(
        Array.from({ length: 20 }, async (_, name) => {
          const found = await store.read(id(name)).catch(() => undefined)
          // A connection that was being opened while the server hung may still fail, but must not return another session.
          if (found !== undefined) assert.equal(String(found?.entry.bytes), `session ${name}`)
        }),
      )
    assert.equal(String((await store.read(id(7)))?.entry.bytes), 'session 7')
  })

  test('recovers after the server was killed, and until then says what is wrong', async () => {
    const store = open({ max: 4 })
    await store.create(id(1), entry())
    await Promise.all(Array.from({ length: 8 }, () => store.read(id(1))))
    const underWay = Promise.allSettled(Array.from({ length: 8 }, () => store.touch(id(1), Date.now() + HOUR)))
    await server.kill()
    for (const each of await underWay) if (each.status === 'rejected') assert.ok(each.reason instanceof StoreError)
    await assert.rejects(store.read(id(1)), /cannot be reached/)
    await assert.rejects(open().read(id(1)), /cannot be reached.*host and port/)
    await server.start()
    assert.ok(await store.read(id(1)))
  })

  test('refuses a replica, and does not report a refused write as an absent session', async () => {
    const table = newTable()
    const store = open({ table })
    await store.create(id(1), entry())
    const signal = join(server.dir, 'data', 'standby.signal')
    await server.kill()
    writeFileSync(signal, '')
    await server.start()
    try {
      await assert.rejects(open({ table }).read(id(1)), /read-only.*primary/)
      await assert.rejects(store.delete(id(1)), /read-only.*primary/)
      await assert.rejects(store.schema.migrate(), /read-only.*primary/)
    } finally {
      await server.kill()
      rmSync(signal)
      await server.start()
    }
    assert.equal(await store.delete(id(1)), true)
  })

  test("does not close the application's client", async () => {
    const pool = new pg.Pool({ connectionString: server.url })
    ends.push(() => pool.end())
    const store = postgres(pool)
    await store.close()
    await store.close()
    await assert.rejects(store.read(id(1)), /closed/)
    assert.equal((await pool.query('SELECT 1')).rowCount, 1)
    const client = await pool.connect()
    await postgres({ client }).close()
    assert.equal((await client.query('SELECT 1')).rowCount, 1)
    assert.equal(client.listenerCount('error'), 0)
    client.release()
  })

  test('tryWithLock runs one piece of work of a name at a time, and the next when that is done or its process dead', async () => {
    const table = newTable()
    const [one, two] = [open({ table }), open({ table, max: 1 })]
    const during = await one.tryWithLock?.('sweep', async () => [
      await two.tryWithLock?.('sweep', async () => 'also'),
      await two.tryWithLock?.('other', async () => 'other'),
      await one.tryWithLock?.('sweep', async () => 'again'),
      await open().tryWithLock?.('sweep', async () => 'of another table'),
    ])
    assert.deepEqual(during, [null, 'other', null, 'of another table'])
    assert.equal(await two.tryWithLock?.('sweep', async () => 'then'), 'then')
    await assert.rejects(async () => one.tryWithLock?.('sweep', () => Promise.reject(new Error('mine'))), /mine/)
    const runner = child(
      `await store.tryWithLock('sweep', () => { console.log('at work'); return new Promise(() => setInterval(() => {}, 1000)) })`,
      table,
    )
    await once(runner.stdout, 'data')
    assert.equal(await two.tryWithLock?.('sweep', async () => 'during'), null)
    runner.kill('SIGKILL')
    let result: string | null | undefined = null
    for (let tries = 0; tries < 500 && result === null; tries += 1)
      result = await two.tryWithLock?.('sweep', async () => 'after')
    assert.equal(result, 'after')
    const client = new pg.Client(server.url)
    assert.equal(postgres({ client }).tryWithLock, undefined)
  })

  /** A process with a store on this table. */
  function child(code: string, table: string) {
    const engine = new URL('../../packages/strongroom/src/engines/postgres/postgres.ts', import.meta.url)
    const options = JSON.stringify({ url: server.url, table, createTable: true, notify: true })
    const script = `import { postgres } from ${JSON.stringify(engine)}; const store = postgres(${options}); ${code}`
    const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
    return spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] })
  }

  /** A listener, and a function that waits until it has been called so many times. */
  function recorder() {
    const heard: (Id | null)[] = []
    const until = async (count: number) => {
      for (const began = performance.now(); heard.length < count && performance.now() - began < 20_000; ) await turn()
      return heard.splice(0)
    }
    return { listener: (id: Id | null) => void heard.push(id), until }
  }

  test('notifies other processes of updates and deletes, and of nothing else', async () => {
    const table = newTable()
    const [store, other] = [open({ table, notify: true }), open({ table: `public.${table}`, notify: true })]
    const owner = 'a'.repeat(64)
    await store.create(id(1), entry({ owner }))
    const { listener, until } = recorder()
    const end = await other.changes?.listen(listener)
    const { version = 0 } = (await store.read(id(1))) ?? {}
    await store.touch(id(1), Date.now() + 2 * HOUR)
    await store.update(id(1), entry({ owner }), Number(version) + 5)
    await store.update(id(1), entry({ owner }), version)
    await store.create(id(2), entry())
    await store.delete(id(3))
    await store.delete(id(2))
    await store.byOwner.deleteAll(owner)
    assert.deepEqual(await until(3), [id(1), id(2), id(1)])
    await end?.()
    await store.create(id(4), entry())
    await store.delete(id(4))
    assert.deepEqual(await until(0), [])
    assert.equal(open().changes, undefined)
  })

  test('a listener is told when its connection is lost and when it is back', async () => {
    const table = newTable()
    const store = open({ table, notify: true })
    await store.create(id(1), entry())
    const { listener, until } = recorder()
    await store.changes?.listen(listener)
    await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_backend_pid()'`)
    assert.deepEqual(await until(2), [null, null])
    await store.delete(id(1))
    assert.deepEqual(await until(1), [id(1)])
    await server.kill()
    assert.deepEqual(await until(1), [null])
    await server.start()
    assert.deepEqual(await until(1), [null])
    await store.close()
    await assert.rejects(async () => store.changes?.listen(listener), StoreError)
  })

  test('an open store does not keep the process alive', async () => {
    const code = `await store.read('${id(1)}'); await store.changes.listen(() => {}); await store.tryWithLock('x', async () => {})`
    const [status, signal] = await once(child(code, newTable()), 'exit')
    assert.deepEqual([status, signal], [0, null])
  })

  it('refuses unknown and invalid options', () => {
    const url = 'postgres://host/x'
    const client = new pg.Client(url)
    assert.throws(
      () => postgres({ url, tabel: 'y' } as object as PostgresUrlOptions),
      /Unknown option "tabel" for postgres\(\)/,
    )
    for (const bad of [
      '',
      5,
      null,
      undefined,
      {},
      { url: '' },
      { url, client },
      { client, max: 5 },
      { url: 'mysql://host/x' },
      { url: 'postgres://host:port/x' },
      { url, notify: true, listen: 'host' },
      { url, table: 'a b' },
      { url, table: 'a.b.c' },
      { url, table: 'x'.repeat(51) },
      { url, timeout: 0 },
      { url, max: 0 },
      { url, prepare: 'no' },
      { url, createTable: 1 },
      { url, notify: 'yes' },
      { url, listen: url },
      { url, notify: true, listen: '' },
      `${url}?max=many`,
      `${url}?createTable=1`,
    ]) {
      assert.throws(() => postgres(bad as PostgresClientOptions), ConfigError, inspect(bad))
    }
  })

  test('with a timeout that no timer can count waits for as long as one can', async () => {
    const store = open({ timeout: 2 ** 40 })
    assert.equal(await store.read(id(1)), null)
  })

  test('takes its options from the URL, and leaves the others to the driver', async () => {
    const table = newTable()
    const url = `${server.url}?table=${table}&createTable=true&timeout=900&max=2&notify=true&application_name=shop`
    const store = postgres(url)
    ends.push(() => store.close())
    await store.create(id(1), entry())
    assert.ok(store.changes)
    const rows = await sql(
      `SELECT application_name AS name FROM pg_stat_activity WHERE query LIKE '%${table}%' AND pid <> pg_backend_pid()`,
    )
    assert.deepEqual(rows, [{ name: 'shop' }])
  })
})

describe('postgres through pgbouncer', { skip: postgresNeed.skip || pgbouncerNeed.skip }, () => {
  let pooler: PgbouncerServer
  before(async () => {
    server = await startPostgres()
    pooler = await startPgbouncer(server.port)
  })
  after(async () => {
    await pooler.stop()
    await server.stop()
  })

  storeSuite(
    'postgres behind a pooler that loses prepared statements',
    subjects(async (table, clock) => ({
      store: postgres({ url: pooler.url, table, clock, createTable: true, max: 6, notify: true }),
      end: nothing,
    })),
  )

  const id = '5'.repeat(64) as Id
  const entry = { bytes: Buffer.from('x'), expiresAt: Date.now() + HOUR, owner: null, label: null, createdAt: 1 }

  it('stops using prepared statements when one is lost, and no call fails', async () => {
    const table = newTable()
    const stores = [1, 2, 3].map(() => postgres({ url: pooler.url, table, createTable: true }))
    await stores[0]?.create(id, entry)
    for (let round = 0; round < 5; round += 1) {
      const results = await Promise.all(Array.from({ length: 60 }, (_, index) => stores[index % 3]?.read(id)))
      for (const result of results) assert.equal(String(result?.entry.bytes), 'x')
    }
    for (const store of stores) await store.close()
  })

  it('tryWithLock works through a pooler', async () => {
    const table = newTable()
    const [one, two] = [1, 2].map(() => postgres({ url: pooler.url, table }))
    const during = await one?.tryWithLock?.(
      'sweep',
      () => two?.tryWithLock?.('sweep', async () => 'also') ?? assert.fail(),
    )
    assert.equal(during, null)
    assert.equal(await two?.tryWithLock?.('sweep', async () => 'then'), 'then')
    await one?.close()
    await two?.close()
  })

  it('listens on the URL of the server itself, or says that it cannot listen through a pooler', async () => {
    const table = newTable()
    const pooled = postgres({ url: pooler.url, table, createTable: true, notify: true })
    await assert.rejects(async () => pooled.changes?.listen(() => {}), /pooler/)
    const store = postgres({ url: pooler.url, table, notify: true, listen: server.url })
    await pooled.create(id, entry)
    const heard = new Promise((resolve) => void store.changes?.listen(resolve).then(() => pooled.delete(id)))
    assert.equal(await heard, id)
    await pooled.close()
    await store.close()
  })
})
