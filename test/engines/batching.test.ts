import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { after, afterEach, before, describe, test } from 'node:test'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import driver, { type Connection, createConnection } from 'mysql2/promise'
import pg from 'pg'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Entry, IndexedStore, Version } from '../../packages/strongroom/src/store.ts'
import { listed } from '../../packages/strongroom/src/testing/store/expect.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'

/** A connection of the test, to look at the server and to lock rows. */
interface Admin {
  sql(text: string): Promise<Record<string, unknown>[]>
  end(): Promise<unknown>
}

interface Server {
  readonly url: string
  readonly connect: () => Promise<Admin>
  readonly stop: () => Promise<unknown>
}

interface Kind {
  readonly name: string
  readonly skip: string | boolean
  readonly start: () => Promise<Server>
  readonly open: (url: string, options: { table: string; timeout?: number }) => IndexedStore
  /** Returns how many transactions have written so far, roughly. */
  readonly writes: string
  /** Returns how many connections wait for a locked row. */
  readonly stuck: string
  /** Make the server refuse the payload "bad". */
  readonly refuse: (table: string) => string[]
  readonly bytes: (id: Id) => string
  /** Lock a table against everybody else, including readers; and unlock it. */
  readonly lockTable: (table: string) => string[]
  readonly unlock: string
  /** Returns the statements that close the connections which wait for that lock. */
  readonly kills: string
}

const postgresKind: Kind = {
  name: 'postgres',
  skip: postgresNeed.skip,
  async start() {
    const server = await startPostgres()
    const connect = async () => {
      const client = new pg.Client(server.url)
      await client.connect()
      return { sql: async (text: string) => (await client.query(text)).rows, end: () => client.end() }
    }
    return { url: server.url, connect, stop: () => server.stop() }
  },
  open: (url, options) => postgres({ url, createTable: true, ...options }),
  writes: 'SELECT pg_current_xact_id()::text AS count',
  stuck: "SELECT count(*) AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
  refuse: (table) => [
    `CREATE FUNCTION refuse_${table}() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN IF NEW.payload = 'bad' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$`,
    `CREATE TRIGGER refuse BEFORE UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION refuse_${table}()`,
  ],
  bytes: (id) => `decode('${id}', 'hex')`,
  lockTable: (table) => ['BEGIN', `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`],
  unlock: 'ROLLBACK',
  kills: `SELECT 'SELECT pg_terminate_backend(' || pid || ')' AS kill FROM pg_stat_activity WHERE wait_event_type = 'Lock'`,
}

const mysqlKind: Kind = {
  name: 'mysql',
  skip: mariadbNeed.skip,
  async start() {
    const server = await startMariadb()
    const connect = async () => {
      const client: Connection = await createConnection({ uri: server.url, multipleStatements: true })
      return {
        sql: async (text: string) => (await client.query(text))[0] as Record<string, unknown>[],
        end: () => client.end(),
      }
    }
    const first = await connect()
    await first.sql("SET GLOBAL innodb_monitor_enable = 'trx_rw_commits'")
    await first.end()
    return { url: server.url, connect, stop: () => server.stop() }
  },
  open: (url, options) => mysql({ url, createTable: true, batchWrites: true, ...options }),
  writes: "SELECT count FROM information_schema.innodb_metrics WHERE name = 'trx_rw_commits'",
  // Not innodb_trx, which is not refreshed for as long as it is read more often than ten times a second.
  stuck: "SELECT count(*) AS count FROM information_schema.processlist WHERE state = 'Updating'",
  refuse: (table) => [
    `CREATE TRIGGER refuse_${table} BEFORE UPDATE ON ${table} FOR EACH ROW
     IF NEW.payload = 'bad' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF`,
  ],
  bytes: (id) => `0x${id}`,
  lockTable: (table) => [`LOCK TABLES ${table} WRITE`],
  unlock: 'UNLOCK TABLES',
  kills: `SELECT CONCAT('KILL ', id) AS ${'`kill`'} FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'`,
}

