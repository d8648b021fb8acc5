import { basename } from 'node:path'
import type { Id } from '../../crypto/token.ts'
import type { Disk } from './disk.ts'

export interface Sweep {
  readonly disk: Disk
  /** Works while holding the lock of an id. */
  readonly hold: <T>(id: Id, work: () => Promise<T>) => Promise<T>
  /** What is not live at this moment is removed. */
  readonly now: number
  readonly batch: number
  readonly dryRun: boolean
}

/** Files looked at or removed at one time, and at most under one hold of a lock. */
const HANDFUL = 64

/** Yields how many expired sessions each step removed, and removes on the way what crashes have left behind. */
export async function* clearing(sweep: Sweep): AsyncGenerator<number> {
  for (const shard of await sweep.disk.shards('sessions')) {
    const names = await sweep.disk.names(shard)
    for (const ids of parts(names.filter(isId), sweep.batch)) yield await clear(sweep, ids)
    if (!sweep.dryRun) await discardDrafts(sweep, names)
  }
  if (sweep.dryRun) return
  for (const shard of await sweep.disk.shards('owners')) {
    for (const names of parts(await sweep.disk.names(shard), sweep.batch)) {
      await unmarkMissing(sweep, names.filter(isMarker))
      yield 0
    }
  }
}

/** Ids of one shard, which share their lock. Only what a look without the lock finds expired is worth taking it. */
async function clear(sweep: Sweep, ids: readonly Id[]): Promise<number> {
  let removed = 0
  for (const some of parts(ids, HANDFUL)) {
    const due = await expired(sweep, some)
    const [first] = due
    if (sweep.dryRun || !first) removed += due.length
    else removed += await sweep.hold(first, () => discardExpired(sweep, due))
  }
  return removed
}

/** Asks each again whether it is due: it may have been touched since, or removed by another runner. */
async function discardExpired(sweep: Sweep, ids: readonly Id[]): Promise<number> {
  const due = await expired(sweep, ids)
  await Promise.all(due.map((id) => sweep.disk.discard(id)))
  return due.length
}

async function expired({ disk, now }: Sweep, ids: readonly Id[]): Promise<Id[]> {
  const deadlines = await Promise.all(ids.map((id) => disk.deadline(id)))
  return ids.filter((_, index) => (deadlines[index] ?? Number.POSITIVE_INFINITY) <= now)
}

/** A draft is written under the lock of its id: one that is there while we hold that lock is nobody's. */
async function discardDrafts({ disk, hold }: Sweep, names: readonly string[]): Promise<void> {
  for (const draft of names.filter((name) => name.endsWith('.draft'))) {
    const id = basename(draft, '.draft')
    if (isId(id)) await hold(id, () => disk.discardDraft(id))
  }
}

/** The mark is made before its session and under the same lock: without a session while we hold it, it points nowhere. */
async function unmarkMissing({ disk, hold }: Sweep, markers: readonly string[]): Promise<void> {
  for (const some of parts(markers, HANDFUL)) {
    const deadlines = await Promise.all(some.map((marker) => disk.deadline(idOf(marker))))
    for (const marker of some.filter((_, index) => deadlines[index] === null)) {
      const id = idOf(marker)
      await hold(id, async () => {
        if ((await disk.deadline(id)) === null) await disk.unmark(marker.slice(0, 64), id)
      })
    }
  }
}

export function isId(name: string): name is Id {
  return /^[0-9a-f]{64}$/.test(name)
}

function isMarker(name: string): boolean {
  return /^[0-9a-f]{64}\.[0-9a-f]{64}$/.test(name)
}

function idOf(marker: string): Id {
  return marker.slice(65) as Id
}

function* parts<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
