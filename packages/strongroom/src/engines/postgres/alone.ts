import { queryOf } from './client.ts'
import { failure } from './failure.ts'
import { ClientLink, type Held, type HoldingLink, ignore } from './pool.ts'
import { lockOf } from './table.ts'

interface AloneOptions {
  readonly limit: number
  /** Ms after which the server ends the turn of a runner that it has not heard of. */
  readonly lease?: number
}

/**
 * Works under a lock that one connection of all has: an advisory lock of a transaction that stays open and does nothing, for
 * only such a lock passes through a pooler that gives each transaction another connection. It ends with the process; and
 * when the machine is gone, or the process frozen, after `lease`, for the server hears from us four times as often.
 * The transaction has no snapshot and no number, so that it keeps vacuum from nothing.
 */
export async function withAdvisoryLock<T>(
  link: HoldingLink,
  name: string,
  work: () => Promise<T>,
  { limit, lease = 60_000 }: AloneOptions,
): Promise<T | null> {
  const held = await take(link, limit)
  const line = new ClientLink(held.client)
  const say = async (text: string) => (await line.ask(queryOf(text), limit)).rows[0]?.[0]
  const beat = setInterval(() => say('SELECT 1').catch(ignore), lease / 4).unref()
  try {
    return (await begin(say, name, lease)) ? await work() : null
  } finally {
    clearInterval(beat)
    await end(say, held)
  }
}

async function take(link: HoldingLink, limit: number): Promise<Held> {
  try {
    return await link.hold(limit)
  } catch (error) {
    throw failure(error)
  }
}

type Say = (text: string) => Promise<unknown>

async function begin(say: Say, name: string, lease: number): Promise<boolean> {
  try {
    await say('BEGIN')
    await say(`SET LOCAL idle_in_transaction_session_timeout = ${lease}`)
    return (await say(`SELECT pg_try_advisory_xact_lock(${lockOf(name)})`)) === 't'
  } catch (error) {
    throw failure(error)
  }
}

/** The lock ends here, or with the connection: closing that alone would leave the lock for a moment after our answer. */
async function end(say: Say, held: Held): Promise<void> {
  const isLost = await say('COMMIT').then(
    () => false,
    () => true,
  )
  held.release(isLost)
}
