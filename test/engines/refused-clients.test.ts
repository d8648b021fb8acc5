import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import type { DjangoEngine } from '../../packages/django/src/engine.ts'
import { djangoMysql } from '../../packages/django/src/stores/mysql.ts'
import { djangoPostgres } from '../../packages/django/src/stores/postgres.ts'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { newEntry, newId } from '../../packages/strongroom/src/testing/store/entries.ts'
import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'

/** The store of an engine for Django's sessions. */
function opened(engine: DjangoEngine): Store {
  return engine.open({ clock: Date.now, cookieName: 'sessionid', endOf: () => 0 }) as Store
}

describe('a client of pg', { skip: postgresNeed.skip }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server.stop())

  it('whose pool asks for values in binary by the defaults of pg is refused, and logs nobody out', async (t) => {
    const table = 'sessions_in_text'
    const url = `${server.url}?table=${table}`
    const id = newId()
    const before = postgres({ url, createTable: true })
    await before.create(id, newEntry(Date.now()))
    await before.close()
    const defaults = pg.defaults as { binary?: boolean }
    defaults.binary = true
    t.after(() => {
      defaults.binary = false
    })
    const client = new pg.Pool({ connectionString: server.url, max: 1 })
    const refused = (error: Error) => /without the option "binary", which pg\.defaults/.test(error.message)
    for (const store of [postgres({ client, table }), postgres({ url }), opened(djangoPostgres({ client }))])
      for (const _ of [1, 2]) await assert.rejects(store.read(id), refused)
    await client.end()
  })
})

describe('a client of mysql2', { skip: mariadbNeed.skip }, () => {
  let server: MariadbServer
  before(async () => {
    server = await startMariadb()
  })
  after(() => server.stop())

  it('with autocommit off is refused for Django’s sessions, which would not last', async () => {
    const other = await createConnection(server.url)
    await other.query(
      'CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data longtext NOT NULL, expire_date datetime(6) NOT NULL)',
    )
    const client = await createConnection(server.url)
    await client.query('SET autocommit = 0')
    const store = opened(djangoMysql({ client }))
    const id = 'k'.repeat(32) as Id
    await assert.rejects(store.create(id, newEntry(Date.now())), /autocommit off, so that no write would last/)
    await assert.rejects(store.read(id), /autocommit off/)
    await client.query('SET autocommit = 1')
    assert.equal(await store.create(id, newEntry(Date.now())), true)
    const [rows] = await other.query('SELECT session_key FROM django_session')
    assert.equal((rows as unknown[]).length, 1)
    for (const connection of [client, other]) await connection.end()
  })
})
