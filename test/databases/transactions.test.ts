import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import pg from 'pg'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { createSessions } from '../../packages/strongroom/src/index.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'

/** Why docs/databases.md says to commit the rows first, and to log in afterwards. */
describe('sessions and a transaction of the application', { skip: postgresNeed.skip }, () => {
  const secrets = randomBytes(32).toString('base64url')
  let server: PostgresServer
  let pool: pg.Pool

  before(async () => {
    server = await startPostgres()
    pool = new pg.Pool({ connectionString: server.url, connectionTimeoutMillis: 2000 })
    await postgres(pool).schema.migrate()
  })
  after(async () => {
    await pool.end()
    await server.stop()
  })

  it('a login that is part of an open transaction survives a revoke-all that ran before the commit', async () => {
    const sessions = createSessions({ store: postgres(pool), secrets, sweep: false })
    const client = await pool.connect()
    await client.query('BEGIN')
    const inside = createSessions({ store: postgres(client), secrets, sweep: false })
    const visit = inside.open({})
    const session = await visit.get()
    session.login('ada')
    await visit.commit()
    assert.equal(await sessions.of('ada').revokeAll(), 0)
    await client.query('COMMIT')
    client.release()
    assert.equal((await sessions.of('ada').list()).length, 1)
  })

  it('a call that needs a second connection of a pool of one is rejected in time, and does not wait for ever', async () => {
    const one = new pg.Pool({ connectionString: server.url, max: 1 })
    const sessions = createSessions({ store: postgres({ client: one, timeout: 200 }), secrets, sweep: false })
    const client = await one.connect()
    await assert.rejects(sessions.of('ada').list(), { name: 'StoreError' })
    client.release()
    assert.equal((await sessions.of('ada').list()).length, 1)
    await one.end()
  })
})
