import { DataError, StoreError, TooLargeError } from '../errors.ts'
import type { AdoptOptions, AdoptReport } from './adopt.ts'
import type { AdoptionSource } from './source.ts'

/** What is needed of a source, to move all its sessions. */
export interface MovableSource extends Required<Pick<AdoptionSource, 'name' | 'keys' | 'read'>> {
  end?(key: string): Promise<unknown>
}

export interface SourceMove {
  readonly source: MovableSource
  readonly to: { adopt(options: AdoptOptions): Promise<AdoptReport> }
  /** How many sessions to list at a time (default 500). */
  readonly page?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called after each page with the number of sessions processed so far. */
  readonly onProgress?: ((done: number) => void) | undefined
  /** Read all sessions, and write nothing. */
  readonly dryRun?: boolean | undefined
  /** End each session at the source once it is here. Otherwise what is stored here is a copy. */
  readonly end?: boolean | undefined
}

export interface SourceMoveReport {
  /** Copied, or updated here. In a dry run, how many would be. */
  readonly moved: number
  /** Of those, how many were read back and found equal. */
  readonly compared: number
  /** Already here. */
  readonly existing: number
  /** Ended or expired before they were read. */
  readonly gone: number
  /** Refused by the source, such as one that is not signed with its key. */
  readonly unreadable: number
  /** Of data that is no session (no JSON, or no object), or that cannot be stored here, such as what is nested too deep. */
  readonly malformed: number
  /** Of users whom the source would refuse, too, such as those who have changed their password, or who have ended all sessions here. */
  readonly signedOut: number
  readonly tooLarge: number
  /** A store did not answer for these sessions. */
  readonly failed: number
  /** The error message for the first of them. */
  readonly firstError: string | null
  /** False when the signal stopped it. */
  readonly complete: boolean
}

type Outcome = Exclude<keyof SourceMoveReport, 'complete' | 'compared' | 'firstError'>

const CONCURRENCY = 16

const REFUSED: Readonly<Record<string, Outcome>> = { credential: 'signedOut', malformed: 'malformed' }

/**
 * Moves the sessions of a source here. It may run during traffic, in parallel with other runs, and again after it was stopped or
 * killed: each session is adopted once, however many runs there are. Rejects when a store does not answer at all.
 */
export async function moveSource(move: SourceMove): Promise<SourceMoveReport> {
  const { source, page, signal, onProgress } = move
  const tally: Record<Outcome | 'compared', number> = {
    ...{ moved: 0, compared: 0, existing: 0, gone: 0, unreadable: 0, malformed: 0 },
    ...{ signedOut: 0, tooLarge: 0, failed: 0 },
  }
  let done = 0
  let firstError: string | null = null
  for await (const keys of source.keys({ page, signal })) {
    const errors = await movePage(keys, async (key) => {
      const { outcome, compared = false } = await moveOne(move, key)
      tally[outcome] += 1
      if (compared) tally.compared += 1
    })
    tally.failed += errors.length
    firstError ??= errors[0]?.message ?? null
    done += keys.length
    onProgress?.(done)
    if (signal?.aborted) break
  }
  return { ...tally, firstError, complete: signal?.aborted !== true }
}

/** Returns why some failed. A single failure may be due to that session. When all fail, a store is down, and this rejects. */
async function movePage(keys: readonly string[], moveKey: (key: string) => Promise<void>): Promise<StoreError[]> {
  const queue = [...keys]
  const errors: StoreError[] = []
  let succeeded = 0
  const isDown = () => succeeded === 0 && errors.length >= Math.min(CONCURRENCY, keys.length)
  const work = async () => {
    for (let key = queue.pop(); key !== undefined && !isDown(); key = queue.pop()) {
      try {
        await moveKey(key)
        succeeded += 1
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        errors.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
  if (isDown() && errors.length > 0) throw errors[0]
  return errors
}

async function moveOne(
  { source, to, dryRun, end }: SourceMove,
  key: string,
): Promise<{ outcome: Outcome; compared?: boolean }> {
  const session = await source.read(key)
  if (!session) return { outcome: 'gone' }
  if ('refused' in session) return { outcome: REFUSED[session.refused] ?? 'unreadable' }
  if (dryRun) return { outcome: 'moved' }
  let report: AdoptReport
  try {
    report = await to.adopt({ source: source.name, key, session, as: end ? 'session' : 'copy' })
  } catch (error) {
    if (error instanceof TooLargeError) return { outcome: 'tooLarge' }
    // A session that this library cannot store, such as one nested too deep, is no reason to stop.
    if (error instanceof DataError || error instanceof TypeError) return { outcome: 'malformed' }
    throw error
  }
  // Also for one that was adopted before: its visitor may have come while the source was down.
  if (end) await source.end?.(key)
  if (report.outcome === 'ended') return { outcome: session.userId === null ? 'gone' : 'signedOut' }
  return { outcome: report.outcome === 'exists' ? 'existing' : 'moved', compared: report.compared }
}
