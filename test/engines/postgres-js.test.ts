import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import connect, { type Sql } from 'postgres'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { type PostgresClientOptions, postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { listed } from '../../packages/strongroom/src/testing/store/expect.ts'
import { type PgbouncerServer, pgbouncerNeed, startPgbouncer } from '../servers/pgbouncer.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'

const id = '1'.repeat(64) as Id
const owner = 'a'.repeat(64)
const entry = () => {
  const createdAt = Date.now()
  return {
    bytes: Buffer.from([0, 92, 255]),
    label: Buffer.from('label'),
    owner,
    createdAt,
    expiresAt: createdAt + 60_000,
  }
}

/** test/databases runs the suite of stores over it; this is what only it can do wrong. */
describe('postgres on a client of postgres.js', { skip: postgresNeed.skip }, () => {
  let server: PostgresServer
  let tables = 0
  const clients: Sql[] = []
  const client = (options: Parameters<typeof connect>[1] = {}, url = server.url): Sql => {
    const sql = connect(url, { onnotice: () => {}, ...options }) as Sql
    clients.push(sql)
    return sql
  }
  const open = (sql: Sql, options: Partial<PostgresClientOptions> = {}) =>
    postgres({ client: sql, table: `sessions_${++tables}`, createTable: true, ...options })

  before(async () => {
    server = await startPostgres()
  })
  after(async () => {
    await Promise.all(clients.map((sql) => sql.end({ timeout: 0 })))
    await server.stop()
  })

  it('reads what it has written, whatever types and transformations the application has set', async () => {
    const parse = () => 'something else'
    const types = {
      bigint: { to: 20, from: [20], serialize: String, parse },
      bytes: { to: 17, from: [17], serialize: (bytes: Buffer) => `\\x${bytes.toString('hex')}`, parse },
      text: { to: 25, from: [25], serialize: String, parse },
    }
    const store = open(client({ types: types as never, transform: { undefined: null, ...connect.camel } }))
    const written = entry()
    assert.ok(await store.create(id, written))
    const found = await store.read(id)
    assert.deepEqual(found?.entry, written)
    assert.deepEqual(
      (await listed(store.byOwner, owner)).map(({ id, size }) => ({ id, size })),
      [{ id, size: 3 }],
    )
    assert.ok(await store.update(id, written, found?.version ?? 0))
  })

  it('has no lock and reports no changes, because no connection is its own, and does with "listen"', async () => {
    const sql = client()
    const table = `sessions_${++tables}`
    assert.equal(open(sql).tryWithLock, undefined)
    assert.equal(open(sql, { notify: true }).changes, undefined)
    const store = open(sql, { table, notify: true, listen: server.url })
    await store.create(id, entry())
    const heard = new Promise((resolve) => store.changes?.listen(resolve).then(() => store.delete(id)))
    assert.equal(await heard, id)
    await store.close()
  })

  it('recovers when all its connections have been cut', async () => {
    const store = open(client({ max: 2, backoff: () => 0 }))
    await store.create(id, entry())
    await client()`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()`
    // The first call may meet a connection that is just being lost.
    await store.read(id).catch((error) => assert.ok(error instanceof StoreError))
    assert.ok(await store.read(id))
  })

  it('rejects in time while a transaction of the application has the last connection, and then sends nothing later', async () => {
    const sql = client({ max: 1 })
    const store = open(sql, { timeout: 150 })
    assert.equal(await store.read(id), null)
    await sql.begin(async () => {
      await assert.rejects(store.create(id, entry()), /did not answer within 150 ms/)
    })
    await sql`SELECT 1`
    assert.equal(await store.read(id), null)
  })

  it('says what happened when the server cannot be reached, and when the application has ended its client', async () => {
    const gone = open(client({ connect_timeout: 1, backoff: () => 0 }, 'postgres://me@127.0.0.1:1/shop'))
    await assert.rejects(gone.read(id), { name: 'StoreError', message: /PostgreSQL cannot be reached/ })
    const sql = client()
    const store = open(sql)
    await store.read(id)
    await sql.end()
    await assert.rejects(store.read(id), { name: 'StoreError', message: /has ended its postgres\.js client/ })
  })

  it('works on a transaction of the application, and what it has written is undone with it', async () => {
    const sql = client()
    const table = `sessions_${++tables}`
    await open(sql, { table }).schema.migrate()
    const failed = sql.begin(async (tx) => {
      assert.ok(await open(tx as never, { table }).create(id, entry()))
      throw new Error('undo')
    })
    await assert.rejects(failed, /undo/)
    assert.equal(await open(sql, { table }).read(id), null)
  })

  describe('through a pooler that loses prepared statements', { skip: pgbouncerNeed.skip }, () => {
    let pooler: PgbouncerServer
    before(async () => {
      pooler = await startPgbouncer(server.port)
    })
    after(() => pooler.stop())

    it('works on a client that prepares none, as postgres.js wants it there', async () => {
      const store = open(client({ max: 4, prepare: false }, pooler.url))
      const ids = Array.from({ length: 40 }, (_, n) => String(n).padStart(64, '0') as Id)
      assert.ok((await Promise.all(ids.map((id) => store.create(id, entry())))).every(Boolean))
      assert.ok((await Promise.all(ids.map((id) => store.read(id)))).every(Boolean))
    })
  })
})
