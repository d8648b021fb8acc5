import { type AdoptReport, type BaseSessions, DataError, type Id, StoreError, TooLargeError } from 'strongroom'
import type { WalkedStore } from './engine.ts'
import { NAME } from './former.ts'
import type { Reader } from './reader.ts'

export interface DjangoMove {
  readonly from: WalkedStore
  readonly reader: Reader
  readonly to: Pick<BaseSessions<object>, 'adopt'>
  /** Sessions looked at in one step (default 500). */
  readonly page?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called after each page with how many have been looked at. */
  readonly onProgress?: ((done: number) => void) | undefined
  /** Read all of them, and write nothing. */
  readonly dryRun?: boolean | undefined
  /** End each session at Django's once it is here. Otherwise what is left here is a copy. */
  readonly end?: boolean | undefined
}

export interface DjangoMoveReport {
  /** Brought over, or brought up to date. In a dry run: what would be. */
  readonly moved: number
  /** Of those: read back and found to be the same. */
  readonly compared: number
  /** Here already. */
  readonly there: number
  /** Ended or expired before their turn came. */
  readonly gone: number
  /** Not signed with the key (altered, or another SECRET_KEY), or not to be kept here. */
  readonly unreadable: number
  /** Of users that are gone or not active, or whose password is another by now: Django would refuse them, too. */
  readonly signedOut: number
  readonly tooLarge: number
  /** A store did not answer for these. */
  readonly failed: number
  /** What it said of the first of them. */
  readonly trouble: string | null
  /** False when the signal stopped it. */
  readonly complete: boolean
}

type Outcome = Exclude<keyof DjangoMoveReport, 'complete' | 'compared' | 'trouble'>

const AT_ONCE = 16

/**
 * Brings the sessions of a Django over. Safe beside traffic, beside other runs, and again after it was stopped or killed:
 * each is taken over once, whoever does it. Rejects when a store does not answer at all.
 */
export async function moveFromDjango(move: DjangoMove): Promise<DjangoMoveReport> {
  const { from, page, signal, onProgress } = move
  const tally: Record<Outcome | 'compared', number> = {
    ...{ moved: 0, compared: 0, there: 0, gone: 0, unreadable: 0, signedOut: 0, tooLarge: 0, failed: 0 },
  }
  let done = 0
  let trouble: string | null = null
  for await (const keys of from.keys({ page, signal })) {
    const errors = await takePage(keys, async (key) => {
      const { outcome, compared = false } = await takeOne(move, key)
      tally[outcome] += 1
      if (compared) tally.compared += 1
    })
    tally.failed += errors.length
    trouble ??= errors[0]?.message ?? null
    done += keys.length
    onProgress?.(done)
    if (signal?.aborted) break
  }
  return { ...tally, trouble, complete: signal?.aborted !== true }
}

/** Why some failed. One that fails may be its own fault; when all do, it is a store that does not answer. */
async function takePage(keys: readonly string[], take: (key: string) => Promise<void>): Promise<StoreError[]> {
  const queue = [...keys]
  const errors: StoreError[] = []
  let answered = 0
  const isDown = () => answered === 0 && errors.length >= Math.min(AT_ONCE, keys.length)
  const work = async () => {
    for (let key = queue.pop(); key !== undefined && !isDown(); key = queue.pop()) {
      try {
        await take(key)
        answered += 1
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        errors.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  if (isDown() && errors.length > 0) throw errors[0]
  return errors
}

async function takeOne(
  { from, reader, to, dryRun, end }: DjangoMove,
  key: string,
): Promise<{ outcome: Outcome; compared?: boolean }> {
  const found = await from.read(key as Id)
  if (!found) return { outcome: 'gone' }
  const session = await reader.session(Buffer.from(found.entry.bytes).toString('latin1'), found.entry.expiresAt)
  if ('refused' in session) return { outcome: session.refused === 'credential' ? 'signedOut' : 'unreadable' }
  if (dryRun) return { outcome: 'moved' }
  let report: AdoptReport
  try {
    report = await to.adopt({ former: NAME, key, session, as: end ? 'session' : 'copy' })
  } catch (error) {
    if (error instanceof TooLargeError) return { outcome: 'tooLarge' }
    // What this library cannot hold, such as values nested too deep, is no reason to stop.
    if (error instanceof DataError || error instanceof TypeError) return { outcome: 'unreadable' }
    throw error
  }
  // Also of one that was taken over before: its visitor may have come while Django could not be asked.
  if (end) await from.delete(key as Id)
  if (report.outcome === 'over') return { outcome: session.userId === null ? 'gone' : 'signedOut' }
  return { outcome: report.outcome === 'there' ? 'there' : 'moved', compared: report.compared }
}