interface Made {
  readonly id: Id
  readonly version: Version
}

const newId = () => randomBytes(32).toString('hex') as Id
const entry = (fields: Partial<Entry> = {}): Entry => {
  const createdAt = Date.now()
  const bytes = Buffer.from('bytes')
  return { bytes, expiresAt: createdAt + 3_600_000, owner: null, label: null, createdAt, ...fields }
}
const make = async (store: IndexedStore, count: number, fields: Partial<Entry> = {}): Promise<readonly Made[]> => {
  const ids = Array.from({ length: count }, newId)
  assert.ok((await Promise.all(ids.map((id) => store.create(id, entry(fields))))).every(Boolean))
  return Promise.all(ids.map(async (id) => ({ id, version: (await store.read(id))?.version as Version })))
}
const update = (store: IndexedStore, { id, version }: Made, text: string) =>
  store.update(id, entry({ bytes: Buffer.from(text) }), version)

for (const kind of [postgresKind, mysqlKind]) {
  describe(`${kind.name} batches calls that are made at the same time`, { skip: kind.skip }, () => {
    let server: Server
    let admin: Admin
    let table: string
    let tables = 0
    const stores: IndexedStore[] = []

    const open = (options: { timeout?: number } = {}) => {
      const store = kind.open(server.url, { table, ...options })
      stores.push(store)
      return store
    }
    const numberOf = async (text: string) => Number((await admin.sql(text))[0]?.count)
    const writesOf = async (work: () => Promise<unknown>) => {
      const before = await numberOf(kind.writes)
      await work()
      return (await numberOf(kind.writes)) - before
    }
    const count = (payload: string) => numberOf(`SELECT count(*) AS count FROM ${table} WHERE payload = '${payload}'`)

    /** Locks a row until it is ended. */
    const holderOf = async ({ id }: Made) => {
      const holder = await server.connect()
      await holder.sql('BEGIN')
      await holder.sql(`SELECT 1 FROM ${table} WHERE id = ${kind.bytes(id)} FOR UPDATE`)
      return holder
    }
    const untilStuck = async (batches: number) => {
      for (let tries = 0; (await numberOf(kind.stuck)) < batches; tries += 1) {
        assert.ok(tries < 100, `${batches} batches should be waiting`)
        await wait(5)
      }
    }

    before(async () => {
      server = await kind.start()
      admin = await server.connect()
    })
    after(async () => {
      await admin.end()
      await server.stop()
    })
    const newTable = () => {
      table = `many_${++tables}`
    }
    newTable()
    afterEach(async () => {
      for (const store of stores.splice(0)) await store.close()
      newTable()
    })

    test('calls share transactions, and each gets its own result', async () => {
      const store = open()
      let made: readonly Made[] = await make(store, 1)
      const creates = await writesOf(async () => {
        made = await make(store, 200)
      })
      // At most 64 in each.
      assert.ok(creates >= 4 && creates <= 50, `${creates} transactions for 200 creates`)
      const stale = new Set(made.filter((_, index) => index % 7 === 0))
      for (const each of stale) await update(store, each, 'earlier')
      let results: readonly (Version | null)[] = []
      const updates = await writesOf(async () => {
        results = await Promise.all(made.map((each, index) => update(store, each, `text ${index}`)))
      })
      assert.ok(updates <= 50, `${updates} transactions for 200 updates`)
      for (const [index, each] of made.entries()) assert.equal(results[index] === null, stale.has(each))
      const found = await Promise.all(made.map(({ id }) => store.read(id)))
      for (const [index, each] of made.entries())
        assert.equal(String(found[index]?.entry.bytes), stale.has(each) ? 'earlier' : `text ${index}`)
      const gone = made.slice(0, 50)
      assert.ok((await Promise.all(gone.map(({ id }) => store.delete(id)))).every(Boolean))
      const touched = await Promise.all(made.map(({ id }) => store.touch(id, Date.now() + 7_200_000)))
      assert.equal(touched.filter(Boolean).length, 150)
      const left = await Promise.all(made.map(({ id }) => store.read(id)))
      for (const [index, each] of left.entries()) assert.equal(each === null, index < 50)
    })

    test('of many updates with the same version one succeeds, and every read returns it', async () => {
      const store = open()
      const [one] = (await make(store, 1)) as [Made]
      const results = await Promise.all(Array.from({ length: 100 }, (_, index) => update(store, one, `text ${index}`)))
      const winner = results.findIndex((result) => result !== null)
      assert.equal(results.filter((result) => result !== null).length, 1)
      const found = await Promise.all(Array.from({ length: 100 }, () => store.read(one.id)))
      for (const each of found) assert.equal(String(each?.entry.bytes), `text ${winner}`)
      // Each result is a copy of its own.
      found[0]?.entry.bytes.fill(0)
      assert.equal(String(found[1]?.entry.bytes), `text ${winner}`)
      const deleted = await Promise.all(Array.from({ length: 100 }, () => store.delete(one.id)))
      assert.equal(deleted.filter(Boolean).length, 1)
    })

    test('a single call is sent without delay', async (t) => {
      const store = open()
      const [one] = (await make(store, 1)) as [Made]
      // A call that waits for a timer now waits for ever.
      t.mock.timers.enable({ apis: ['setTimeout'] })
      let version: Version | null = one.version
      const calls = (async () => {
        for (let round = 0; round < 20; round += 1) {
          version = await update(store, { ...one, version: version as Version }, 'text')
          assert.ok(await store.read(one.id))
        }
      })()
      const until = performance.now() + 5000
      let isOver = false
      void calls.finally(() => {
        isOver = true
      })
      while (!isOver && performance.now() < until) await turn()
      t.mock.timers.reset()
      assert.ok(isOver, 'a call is still waiting')
      await calls
      assert.equal(version, Number(one.version) + 20)
    })

    test('a call does not wait for the batches that are under way', async () => {
      const store = open({ timeout: 5000 })
      const [held, free] = (await make(store, 2)) as [Made, Made]
      const holder = await holderOf(held)
      const waiting = update(store, held, 'later')
      await untilStuck(1)
      assert.equal(await update(store, free, 'free'), Number(free.version) + 1)
      await holder.end()
      assert.equal(await waiting, Number(held.version) + 1)
    })

    test('when the server refuses one write of a batch, only that write rejects', async () => {
      const store = open()
      const made = await make(store, 40)
      for (const text of kind.refuse(table)) await admin.sql(text)
      const results = await Promise.allSettled(
        made.map((each, index) => update(store, each, index === 13 ? 'bad' : 'good')),
      )
      for (const [index, result] of results.entries())
        if (index === 13) assert.ok(result.status === 'rejected' && result.reason instanceof StoreError)
        else assert.equal(result.status === 'fulfilled' && result.value, Number(made[index]?.version) + 1)
      assert.equal(await count('good'), 39)
    })

    test('when one id of a batch is taken, the other sessions are created', async () => {
      const store = open()
      const [one] = (await make(store, 1)) as [Made]
      const ids = [...Array.from({ length: 30 }, newId), one.id]
      const results = await Promise.all(ids.map((id) => store.create(id, entry())))
      assert.deepEqual(results, [...Array<boolean>(30).fill(true), false])
    })

    test('when the table is missing, every call of a batch rejects with advice', async () => {
      const store = open()
      const made = await make(store, 20)
      await admin.sql(`ALTER TABLE ${table} RENAME TO ${table}_old`)
      const calls = made.flatMap((each) => [store.read(each.id), update(store, each, 'text')])
      for (const result of await Promise.allSettled(calls))
        assert.match(String((result as PromiseRejectedResult).reason), /StoreError.*@strongroom\/cli migrate/)
    })

    test('writes and a logout everywhere do not block each other when they run in parallel', async () => {
      const [one, other] = [open(), open()]
      const owner = 'd0'.repeat(32)
      const later = Date.now() + 7_200_000
      for (let round = 0; round < 20; round += 1) {
        // One after another, so that the rows are not in the order of their ids.
        const made: Made[] = []
        while (made.length < 30) made.push(...(await make(one, 1, { owner })))
        const backwards = made.toReversed()
        await Promise.all([
          ...made.map((each) => one.update(each.id, entry({ owner }), each.version)),
          ...backwards.map((each) => other.update(each.id, entry({ owner }), each.version)),
          ...backwards.map(({ id }) => one.touch(id, later)),
          turn().then(() => other.byOwner.deleteAll(owner)),
          ...made.slice(25).map(({ id }) => other.delete(id)),
        ])
        assert.equal((await listed(one.byOwner, owner)).length, 0)
      }
      if (kind !== postgresKind) return
      // PostgreSQL notices a deadlock after a second only, so there must be none. It counts those of a connection when that ends.
      for (const store of stores.splice(0)) await store.close()
      const deadlocks = 'SELECT deadlocks AS count FROM pg_stat_database WHERE datname = current_database()'
      assert.equal(await numberOf(deadlocks), 0)
    })

    test('calls that wait for a locked row are given up in time, and later calls succeed', async () => {
      const store = open({ timeout: 900 })
      const [held, free] = (await make(store, 2)) as [Made, Made]
      const holder = await holderOf(held)
      const waiting: Promise<unknown>[] = []
      // As many batches as may be under way, and more calls.
      for (let call = 1; call <= 6; call += 1) {
        waiting.push(update(store, held, `text ${call}`).catch((error) => error))
        await untilStuck(Math.min(call, 4))
      }
      await wait(50)
      assert.equal(await numberOf(kind.stuck), 4)
      assert.ok(await store.read(held.id))
      for (const result of await Promise.all(waiting))
        assert.match(String(result), /StoreError.*did not answer within 900 ms/)
      assert.equal(await update(store, free, 'free'), Number(free.version) + 1)
      await holder.end()
    })

    test('a locked row fails its whole batch in PostgreSQL, and only its own call in MySQL', async () => {
      const store = open({ timeout: 2500 })
      const made = await make(store, 12)
      // The one with the highest id, so that the server has tried all the others before it.
      const [held] = made.toSorted((a, b) => (a.id < b.id ? 1 : -1)) as [Made]
      const holder = await holderOf(held)
      const results = await Promise.allSettled(made.map((each) => update(store, each, 'text')))
      await holder.end()
      // PostgreSQL waits for the row until our time limit. MySQL gives up sooner, and then each call is sent by itself.
      for (const [index, { status }] of results.entries())
        assert.equal(status, kind === mysqlKind && made[index] !== held ? 'fulfilled' : 'rejected')
    })

    test('no read fails when the connection of a batch of reads is lost', async () => {
      const store = open({ timeout: 5000 })
      const made = await make(store, 40)
      const holder = await server.connect()
      for (const text of kind.lockTable(table)) await holder.sql(text)
      const reads = Promise.all(made.map(({ id }) => store.read(id)))
      let kills: Record<string, unknown>[] = []
      for (let tries = 0; kills.length === 0; tries += 1) {
        assert.ok(tries < 100, 'the reads should be waiting')
        await wait(5)
        kills = await admin.sql(kind.kills)
      }
      for (const { kill } of kills) await admin.sql(String(kill))
      await holder.sql(kind.unlock)
      for (const each of await reads) assert.equal(String(each?.entry.bytes), 'bytes')
      await holder.end()
    })

    test('large entries are split into several batches', async () => {
      const store = open()
      const ids = Array.from({ length: 40 }, newId)
      const bytes = ids.map(() => randomBytes(100_000))
      const writes = await writesOf(async () => {
        const results = await Promise.all(
          ids.map((id, index) => store.create(id, entry({ bytes: bytes[index] as Buffer }))),
        )
        assert.ok(results.every(Boolean))
      })
      assert.ok(writes >= 15, `${writes} transactions for 4 MB`)
      const found = await Promise.all(ids.map((id) => store.read(id)))
      for (const [index, each] of found.entries()) assert.deepEqual(Buffer.from(each?.entry.bytes ?? []), bytes[index])
    })

    test('every byte value, empty values and null are read back unchanged', async () => {
      const store = open()
      const bytes = Buffer.from(Uint8Array.from({ length: 256 }, (_, value) => value))
      const given = [
        entry({ bytes, label: bytes, owner: 'b5'.repeat(32) }),
        entry({ bytes: Buffer.alloc(0), label: Buffer.alloc(0) }),
        entry({ bytes: Buffer.from("'; DROP TABLE x; -- ?\0\\") }),
      ]
      const ids = given.map(newId)
      await Promise.all(ids.map((id, index) => store.create(id, given[index] as Entry)))
      const found = await Promise.all(ids.map((id) => store.read(id)))
      for (const [index, each] of found.entries()) {
        const plain = ({ bytes, label, ...fields }: Entry) => ({
          ...fields,
          bytes: Buffer.from(bytes),
          label: label && Buffer.from(label),
        })
        assert.deepEqual(each && plain(each.entry), plain(given[index] as Entry))
      }
    })

    test('payloads of every length are read back unchanged', async () => {
      const store = open()
      // Around the lengths at which PostgreSQL breaks the lines of base64, and those at which base64 has padding.
      const given = [...Array(180).keys(), 65_535, 65_536, 65_537].map((length) => randomBytes(length))
      const ids = given.map(newId)
      await Promise.all(ids.map((id, index) => store.create(id, entry({ bytes: given[index] as Buffer }))))
      const found = await Promise.all(ids.map((id) => store.read(id)))
      for (const [index, each] of found.entries()) assert.deepEqual(Buffer.from(each?.entry.bytes ?? []), given[index])
    })

    test('calls that were made before the store is closed resolve or reject', async () => {
      const store = open()
      const made = await make(store, 30)
      const results = made.map((each) => update(store, each, 'last').catch((error) => error))
      await turn()
      await store.close()
      for (const result of await Promise.all(results))
        assert.ok(typeof result === 'number' || result instanceof StoreError)
    })

    if (kind === mysqlKind) {
      /** The statements that reach the server: of each kind, how many. */
      const logged = async (work: () => Promise<unknown>) => {
        await admin.sql("TRUNCATE mysql.general_log; SET GLOBAL log_output = 'TABLE', general_log = ON")
        await work()
        await admin.sql('SET GLOBAL general_log = OFF')
        const like = (pattern: string) =>
          numberOf(`SELECT count(*) AS count FROM mysql.general_log WHERE argument LIKE '${pattern}'`)
        return {
          batchedReads: await like(`SELECT id, payload, % FROM ${table} WHERE id IN (%`),
          singleReads: await like(`SELECT payload, % FROM ${table} WHERE id = %`),
          batchedWrites: await like('START TRANSACTION;%'),
        }
      }

      for (const batchWrites of [false, true])
        test(`with batchWrites: ${batchWrites}, reads are batched, and writes ${batchWrites ? 'too' : 'are not'}`, async () => {
          const store = mysql({ url: server.url, table, createTable: true, batchWrites })
          stores.push(store)
          await make(store, 1)
          const { batchedReads, singleReads, batchedWrites } = await logged(() => make(store, 50))
          assert.ok(batchedReads >= 1 && batchedReads + singleReads <= 25, `${batchedReads} batches of 50 reads`)
          assert.equal(batchedWrites > 0, batchWrites)
        })

      test('without batchWrites, no connection accepts two statements in one message', async (t) => {
        /** Tries it on every connection that a store has opened. */
        const acceptedBy = async (options: object) => {
          const pools = t.mock.method(driver, 'createPool').mock
          const connections = t.mock.method(driver, 'createConnection').mock
          const store = mysql({ url: server.url, table, createTable: true, ...options })
          stores.push(store)
          const accepted = await store.tryWithLock('sweep', async () => {
            await make(store, 20)
            assert.deepEqual([pools.callCount(), connections.callCount()], [1, 1])
            const opened = await Promise.all([...pools.calls, ...connections.calls].map(({ result }) => result))
            const tries = (opened as Pick<Connection, 'query'>[]).map(async (connection) => {
              assert.deepEqual((await connection.query('SELECT 1 AS one'))[0], [{ one: 1 }])
              return connection.query('SELECT 1 AS one; SELECT 2 AS two').then(
                ([results]) => results,
                (error) => error.errno,
              )
            })
            return Promise.all(tries)
          })
          t.mock.restoreAll()
          return accepted
        }
        const syntaxError = 1064
        assert.deepEqual(await acceptedBy({}), [syntaxError, syntaxError])
        assert.deepEqual(await acceptedBy({ batchWrites: false }), [syntaxError, syntaxError])
        const both = [[{ one: 1 }], [{ two: 2 }]]
        assert.deepEqual(await acceptedBy({ batchWrites: true }), [both, both])
      })

      test('a URL cannot turn on several statements in one message, except by batchWrites', async () => {
        for (const query of [
          'multipleStatements=true',
          'multipleStatements=1',
          'multipleStatements=false',
          'batchWrites=true&multipleStatements=true',
          'flags=MULTI_STATEMENTS',
          'flags=-FOUND_ROWS,multi_statements',
          'flags=["MULTI_STATEMENTS"]',
        ])
          assert.throws(
            () => mysql(`${server.url}?${query}`),
            (error) => error instanceof ConfigError && /batchWrites/.test(error.message),
            query,
          )
        const store = mysql(`${server.url}?batchWrites=true&table=${table}&createTable=true`)
        stores.push(store)
        await make(store, 1)
        assert.ok((await logged(() => make(store, 50))).batchedWrites > 0)
      })

      test('the driver does not search the text of a batch for placeholders', async () => {
        const given: unknown[] = []
        const note = (message: unknown) => {
          const { query, values } = message as { query: string; values: unknown }
          if (/^START|WHERE id IN/.test(query)) given.push(values)
        }
        const store = mysql({
          url: `${server.url}?namedPlaceholders=true`,
          table,
          createTable: true,
          batchWrites: true,
        })
        stores.push(store)
        subscribe('tracing:mysql2:query:start', note)
        await make(store, 20).finally(() => unsubscribe('tracing:mysql2:query:start', note))
        assert.ok(given.length >= 2)
        assert.deepEqual(new Set(given), new Set([null]))
      })

      test('no batch is larger than the packet that the server accepts', async () => {
        await admin.sql('SET GLOBAL max_allowed_packet = 65536')
        try {
          const store = open()
          await make(store, 1)
          const made = await Promise.all(
            Array.from({ length: 40 }, () => store.create(newId(), entry({ bytes: randomBytes(10_000) }))),
          )
          assert.ok(made.every(Boolean))
        } finally {
          await admin.sql('SET GLOBAL max_allowed_packet = 16777216')
        }
      })
    }

    if (kind === postgresKind)
      test('no write is acknowledged before its whole batch is committed', async () => {
        const store = open()
        const made = await make(store, 20)
        const [makeFunction, trigger] = kind.refuse(table) as [string, string]
        await admin.sql(makeFunction)
        const deferred = `CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON ${table} DEFERRABLE INITIALLY DEFERRED`
        await admin.sql(`${deferred} ${trigger.slice(trigger.indexOf('FOR EACH'))}`)
        const results = await Promise.allSettled(made.map((each) => update(store, each, 'bad')))
        for (const result of results) assert.equal(result.status, 'rejected')
        assert.equal(await count('bytes'), 20)
      })
  })
}
