import { number } from '../format.ts'
import type { Check, Topic } from './check.ts'

/** What lies in a store whose expired entries must be removed by somebody. */
export interface Rows {
  /** Counted up to `COUNTED`. */
  readonly live: number
  readonly expired: number
  /** These are only some of the rows, chosen by their random ids (default false). */
  readonly isSample?: boolean
  /** Since when the oldest of the expired entries could have been removed, in ms since 1970; null if there is none. */
  readonly oldest: number | null
}

/** More are not counted: the answer would be the same, and it would cost the server more. */
const COUNTED = 100_000

/** A query, for each of the databases, whose one row `foundRows` reads. */
export function countsOfRows(table: string, now: number): string {
  const moment = Math.floor(now)
  const counted = (where: string) =>
    `(SELECT COUNT(*) FROM (SELECT 1 FROM ${table} WHERE ${where} LIMIT ${COUNTED + 1}) r)`
  return `SELECT ${counted(`purge_at > ${moment}`)} AS live, ${counted(`purge_at <= ${moment}`)} AS expired,
    (SELECT MIN(purge_at) FROM ${table} WHERE purge_at <= ${moment}) AS oldest`
}

export function foundRows({ live, expired, oldest }: Readonly<Record<string, unknown>> = {}): Rows {
  return { live: Number(live), expired: Number(expired), oldest: oldest == null ? null : Number(oldest) }
}

const HOUR = 3_600_000
/** What a few leftovers are. */
const FEW = 1_000

export interface Sweep {
  /** Ms between two sweeps; null if the application does not sweep, undefined if that is not known. */
  readonly every: number | null | undefined
  readonly now: number
}

/** Where the table is missing, that is one finding: what the server says to a query for its rows would be the same in other words. */
export function withoutTable(topic: Topic, checks: readonly Check[], table: string): readonly Check[] {
  if (!checks.some(({ name, level, what }) => name === table && level === 'red' && /^There is no table/.test(what)))
    return checks
  const uncounted = topic.unknown('expired-rows', 'There is no table in which rows could be counted.')
  return checks.map((check) => (check.name === uncounted.name && check.level === 'unknown' ? uncounted : check))
}

export function rowChecks(
  topic: Topic,
  { live, expired, oldest, isSample }: Rows,
  { every, now }: Sweep,
): readonly Check[] {
  const count = (rows: number) => (rows > COUNTED ? `more than ${number(COUNTED)}` : number(rows))
  const clear =
    'Run npx @strongroom/cli clear-expired, daily from a crontab or by the option sweep of createSessions().'
  const what = isSample
    ? `Of ${number(live + expired)} rows that were looked at, ${number(expired)} have expired.`
    : `${count(expired)} expired and ${count(live)} live rows are stored.`
  const piles = expired > FEW && expired > live
  const pile = piles
    ? topic.amber('expired-rows', `${what} Expired rows pile up.`, clear)
    : topic.green('expired-rows', what)
  return [pile, sweepCheck(topic, { oldest, every, now, clear })]
}

function sweepCheck(
  topic: Topic,
  { oldest, every, now, clear }: Sweep & { readonly oldest: number | null; readonly clear: string },
): Check {
  // A sweep may be late by a tenth, and takes a while; a crontab runs daily.
  const allowed = every ? 2 * every + HOUR : 25 * HOUR
  const who = every ? `every ${number(Math.round(every / 60_000))} minutes` : 'daily'
  if (oldest !== null && now - oldest > allowed)
    return topic.red(
      'sweep',
      `A session that ended ${number(Math.floor((now - oldest) / HOUR))} hours ago is still stored: nobody sweeps ${who}.`,
      clear,
    )
  if (every === null && oldest !== null)
    return topic.green('sweep', 'The application does not sweep, and what has expired was removed within a day.')
  return topic.green('sweep', 'What has expired is removed in time.')
}
