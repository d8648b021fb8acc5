import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { Pool } from 'pg'
import { type BaseSessions, createSessions, type SessionsOptions } from 'strongroom'
import { postgres } from 'strongroom/postgres'
import { moments } from '../packages/strongroom/src/engines/shared/sql.ts'
import { type Figure, median } from './figures.ts'
import { begin, readOnce, type Values, writeOnce } from './micro/sessions.ts'
import { installed, startServers } from './servers.ts'

export interface SweepOptions {
  /** Rows of the small table and of the large one, and how many of the large one have expired. */
  readonly few: number
  readonly many: number
  readonly expired: number
  readonly say: (line: string) => void
}

const OURS = 'strongroom postgres two-key, no memo'
const DJANGO = "one DELETE, as Django's clearsessions"
const VISITORS = 2000
/** Seconds of traffic before the sweep. */
const QUIET = 15

export const LONGEST = 'longest transaction'
export const P99 = '99th percentile of live requests'

/**
 * What a read and a write cost among few rows and among many; then how much a sweep in batches slows live requests, and how
 * much one DELETE of the same rows in an identical table does.
 */
export async function measureSweep({ few, many, expired, say }: SweepOptions): Promise<Figure[]> {
  if (!installed('postgres')) return []
  const servers = await startServers(['postgres'])
  const url = servers.urls.postgres as string
  const pool = new Pool({ connectionString: url, max: 4 })
  try {
    say(`rows in Postgres, ${few} and ${many}`)
    const small = await tableOf({ url, pool, name: 'small', live: few, expired: 0 })
    const large = await tableOf({ url, pool, name: 'large', live: many - expired, expired })
    const figures = [...(await compare(small, large, { few, many }))]
    say(`a sweep of ${expired} rows in batches`)
    figures.push(...(await measureDuring(large, OURS, () => large.sessions.clearExpired(), pool)))
    await large.close()
    const other = await tableOf({ url, pool, name: 'other', live: many - expired, expired })
    say(`one DELETE of ${expired} rows`)
    const sweep = () =>
      pool.query('DELETE FROM other WHERE expires_at <= $1', [Date.now()]).then((r) => r.rowCount ?? 0)
    figures.push(...(await measureDuring(other, DJANGO, sweep, pool)))
    await Promise.all([small.close(), other.close()])
    return figures
  } finally {
    await pool.end()
    await servers.stop()
  }
}

interface Made {
  readonly sessions: BaseSessions<Values>
  readonly cookies: readonly string[]
  close(): Promise<void>
}

interface Wanted {
  readonly url: string
  readonly pool: Pool
  readonly name: string
  readonly live: number
  readonly expired: number
}

/** A table of ours with rows of a realistic size, and among them visitors who can come back. */
async function tableOf({ url, pool, name, live, expired }: Wanted): Promise<Made> {
  const store = postgres({ url, table: name, createTable: true, timeout: 60_000 })
  const options = { secrets: randomBytes(32), store, memo: false, sweep: false, storeTimeout: '60s' }
  const sessions = createSessions<Values>(options as SessionsOptions)
  const now = Date.now()
  await sessions.stats()
  // Expired rows come before live ones, as in a real table, which fills in the order of the logins.
  for (const [count, at, kind] of [
    [expired, now - 3_600_000, 'expired'],
    [live, now + 7_200_000, 'live'],
  ] as const) {
    const { expiresAt, purgeAt } = moments(at)
    await pool.query(
      `INSERT INTO ${name} (version, expires_at, purge_at, created_at, id, owner, label, payload)
       SELECT n, $1::bigint, $2::bigint, $1::bigint, sha256(($3 || n)::bytea), sha256(('u' || n / 2)::bytea),
         decode(repeat(md5(n::text), 6), 'hex'), decode(repeat(md5(n::text), 70), 'hex')
       FROM generate_series(1, $4::int) AS n`,
      [expiresAt, purgeAt, kind, count],
    )
  }
  const cookies: string[] = []
  for (let from = 0; from < VISITORS; from += 50)
    cookies.push(...(await Promise.all(Array.from({ length: 50 }, (_, i) => begin(sessions, from + i)))))
  await pool.query(`VACUUM ANALYZE ${name}`)
  await pool.query('CHECKPOINT')
  return { sessions, cookies, close: () => store.close() }
}

/** In turns, so that a change of the machine's pace affects both. */
async function compare(small: Made, large: Made, { few, many }: { few: number; many: number }): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [verb, once] of [
    ['read', readOnce],
    ['write', writeOnce],
  ] as const) {
    const times = { small: [] as number[], large: [] as number[] }
    for (let round = 0; round < 2; round++)
      for (let i = 0; i < VISITORS; i++)
        for (const [at, of] of [
          [small, times.small],
          [large, times.large],
        ] as const) {
          const began = performance.now()
          await once(at.sessions, at.cookies[i] as string)
          if (round > 0) of.push((performance.now() - began) * 1000)
        }
    const [least, most] = [median(times.small), median(times.large)]
    const common = { bench: 'sweep', contender: OURS, unit: 'µs' } as const
    figures.push({ ...common, route: `${verb} among ${few}`, value: least, ratioToLimit: 1 })
    figures.push({ ...common, route: `${verb} among ${many}`, value: most, ratioToLimit: least / most })
  }
  return figures
}

/** Live requests before and during a sweep. */
async function measureDuring(
  { sessions, cookies }: Made,
  contender: string,
  sweep: () => Promise<number>,
  pool: Pool,
): Promise<Figure[]> {
  const common = { bench: 'sweep', contender } as const
  const before = await traffic(sessions, cookies, wait(QUIET * 1000))
  const began = performance.now()
  const sweeping = sweep()
  const [during, longest, removed] = await Promise.all([
    traffic(sessions, cookies, sweeping),
    longestTransaction(pool, sweeping),
    sweeping,
  ])
  const seconds = (performance.now() - began) / 1000
  const [quiet, swept] = [p99(before), p99(during)]
  return [
    { ...common, route: `${P99}, no sweep`, value: quiet, unit: 'µs', ratioToLimit: 1 },
    { ...common, route: `${P99}, sweep of ${removed} rows`, value: swept, unit: 'µs', ratioToLimit: quiet / swept },
    { ...common, route: LONGEST, value: longest, unit: 'ms', ratioToLimit: null },
    { ...common, route: 'rows removed per second', value: removed / seconds, unit: 'rows/s', ratioToLimit: null },
  ]
}

/** Four requests at a time, one write to three reads, until `end` is over; how long each took, in µs. */
async function traffic(sessions: BaseSessions<Values>, cookies: readonly string[], end: Promise<unknown>) {
  const times: number[] = []
  let over = false
  end.finally(() => {
    over = true
  })
  let turn = 0
  const visitors = Array.from({ length: 4 }, async () => {
    while (!over) {
      const mine = turn++
      const began = performance.now()
      await (mine % 4 === 0 ? writeOnce : readOnce)(sessions, cookies[mine % cookies.length] as string)
      times.push((performance.now() - began) * 1000)
    }
  })
  await Promise.all(visitors)
  return times
}

const p99 = (times: readonly number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] as number

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
