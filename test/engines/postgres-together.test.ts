import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import pg from 'pg'
import { type PostgresStore, type PostgresUrlOptions, postgres } from '../../src/engines/postgres.ts'
import { StoreError } from '../../src/errors.ts'
import type { Entry, Version } from '../../src/store.ts'
import type { Id } from '../../src/token.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'

interface Made {
  readonly id: Id
  readonly version: Version
}

/** Calls that are made at once go to the server together: fewer messages, transactions and waits for its disk. */
describe('postgres, many calls at once', { skip: postgresNeed.skip }, () => {
  let server: PostgresServer
  let admin: pg.Client
  let table: string
  let tables = 0
  const stores: PostgresStore[] = []

  const open = (options: Partial<PostgresUrlOptions> = {}) => {
    const store = postgres({ url: server.url, table, createTable: true, ...options })
    stores.push(store)
    return store
  }
  const entry = (fields: Partial<Entry> = {}): Entry => {
    const createdAt = Date.now()
    const bytes = Buffer.from('bytes')
    return { bytes, expiresAt: createdAt + 3_600_000, owner: null, label: null, createdAt, ...fields }
  }
  const newId = () => randomBytes(32).toString('hex') as Id
  const make = async (store: PostgresStore, count: number, fields: Partial<Entry> = {}): Promise<readonly Made[]> => {
    const ids = Array.from({ length: count }, newId)
    const made = await Promise.all(ids.map((id) => store.create(id, entry(fields))))
    assert.ok(made.every(Boolean))
    return Promise.all(ids.map(async (id) => ({ id, version: (await store.read(id))?.version as Version })))
  }
  const update = (store: PostgresStore, { id, version }: Made, text: string) =>
    store.update(id, entry({ bytes: Buffer.from(text) }), version)
  /** How many transactions have written what is in the table now. */
  const transactions = async () =>
    Number((await admin.query(`SELECT count(DISTINCT xmin::text) FROM ${table}`)).rows[0].count)
  const refusing = async (when: string, kind = 'TRIGGER') => {
    await admin.query(`CREATE FUNCTION refuse_${table}() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF NEW.payload = 'bad' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$`)
    await admin.query(`CREATE ${kind} refuse ${when} FOR EACH ROW EXECUTE FUNCTION refuse_${table}()`)
  }

  before(async () => {
    server = await startPostgres()
    admin = new pg.Client(server.url)
    await admin.connect()
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

  test('share their transactions, and each has its own answer', async () => {
    const store = open()
    const made = await make(store, 200)
    assert.ok((await transactions()) <= 20, `${await transactions()} transactions for 200 creates`)
    const stale = new Set(made.filter((_, at) => at % 7 === 0))
    for (const each of stale) await update(store, each, 'sooner')
    const answers = await Promise.all(made.map((each, at) => update(store, each, `text ${at}`)))
    for (const [at, each] of made.entries()) assert.equal(answers[at] === null, stale.has(each))
    assert.ok((await transactions()) - stale.size <= 20, `${await transactions()} transactions for 200 updates`)
    const found = await Promise.all(made.map(({ id }) => store.read(id)))
    for (const [at, each] of made.entries())
      assert.equal(String(found[at]?.entry.bytes), stale.has(each) ? 'sooner' : `text ${at}`)
    const gone = made.slice(0, 50)
    assert.ok((await Promise.all(gone.map(({ id }) => store.delete(id)))).every(Boolean))
    const touched = await Promise.all(made.map(({ id }) => store.touch(id, Date.now() + 7_200_000)))
    assert.equal(touched.filter(Boolean).length, 150)
  })

  test('one that comes alone does not wait for others', async () => {
    const store = open()
    const [one] = (await make(store, 1)) as [Made]
    const before = await admin.query('SELECT pg_current_xact_id()::text::int AS at')
    let version = one.version
    for (let round = 0; round < 5; round += 1) version = (await update(store, { ...one, version }, 'text')) as Version
    const now = await admin.query('SELECT pg_current_xact_id()::text::int AS at')
    assert.equal(now.rows[0].at - before.rows[0].at, 6)
  })

  test('where the server refuses one, it alone is refused', async () => {
    const store = open()
    const made = await make(store, 40)
    await refusing(`BEFORE UPDATE ON ${table}`)
    const answers = await Promise.allSettled(made.map((each, at) => update(store, each, at === 13 ? 'bad' : 'good')))
    for (const [at, answer] of answers.entries())
      if (at === 13) assert.ok(answer.status === 'rejected' && answer.reason instanceof StoreError)
      else assert.equal(answer.status === 'fulfilled' && answer.value, Number(made[at]?.version) + 1)
    const { rows } = await admin.query(`SELECT count(*) FROM ${table} WHERE payload = 'good'`)
    assert.equal(Number(rows[0].count), 39)
  })

  test('none is acknowledged before all of them are committed', async () => {
    const store = open()
    const made = await make(store, 20)
    await refusing(`AFTER UPDATE ON ${table} DEFERRABLE INITIALLY DEFERRED`, 'CONSTRAINT TRIGGER')
    const answers = await Promise.allSettled(made.map((each) => update(store, each, 'bad')))
    for (const answer of answers) assert.equal(answer.status, 'rejected')
    const { rows } = await admin.query(`SELECT count(*) FROM ${table} WHERE payload = 'bytes'`)
    assert.equal(Number(rows[0].count), 20)
  })

  test('where a table may be used by nobody, all are told why', async () => {
    const store = open()
    const made = await make(store, 20)
    await admin.query(`ALTER TABLE ${table} RENAME TO ${table}_old`)
    const answers = await Promise.allSettled(made.map(({ id }) => store.read(id)))
    for (const answer of answers)
      assert.match(String((answer as PromiseRejectedResult).reason), /StoreError.*strongroom migrate/)
  })

  test('never wait for each other: no deadlock, whoever writes and whoever logs out everywhere', async () => {
    const [one, other] = [open(), open()]
    const owner = 'd0'.repeat(32)
    const deadlocks = async () =>
      Number(
        (await admin.query('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()')).rows[0]
          .deadlocks,
      )
    const before = await deadlocks()
    for (let round = 0; round < 20; round += 1) {
      // One by one, so that they do not lie in the order of their ids.
      const made: Made[] = []
      while (made.length < 30) made.push(...(await make(one, 1, { owner })))
      const backwards = made.toReversed()
      const later = Date.now() + 7_200_000
      await Promise.all([
        ...made.map((each) => one.update(each.id, entry({ owner }), each.version)),
        ...backwards.map((each) => other.update(each.id, entry({ owner }), each.version)),
        ...backwards.map(({ id }) => one.touch(id, later)),
        turn().then(() => other.owned.deleteAll(owner)),
        ...made.slice(25).map(({ id }) => other.delete(id)),
      ])
    }
    // Connections tell their numbers when they end.
    for (const store of stores.splice(0)) await store.close()
    assert.equal(await deadlocks(), before)
  })

  test('those that wait for a row that somebody holds are given up in time, and the next are served', async () => {
    const store = open({ timeout: 1000 })
    const [held, free] = (await make(store, 2)) as [Made, Made]
    const holder = new pg.Client(server.url)
    await holder.connect()
    await holder.query(`BEGIN; SELECT 1 FROM ${table} WHERE id = decode('${held.id}', 'hex') FOR UPDATE`)
    const stuck = "SELECT count(*)::int AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    const waiting: Promise<unknown>[] = []
    // As many messages as may be under way.
    for (let message = 1; message <= 4; message += 1) {
      waiting.push(update(store, held, `text ${message}`).catch((error) => error))
      while ((await admin.query(stuck)).rows[0].count < message) await turn()
    }
    assert.ok(await store.read(held.id))
    for (const answer of await Promise.all(waiting))
      assert.match(String(answer), /StoreError.*did not answer within 1000 ms/)
    assert.equal(await update(store, free, 'free'), Number(free.version) + 1)
    await holder.end()
  })

  test('large entries go in several messages, and all arrive', async () => {
    const store = open()
    const ids = Array.from({ length: 40 }, newId)
    const bytes = ids.map(() => randomBytes(100_000))
    const answers = await Promise.all(ids.map((id, at) => store.create(id, entry({ bytes: bytes[at] as Buffer }))))
    assert.ok(answers.every(Boolean))
    assert.ok((await transactions()) >= 15, `${await transactions()} transactions for 4 MB`)
    const found = await Promise.all(ids.map((id) => store.read(id)))
    for (const [at, each] of found.entries()) assert.deepEqual(each?.entry.bytes, bytes[at])
  })
})
