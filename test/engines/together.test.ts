import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { type Connection, createConnection } from 'mysql2/promise'
import pg from 'pg'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Entry, IndexedStore, Version } from '../../packages/strongroom/src/store.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'

/** One connection, to look at the server and to be in the way of others. */
interface Hand {
  sql(text: string): Promise<Record<string, unknown>[]>
  end(): Promise<unknown>
}

interface Place {
  readonly url: string
  readonly hand: () => Promise<Hand>
  readonly stop: () => Promise<unknown>
}

interface Kind {
  readonly name: string
  readonly skip: string | boolean
  readonly start: () => Promise<Place>
  readonly open: (url: string, options: { table: string; timeout?: number }) => IndexedStore
  /** How many transactions have written so far, or about that. */
  readonly writes: string
  /** How many calls wait for a row that somebody holds. */
  readonly stuck: string
  /** That nothing may become "bad". */
  readonly refuse: (table: string) => string[]
  readonly bytes: (id: Id) => string
  /** Keeps everybody else from a table, readers too; and ends that. */
  readonly close: (table: string) => string[]
  readonly reopen: string
  /** Answers statements that end the connections which wait for that. */
  readonly kills: string
}

const postgresKind: Kind = {
  name: 'postgres',
  skip: postgresNeed.skip,
  async start() {
    const server = await startPostgres()
    const hand = async () => {
      const client = new pg.Client(server.url)
      await client.connect()
      return { sql: async (text: string) => (await client.query(text)).rows, end: () => client.end() }
    }
    return { url: server.url, hand, stop: () => server.stop() }
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
  close: (table) => ['BEGIN', `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`],
  reopen: 'ROLLBACK',
  kills: `SELECT 'SELECT pg_terminate_backend(' || pid || ')' AS kill FROM pg_stat_activity WHERE wait_event_type = 'Lock'`,
}

const mysqlKind: Kind = {
  name: 'mysql',
  skip: mariadbNeed.skip,
  async start() {
    const server = await startMariadb()
    const hand = async () => {
      const client: Connection = await createConnection({ uri: server.url, multipleStatements: true })
      return {
        sql: async (text: string) => (await client.query(text))[0] as Record<string, unknown>[],
        end: () => client.end(),
      }
    }
    const first = await hand()
    await first.sql("SET GLOBAL innodb_monitor_enable = 'trx_rw_commits'")
    await first.end()
    return { url: server.url, hand, stop: () => server.stop() }
  },
  open: (url, options) => mysql({ url, createTable: true, ...options }),
  writes: "SELECT count FROM information_schema.innodb_metrics WHERE name = 'trx_rw_commits'",
  // Not innodb_trx: it shows the same for as long as it is asked more often than ten times a second.
  stuck: "SELECT count(*) AS count FROM information_schema.processlist WHERE state = 'Updating'",
  refuse: (table) => [
    `CREATE TRIGGER refuse_${table} BEFORE UPDATE ON ${table} FOR EACH ROW
     IF NEW.payload = 'bad' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF`,
  ],
  bytes: (id) => `0x${id}`,
  close: (table) => [`LOCK TABLES ${table} WRITE`],
  reopen: 'UNLOCK TABLES',
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

/** Calls that are made at once go to the server together: fewer messages, transactions and waits for its disk. */
for (const kind of [postgresKind, mysqlKind]) {
  describe(`${kind.name}, many calls at once`, { skip: kind.skip }, () => {
    let place: Place
    let admin: Hand
    let table: string
    let tables = 0
    const stores: IndexedStore[] = []

    const open = (options: { timeout?: number } = {}) => {
      const store = kind.open(place.url, { table, ...options })
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

    /** Somebody who holds a row until the end. */
    const holderOf = async ({ id }: Made) => {
      const holder = await place.hand()
      await holder.sql('BEGIN')
      await holder.sql(`SELECT 1 FROM ${table} WHERE id = ${kind.bytes(id)} FOR UPDATE`)
      return holder
    }
    const untilStuck = async (messages: number) => {
      for (let look = 0; (await numberOf(kind.stuck)) < messages; look += 1) {
        assert.ok(look < 100, `${messages} messages should be waiting`)
        await wait(5)
      }
    }

    before(async () => {
      place = await kind.start()
      admin = await place.hand()
    })
    after(async () => {
      await admin.end()
      await place.stop()
    })
    const newTable = () => {
      table = `many_${++tables}`
    }
    newTable()
    afterEach(async () => {
      for (const store of stores.splice(0)) await store.close()
      newTable()
    })

    test('share their transactions, and each has its own answer', async () => {
      const store = open()
      let made: readonly Made[] = await make(store, 1)
      const creates = await writesOf(async () => {
        made = await make(store, 200)
      })
      // No more than 64 in each.
      assert.ok(creates >= 4 && creates <= 50, `${creates} transactions for 200 creates`)
      const stale = new Set(made.filter((_, at) => at % 7 === 0))
      for (const each of stale) await update(store, each, 'sooner')
      let answers: readonly (Version | null)[] = []
      const updates = await writesOf(async () => {
        answers = await Promise.all(made.map((each, at) => update(store, each, `text ${at}`)))
      })
      assert.ok(updates <= 50, `${updates} transactions for 200 updates`)
      for (const [at, each] of made.entries()) assert.equal(answers[at] === null, stale.has(each))
      const found = await Promise.all(made.map(({ id }) => store.read(id)))
      for (const [at, each] of made.entries())
        assert.equal(String(found[at]?.entry.bytes), stale.has(each) ? 'sooner' : `text ${at}`)
      const gone = made.slice(0, 50)
      assert.ok((await Promise.all(gone.map(({ id }) => store.delete(id)))).every(Boolean))
      const touched = await Promise.all(made.map(({ id }) => store.touch(id, Date.now() + 7_200_000)))
      assert.equal(touched.filter(Boolean).length, 150)
      const left = await Promise.all(made.map(({ id }) => store.read(id)))
      for (const [at, each] of left.entries()) assert.equal(each === null, at < 50)
    })

    test('of the same session, one wins, and all read it', async () => {
      const store = open()
      const [one] = (await make(store, 1)) as [Made]
      const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => update(store, one, `text ${at}`)))
      const winner = answers.findIndex((answer) => answer !== null)
      assert.equal(answers.filter((answer) => answer !== null).length, 1)
      const found = await Promise.all(Array.from({ length: 100 }, () => store.read(one.id)))
      for (const each of found) assert.equal(String(each?.entry.bytes), `text ${winner}`)
      // What one of them does with its copy is no other's.
      found[0]?.entry.bytes.fill(0)
      assert.equal(String(found[1]?.entry.bytes), `text ${winner}`)
      const deleted = await Promise.all(Array.from({ length: 100 }, () => store.delete(one.id)))
      assert.equal(deleted.filter(Boolean).length, 1)
    })

    test('one that comes alone waits for no others to come', async (t) => {
      const store = open()
      const [one] = (await make(store, 1)) as [Made]
      // Whatever would wait for a moment now waits for ever.
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
      assert.ok(isOver, 'a call still waits')
      await calls
      assert.equal(version, Number(one.version) + 20)
    })

    test('one is not kept back by those that are under way', async () => {
      const store = open({ timeout: 5000 })
      const [held, free] = (await make(store, 2)) as [Made, Made]
      const holder = await holderOf(held)
      const waiting = update(store, held, 'later')
      await untilStuck(1)
      assert.equal(await update(store, free, 'free'), Number(free.version) + 1)
      await holder.end()
      assert.equal(await waiting, Number(held.version) + 1)
    })

    test('where the server refuses one, it alone is refused', async () => {
      const store = open()
      const made = await make(store, 40)
      for (const text of kind.refuse(table)) await admin.sql(text)
      const answers = await Promise.allSettled(made.map((each, at) => update(store, each, at === 13 ? 'bad' : 'good')))
      for (const [at, answer] of answers.entries())
        if (at === 13) assert.ok(answer.status === 'rejected' && answer.reason instanceof StoreError)
        else assert.equal(answer.status === 'fulfilled' && answer.value, Number(made[at]?.version) + 1)
      assert.equal(await count('good'), 39)
    })

    test('where there is already one of an id, the others are made', async () => {
      const store = open()
      const [one] = (await make(store, 1)) as [Made]
      const ids = [...Array.from({ length: 30 }, newId), one.id]
      const answers = await Promise.all(ids.map((id) => store.create(id, entry())))
      assert.deepEqual(answers, [...Array<boolean>(30).fill(true), false])
    })

    test('where there is no table any more, all are told so', async () => {
      const store = open()
      const made = await make(store, 20)
      await admin.sql(`ALTER TABLE ${table} RENAME TO ${table}_old`)
      const calls = made.flatMap((each) => [store.read(each.id), update(store, each, 'text')])
      for (const answer of await Promise.allSettled(calls))
        assert.match(String((answer as PromiseRejectedResult).reason), /StoreError.*strongroom migrate/)
    })

    test('whoever writes and whoever logs out everywhere, each gets an answer', async () => {
      const [one, other] = [open(), open()]
      const owner = 'd0'.repeat(32)
      const later = Date.now() + 7_200_000
      for (let round = 0; round < 20; round += 1) {
        // One by one, so that they do not lie in the order of their ids.
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
        assert.equal((await one.byOwner.list(owner)).length, 0)
      }
      if (kind !== postgresKind) return
      // Where a deadlock costs a second before anybody notices it, there is none. Connections tell of them when they end.
      for (const store of stores.splice(0)) await store.close()
      const deadlocks = 'SELECT deadlocks AS count FROM pg_stat_database WHERE datname = current_database()'
      assert.equal(await numberOf(deadlocks), 0)
    })

    test('those that wait for a row that somebody holds are given up in time, and the next are served', async () => {
      const store = open({ timeout: 900 })
      const [held, free] = (await make(store, 2)) as [Made, Made]
      const holder = await holderOf(held)
      const waiting: Promise<unknown>[] = []
      // As many messages as may be under way, and more calls.
      for (let message = 1; message <= 6; message += 1) {
        waiting.push(update(store, held, `text ${message}`).catch((error) => error))
        await untilStuck(Math.min(message, 4))
      }
      await wait(50)
      assert.equal(await numberOf(kind.stuck), 4)
      assert.ok(await store.read(held.id))
      for (const answer of await Promise.all(waiting))
        assert.match(String(answer), /StoreError.*did not answer within 900 ms/)
      assert.equal(await update(store, free, 'free'), Number(free.version) + 1)
      await holder.end()
    })

    test('whoever is in one message with a row that somebody holds', async () => {
      const store = open({ timeout: 2500 })
      const made = await make(store, 12)
      // The last in the order of ids, for what comes after it has not been tried yet.
      const [held] = made.toSorted((a, b) => (a.id < b.id ? 1 : -1)) as [Made]
      const holder = await holderOf(held)
      const answers = await Promise.allSettled(made.map((each) => update(store, each, 'text')))
      await holder.end()
      // PostgreSQL waits for the row as long as we do; MySQL gives up on it sooner, and then each goes by itself.
      for (const [at, { status }] of answers.entries())
        assert.equal(status, kind === mysqlKind && made[at] !== held ? 'fulfilled' : 'rejected')
    })

    test('a connection that is lost with many reads costs no visitor an answer', async () => {
      const store = open({ timeout: 5000 })
      const made = await make(store, 40)
      const holder = await place.hand()
      for (const text of kind.close(table)) await holder.sql(text)
      const reads = Promise.all(made.map(({ id }) => store.read(id)))
      let kills: Record<string, unknown>[] = []
      for (let look = 0; kills.length === 0; look += 1) {
        assert.ok(look < 100, 'the reads should be waiting')
        await wait(5)
        kills = await admin.sql(kind.kills)
      }
      for (const { kill } of kills) await admin.sql(String(kill))
      await holder.sql(kind.reopen)
      for (const each of await reads) assert.equal(String(each?.entry.bytes), 'bytes')
      await holder.end()
    })

    test('large entries go in several messages, and all arrive', async () => {
      const store = open()
      const ids = Array.from({ length: 40 }, newId)
      const bytes = ids.map(() => randomBytes(100_000))
      const writes = await writesOf(async () => {
        const answers = await Promise.all(ids.map((id, at) => store.create(id, entry({ bytes: bytes[at] as Buffer }))))
        assert.ok(answers.every(Boolean))
      })
      assert.ok(writes >= 15, `${writes} transactions for 4 MB`)
      const found = await Promise.all(ids.map((id) => store.read(id)))
      for (const [at, each] of found.entries()) assert.deepEqual(Buffer.from(each?.entry.bytes ?? []), bytes[at])
    })

    test('every byte, and what is not there, arrives as it was', async () => {
      const store = open()
      const bytes = Buffer.from(Uint8Array.from({ length: 256 }, (_, value) => value))
      const given = [
        entry({ bytes, label: bytes, owner: 'b5'.repeat(32) }),
        entry({ bytes: Buffer.alloc(0), label: Buffer.alloc(0) }),
        entry({ bytes: Buffer.from("'; DROP TABLE x; -- ?\0\\") }),
      ]
      const ids = given.map(newId)
      await Promise.all(ids.map((id, at) => store.create(id, given[at] as Entry)))
      const found = await Promise.all(ids.map((id) => store.read(id)))
      for (const [at, each] of found.entries()) {
        const plain = ({ bytes, label, ...fields }: Entry) => ({
          ...fields,
          bytes: Buffer.from(bytes),
          label: label && Buffer.from(label),
        })
        assert.deepEqual(each && plain(each.entry), plain(given[at] as Entry))
      }
    })

    test('what was asked before the store is closed is answered', async () => {
      const store = open()
      const made = await make(store, 30)
      const answers = made.map((each) => update(store, each, 'last').catch((error) => error))
      await turn()
      await store.close()
      for (const answer of await Promise.all(answers))
        assert.ok(typeof answer === 'number' || answer instanceof StoreError)
    })

    if (kind === mysqlKind) {
      test('where several statements at a time are forbidden, each goes by itself', async () => {
        const messages = async (url: string) => {
          const store = mysql({ url, table, createTable: true })
          stores.push(store)
          await make(store, 1)
          await admin.sql("TRUNCATE mysql.general_log; SET GLOBAL log_output = 'TABLE', general_log = ON")
          await make(store, 50)
          await admin.sql('SET GLOBAL general_log = OFF')
          return numberOf("SELECT count(*) AS count FROM mysql.general_log WHERE argument LIKE 'START TRANSACTION;%'")
        }
        assert.equal(await messages(`${place.url}?multipleStatements=false`), 0)
        assert.ok((await messages(place.url)) > 0)
      })

      test('no message is larger than the server takes', async () => {
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
      test('none is acknowledged before all of them are committed', async () => {
        const store = open()
        const made = await make(store, 20)
        const [make_, trigger] = kind.refuse(table) as [string, string]
        await admin.sql(make_)
        const deferred = `CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON ${table} DEFERRABLE INITIALLY DEFERRED`
        await admin.sql(`${deferred} ${trigger.slice(trigger.indexOf('FOR EACH'))}`)
        const answers = await Promise.allSettled(made.map((each) => update(store, each, 'bad')))
        for (const answer of answers) assert.equal(answer.status, 'rejected')
        assert.equal(await count('bytes'), 20)
      })
  })
}
