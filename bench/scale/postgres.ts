import { randomBytes } from 'node:crypto'
import { Pool, type PoolClient } from 'pg'
import { postgres } from 'strongroom/postgres'
import { tableStatements } from '../../packages/strongroom/src/engines/postgres/statements.ts'
import { moments } from '../../packages/strongroom/src/engines/shared/sql.ts'
import { installed, startServers } from '../servers.ts'
import { serverClock } from './processes.ts'
import { beginAll, deadlineOf, type LargeSite, OWNED, SAMPLES, sessionsIn, sweepTime, VISITORS } from './seed.ts'

/** A table is filled in so many steps, after each of which come some of the visitors. */
const STEPS = 200

/** A server, and visitors who have logged in there, for all of its tables. */
export interface Postgres {
  readonly pool: Pool
  /** Fills a table of ours with copies, and with all visitors among them. */
  fill(table: string, count: number): Promise<void>
  /** What the visitors of a table use, with a store of its own. */
  open(table: string): LargeSite
  stop(): Promise<void>
}

/** Null where PostgreSQL is not installed. */
export async function startPostgres(): Promise<Postgres | null> {
  if (!installed('postgres')) return null
  const servers = await startServers(['postgres'])
  const url = servers.urls.postgres as string
  const pool = new Pool({ connectionString: url, max: 4 })
  const secrets = randomBytes(32)
  const cookies = await makeSeed(url, pool, secrets)
  const serverTime = serverClock(servers.running.postgres?.port as number)
  return {
    pool,
    fill: (table, count) => onConnection(pool, (client) => fillTable(client, table, count)),
    open(table) {
      const store = postgres({ url, table })
      const later = postgres({ url, table, clock: () => sweepTime(Date.now()) })
      return {
        sessions: sessionsIn(store, secrets),
        cookies,
        serverTime,
        sweep: (signal) => later.clearExpired({ signal }),
        async close() {
          await Promise.all([store.close(), later.close()])
        },
      }
    },
    async stop() {
      await pool.end()
      await servers.stop()
    },
  }
}

/** The visitors of all tables, as the engine stores them, and some of their records for `fillTable` to copy. */
async function makeSeed(url: string, pool: Pool, secrets: Uint8Array): Promise<string[]> {
  const store = postgres({ url, table: 'seed', createTable: true })
  const cookies = await beginAll(sessionsIn(store, secrets), VISITORS)
  await store.close()
  await pool.query(
    `CREATE TABLE sample AS SELECT row_number() OVER () % ${SAMPLES} AS number, substr(id, 29) AS ending, label, payload
     FROM (SELECT * FROM seed WHERE length(label) > 1 LIMIT ${SAMPLES}) AS first`,
  )
  return cookies
}

async function onConnection(pool: Pool, work: (client: PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query("SET synchronous_commit = off; SET maintenance_work_mem = '1GB'")
    await work(client)
  } finally {
    // Its settings end with it.
    client.release(true)
  }
}

/** Indexes are made when the rows are there: page by page of random ids, they would take many times as long. */
async function fillTable(client: PoolClient, table: string, count: number): Promise<void> {
  const statements = tableStatements(table)
  for (const each of statements) await client.query(each)
  await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${table}_pkey`)
  await client.query(`DROP INDEX ${table}_purge, ${table}_owner`)
  await insertRows(client, table, count)
  await client.query(`ALTER TABLE ${table} ADD PRIMARY KEY (id)`)
  for (const each of statements) await client.query(each)
  await client.query(`VACUUM ANALYZE ${table}`)
  await client.query('CHECKPOINT')
}

const COLUMNS = 'version, expires_at, purge_at, created_at, id, owner, label, payload'

/** Copies under made-up ids, in the order of their logins, and the visitors spread among them. */
async function insertRows(client: PoolClient, table: string, count: number): Promise<void> {
  const now = Date.now()
  const { rows } = await client.query('SELECT max(place)::int AS last FROM seed')
  const at = (step: number, all: number) => Math.floor((step * all) / STEPS)
  for (let step = 0; step < STEPS; step++) {
    const { expiresAt, purgeAt } = moments(deadlineOf(step, STEPS, now))
    await client.query(
      `INSERT INTO ${table} (${COLUMNS})
       SELECT n, $1::bigint, $2::bigint, $3::bigint, substr(sha256(n::text::bytea), 1, 28) || ending,
         sha256(('owner ' || n / ${OWNED})::bytea), label, payload
       FROM generate_series($4::int, $5::int - 1) AS n JOIN sample ON number = n % ${SAMPLES}`,
      [expiresAt, purgeAt, now, at(step, count), at(step + 1, count)],
    )
    await client.query(
      `INSERT INTO ${table} (${COLUMNS}) SELECT ${COLUMNS} FROM seed WHERE place > $1 AND place <= $2`,
      [at(step, rows[0].last), at(step + 1, rows[0].last)],
    )
  }
}
