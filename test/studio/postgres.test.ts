import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { studio } from '@strongroom/studio'
import { Client } from 'pg'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { SECRET, serving, signIn } from './browserless.ts'

/** A million were measured by hand (docs/studio.md): the time does not depend on how many there are. */
const ROWS = Number(process.env.STRONGROOM_STUDIO_ROWS ?? 100_000)

suite('a store with many sessions', { skip: postgresNeed.skip, timeout: 240_000 }, () => {
  let server: PostgresServer
  let client: Client
  let sessions: Sessions
  before(async () => {
    server = await startPostgres()
    client = new Client(server.url)
    await client.connect()
    sessions = createSessions({ store: `${server.url}?createTable=true`, secrets: SECRET, sweep: false })
    for (let i = 0; i < 5; i++) await signIn(sessions, '42')
    // Rows of other users, a hundred for each of their tags; of the size of real ones.
    await client.query(
      `INSERT INTO strongroom_sessions (version, expires_at, purge_at, created_at, id, owner, payload)
       SELECT 1, 9999999999999, 9999999999999, 1764000000000 + i, sha256(('id' || i)::bytea), sha256(('owner' || i / 100)::bytea), decode(repeat('ab', 200), 'hex')
       FROM generate_series(1, $1::int) AS i`,
      [ROWS],
    )
    await client.query('ANALYZE strongroom_sessions')
  })
  after(async () => {
    await sessions?.close()
    await client?.end()
    await server?.stop()
  })

  /** How many rows were read: by going through the table, and by an index, which can go through all of it as well. */
  async function rowsRead(): Promise<{ scanned: number; fetched: number }> {
    // What other connections did is counted when they are idle for a moment.
    await client.query('SELECT pg_stat_clear_snapshot()')
    const { rows } = await client.query(
      `SELECT seq_tup_read::int AS scanned, idx_tup_fetch::int AS fetched FROM pg_stat_user_tables WHERE relname = 'strongroom_sessions'`,
    )
    return rows[0]
  }

  test('no page goes through the table, and the page of a user comes in under 200 ms', async (t) => {
    const site = await serving(t, studio(sessions, { guard: () => true, write: true }).node)
    await site.get('/studio/sessions?user=42')
    const earlier = await rowsRead()
    const times: number[] = []
    for (let i = 0; i < 20; i++)
      for (const path of [
        '/studio/sessions?user=42',
        '/studio',
        '/studio/sessions',
        '/studio/everybody',
        '/studio/sessions?user=nobody',
      ]) {
        const began = performance.now()
        const { status, text } = await site.get(path)
        times.push(performance.now() - began)
        assert.equal(status, 200)
        if (path.endsWith('=42')) assert.match(text, /5 live sessions/)
      }
    const sorted = times.sort((a, b) => a - b)
    const middle = sorted[Math.floor(times.length / 2)] ?? 0
    const late = sorted[Math.floor(times.length * 0.95)] ?? 0
    t.diagnostic(`${ROWS} sessions: median ${middle.toFixed(1)} ms, 95th percentile ${late.toFixed(1)} ms`)
    assert.ok(late < 200, `${late} ms`)
    // Statistics of a connection are sent when it closes, at the latest.
    await sessions.close()
    let { scanned, fetched } = await rowsRead()
    // close() does not wait until the server has noticed it.
    for (let i = 0; i < 100 && fetched === earlier.fetched; i++) {
      await setTimeout(100)
      ;({ scanned, fetched } = await rowsRead())
    }
    assert.equal(scanned, earlier.scanned)
    // Five for each page of the user, and a few that the library keeps beside the sessions.
    assert.ok(fetched - earlier.fetched < 1000, `${fetched - earlier.fetched} rows`)
    assert.ok(fetched > earlier.fetched, 'the statistics are those of these pages')
  })

  test('the statement that finds a user uses the index of owners', async () => {
    const { rows } = await client.query(
      `EXPLAIN SELECT id, expires_at, created_at, owner, label, length(payload), place FROM strongroom_sessions WHERE owner = sha256('owner7'::bytea) AND expires_at > 1 ORDER BY place LIMIT 500`,
    )
    const plan = rows.map((row) => Object.values(row)[0]).join('\n')
    assert.match(plan, /strongroom_sessions_owner/)
    assert.doesNotMatch(plan, /Seq Scan/)
  })
})
