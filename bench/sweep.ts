import { setTimeout as wait } from 'node:timers/promises'
import type { Pool } from 'pg'
import type { Figure } from './figures.ts'
import { readOnce, writeOnce } from './micro/sessions.ts'
import { costsOf, p99, UNITS } from './scale/cost.ts'
import { makePartitions } from './scale/partitions.ts'
import { type Postgres, startPostgres } from './scale/postgres.ts'
import { type LargeSite, sizeName, sweepTime } from './scale/seed.ts'

export interface SweepOptions {
  /** Rows of each table. Nine in ten are removed. */
  readonly rows: number
  readonly say: (line: string) => void
}

const OURS = 'strongroom postgres two-key, no memo'
const DJANGO = "one DELETE, as Django's clearsessions"
const PARTITIONS = 'DROP of partitions of an hour each'
/** Seconds of traffic before the sweep. */
const QUIET = 15

export const LONGEST = 'longest transaction'
export const P99 = '99th percentile of live requests'

/**
 * How much a sweep in batches slows live requests, and how much one DELETE of the same rows does in an identical table, and the
 * DROP of the partitions that have them. What partitions cost the requests comes first.
 */
export async function measureSweep({ rows, say }: SweepOptions): Promise<Figure[]> {
  const server = await startPostgres()
  if (!server) return []
  const { pool } = server
  try {
    for (const table of ['swept', 'cleared']) {
      say(`sweep, filling a table with ${sizeName(rows)}`)
      await server.fill(table, rows)
    }
    say('sweep, filling partitions')
    const partitioned = await makePartitions(server, 'swept')
    const [swept, cleared, parts] = [server.open('swept'), server.open('cleared'), server.open(partitioned.table)]
    say('sweep, measuring requests')
    const figures = await compare(swept, parts)
    for (const [contender, site, sweep] of [
      [OURS, swept, () => swept.sweep()],
      [DJANGO, cleared, () => clearAtOnce(pool, 'cleared')],
      [PARTITIONS, parts, () => partitioned.drop()],
    ] as const) {
      say(`sweep, measuring ${contender}`)
      figures.push(...(await measureDuring(server, { contender, site, sweep })))
    }
    say('sweep is measured')
    await Promise.all([swept.close(), cleared.close(), parts.close()])
    return figures
  } finally {
    await server.stop()
  }
}

async function clearAtOnce(pool: Pool, table: string): Promise<number> {
  const { rowCount } = await pool.query(`DELETE FROM ${table} WHERE expires_at <= $1`, [sweepTime(Date.now())])
  return rowCount ?? 0
}

/** Ratios are of the ordinary table to the one with partitions, in which nobody can log in. */
async function compare(ordinary: LargeSite, partitioned: LargeSite): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const verb of ['read', 'write'] as const) {
    const [one, other] = (await costsOf([ordinary, partitioned], verb)).map(({ server }) => server)
    // Not known on this system.
    if (one == null || other == null) continue
    for (const [contender, value] of [
      [OURS, one],
      [PARTITIONS, other],
    ] as const)
      figures.push({
        bench: 'sweep',
        contender,
        route: verb,
        value,
        unit: UNITS.server,
        ratioToLimit: one / value,
      })
  }
  return figures
}

interface Way {
  readonly contender: string
  readonly site: LargeSite
  /** Resolves to how many rows it has removed. */
  readonly sweep: () => Promise<number>
}

/** Live requests before and during a sweep. */
async function measureDuring({ pool }: Postgres, { contender, site, sweep }: Way): Promise<Figure[]> {
  const common = { bench: 'sweep', contender, ratioToLimit: null } as const
  const logged = [await walPosition(pool)]
  const before = await traffic(site, wait(QUIET * 1000))
  logged.push(await walPosition(pool))
  const began = performance.now()
  const sweeping = sweep()
  const [during, longest, removed] = await Promise.all([
    traffic(site, sweeping),
    longestTransaction(pool, sweeping),
    sweeping,
  ])
  const seconds = (performance.now() - began) / 1000
  logged.push(await walPosition(pool))
  const [first, second, third] = logged as [number, number, number]
  // Less what the requests have written meanwhile.
  const wal = third - second - ((second - first) / before.length) * during.length
  const [quiet, slowed] = [p99(before), p99(during)]
  return [
    { ...common, route: `${P99}, no sweep`, value: quiet, unit: 'µs', ratioToLimit: 1 },
    { ...common, route: `${P99}, sweep of ${removed} rows`, value: slowed, unit: 'µs', ratioToLimit: quiet / slowed },
    { ...common, route: LONGEST, value: longest, unit: 'ms' },
    { ...common, route: 'rows removed per second', value: removed / seconds, unit: 'rows/s' },
    { ...common, route: 'bytes of WAL per row', value: Math.max(0, wal) / removed, unit: 'bytes' },
  ]
}

/** Four requests at a time, one write to three reads, until `end` is over; how long each took, in µs. */
async function traffic({ sessions, cookies }: LargeSite, end: Promise<unknown>) {
  const times: number[] = []
  let over = false
  end.finally(() => {
    over = true
  })
  let turn = 0
  const visitors = Array.from({ length: 4 }, async () => {
    // What begins before the end counts: a DROP may be over before the first request is.
    do {
      const mine = turn++
      const began = performance.now()
      await (mine % 4 === 0 ? writeOnce : readOnce)(sessions, cookies[mine % cookies.length] as string)
      times.push((performance.now() - began) * 1000)
    } while (!over)
  })
  await Promise.all(visitors)
  return times
}

/** How many bytes have been written to the write-ahead log. */
async function walPosition(pool: Pool): Promise<number> {
  const { rows } = await pool.query("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS bytes")
  return Number(rows[0].bytes)
}

/** In ms, as the server sees it. */
async function longestTransaction(pool: Pool, end: Promise<unknown>): Promise<number> {
  let [longest, over] = [0, false]
  end.finally(() => {
    over = true
  })
  while (!over) {
    const { rows } = await pool.query(
      `SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) * 1000 AS ms
       FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`,
    )
    longest = Math.max(longest, Number(rows[0].ms))
    await wait(20)
  }
  return longest
}
