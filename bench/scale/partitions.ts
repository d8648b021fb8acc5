import type { Pool } from 'pg'
import { tableStatements } from '../../packages/strongroom/src/engines/postgres/statements.ts'
import type { Postgres } from './postgres.ts'
import { sweepTime } from './seed.ts'

const HOUR = 3_600_000

/** Made by hand, for comparison: the engine can read and update it, and can create no session in it. */
export interface Partitioned {
  readonly table: string
  /** Drops what has expired, and resolves to how many rows there were. */
  drop(): Promise<number>
}

/** A copy of a table, with a partition for each hour of the deadlines. */
export async function makePartitions({ pool }: Postgres, from: string): Promise<Partitioned> {
  const table = `${from}_by_hour`
  const first = Math.floor(Date.now() / HOUR) * HOUR
  const hours = Array.from({ length: 25 }, (_, i) => ({ name: `${table}_${i}`, begin: first + i * HOUR }))
  await pool.query(`CREATE TABLE ${table} (LIKE ${from} INCLUDING STORAGE) PARTITION BY RANGE (purge_at)`)
  const settings = '(fillfactor = 70, vacuum_truncate = false)'
  for (const { name, begin } of hours)
    await pool.query(
      `CREATE TABLE ${name} PARTITION OF ${table} FOR VALUES FROM (${begin}) TO (${begin + HOUR}) WITH ${settings}`,
    )
  await pool.query(`CREATE TABLE ${table}_later PARTITION OF ${table} DEFAULT WITH ${settings}`)
  await pool.query(`INSERT INTO ${table} SELECT * FROM ${from}`)
  // The key has to contain what the table is partitioned by.
  await pool.query(`ALTER TABLE ${table} ADD PRIMARY KEY (id, purge_at)`)
  await pool.query(`CREATE INDEX ON ${table} (owner, place) WHERE owner IS NOT NULL`)
  await pool.query(tableStatements(table).at(-1) as string)
  await pool.query(`VACUUM ANALYZE ${table}`)
  await pool.query('CHECKPOINT')
  const expired = hours.filter(({ begin }) => begin + HOUR <= sweepTime(Date.now())).map(({ name }) => name)
  const rows = await countOf(pool, expired)
  return {
    table,
    async drop() {
      for (const name of expired) await pool.query(`DROP TABLE ${name}`)
      return rows
    },
  }
}

async function countOf(pool: Pool, tables: readonly string[]): Promise<number> {
  const counts = await Promise.all(tables.map((name) => pool.query(`SELECT count(*) AS rows FROM ${name}`)))
  return counts.reduce((sum, { rows: [row] }) => sum + Number(row.rows), 0)
}
