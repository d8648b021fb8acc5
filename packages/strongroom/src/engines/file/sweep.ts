import { basename } from 'node:path'
import type { Id } from '../../crypto/token.ts'
import { isHexId } from '../shared/entry.ts'
import type { Disk } from './disk.ts'

export interface Sweep {
  readonly disk: Disk
  /** Does the work under the lock of an id. */
  readonly withLock: <T>(id: Id, work: () => Promise<T>) => Promise<T>
  /** Sessions that are not live at this moment are removed. */
  readonly now: number
  readonly batch: number
  readonly dryRun: boolean
}

/** How many files are looked at or removed in parallel, and while a lock is held once. */
const IN_PARALLEL = 64

/** Yields how many expired sessions each step removed. Also removes what crashes have left behind. */
export async function* sweepFiles(sweep: Sweep): AsyncGenerator<number> {
  for (const shard of await sweep.disk.shards('sessions')) {
    const names = await sweep.disk.names(shard)
    for (const ids of chunks(names.filter(isHexId), sweep.batch)) yield await removeExpired(sweep, ids)
    if (!sweep.dryRun) await removeDrafts(sweep, names)
  }
  if (sweep.dryRun) return
  for (const shard of await sweep.disk.shards('owners')) {
    for (const names of chunks(await sweep.disk.names(shard), sweep.batch)) {
      await removeOrphanMarkers(sweep, names.filter(isMarker))
      yield 0
    }
  }
}

/**
 * The ids are of one shard, and so share a lock. It is taken only if a look without it finds some that have expired.
 */
async function removeExpired(sweep: Sweep, ids: readonly Id[]): Promise<number> {
  let removed = 0
  for (const some of chunks(ids, IN_PARALLEL)) {
    const due = await expired(sweep, some)
    const [first] = due
    if (sweep.dryRun || !first) removed += due.length
    else removed += await sweep.withLock(first, () => removeIfExpired(sweep, due))
  }
  return removed
}

/** Looks at each once more, now under the lock: it may have been touched since, or removed by another runner. */
async function removeIfExpired(sweep: Sweep, ids: readonly Id[]): Promise<number> {
  const due = await expired(sweep, ids)
  await Promise.all(due.map((id) => sweep.disk.removeExpired(id)))
  return due.length
}

async function expired({ disk, now }: Sweep, ids: readonly Id[]): Promise<Id[]> {
  const deadlines = await Promise.all(ids.map((id) => disk.deadline(id)))
  return ids.filter((_, index) => (deadlines[index] ?? Number.POSITIVE_INFINITY) <= now)
}

/** A draft is written under the lock of its id, so nobody is writing one that exists while we hold that lock. */
async function removeDrafts({ disk, withLock }: Sweep, names: readonly string[]): Promise<void> {
  for (const draft of names.filter((name) => name.endsWith('.draft'))) {
    const id = basename(draft, '.draft')
    if (isHexId(id)) await withLock(id, () => disk.removeDraft(id))
  }
}

/**
 * A marker is written before its session, under the same lock. If there is no session while we hold it, the marker is
 * an orphan.
 */
async function removeOrphanMarkers({ disk, withLock }: Sweep, markers: readonly string[]): Promise<void> {
  for (const some of chunks(markers, IN_PARALLEL)) {
    const deadlines = await Promise.all(some.map((marker) => disk.deadline(idOf(marker))))
    for (const marker of some.filter((_, index) => deadlines[index] === null)) {
      const id = idOf(marker)
      await withLock(id, async () => {
        if ((await disk.deadline(id)) === null) await disk.removeMarker(marker.slice(0, 64), id)
      })
    }
  }
}

function isMarker(name: string): boolean {
  return isHexId(name.slice(0, 64)) && name[64] === '.' && isHexId(name.slice(65))
}

function idOf(marker: string): Id {
  return marker.slice(65) as Id
}

export function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
