import type { Id } from '../../crypto/token.ts'
import type { ChangeFeed, ClearOptions, Listing, ScanOptions, Schema, Traits } from '../../store.ts'
import { isTombstone } from './marks.ts'
import type { Place, Sides } from './sides.ts'

const DURABLE = ['no', 'process', 'machine'] as const
const SHARED = ['process', 'machine', 'network'] as const

/** What can be said of both stores. */
export function weaker(from: Traits, to: Traits): Traits {
  const limits = [from.sizeLimit, to.sizeLimit].filter((limit) => limit !== null)
  const lower = <T>(order: readonly T[], one: T, other: T) => (order.indexOf(one) < order.indexOf(other) ? one : other)
  return {
    engine: `moving ${from.engine} to ${to.engine}`,
    durable: lower(DURABLE, from.durable, to.durable),
    shared: lower(SHARED, from.shared, to.shared),
    expiresByItself: from.expiresByItself && to.expiresByItself,
    granularity: Math.max(from.granularity, to.granularity),
    sizeLimit: limits.length > 0 ? Math.min(...limits) : null,
    evicts: from.evicts || to.evicts,
    revocable: from.revocable && to.revocable,
  }
}

export async function bothCleared({ from, to }: Sides, options: ClearOptions): Promise<number> {
  const first = await from.clearExpired(options)
  const { onProgress } = options
  const rest = onProgress && { onProgress: (removed: number) => onProgress(first + removed) }
  return first + (await to.clearExpired({ ...options, ...rest }))
}

/** The old store first: what is moved meanwhile is told twice, and nothing is left out. */
export async function* bothScanned(
  { from, to }: Sides,
  check: () => void,
  options?: ScanOptions,
): AsyncGenerator<readonly Listing[]> {
  for (const store of [from, to]) {
    check()
    for await (const page of store.scan?.(options) ?? []) {
      const live = page.filter((listing) => !isTombstone(listing))
      if (live.length > 0) yield live
      check()
    }
    if (options?.signal?.aborted) return
  }
}

/** What the new store has counts; what only the old one listed is asked for, since a tombstone belongs to nobody. */
export async function listedOnce(
  old: readonly Listing[],
  current: readonly Listing[],
  there: (id: Id) => Promise<Place | null>,
): Promise<Listing[]> {
  const known = new Set(current.map(({ id }) => id))
  const left = old.filter(({ id }) => !known.has(id))
  const places = await Promise.all(left.map(({ id }) => there(id)))
  const live = left.filter(({ owner }, index) => {
    const place = places[index]
    return !place || (!place.ended && place.entry.owner === owner)
  })
  return [...current, ...live]
}

export function bothSchemas(schemas: readonly Schema[]): Schema {
  return {
    statements: schemas.flatMap(({ statements }) => statements),
    pending: async () => (await Promise.all(schemas.map((schema) => schema.pending()))).flat(),
    async migrate() {
      const ran: string[] = []
      for (const schema of schemas) ran.push(...(await schema.migrate()))
      return ran
    },
  }
}

/** A move is told as a change, which costs whoever listens one more read. */
export function bothFeeds(from: ChangeFeed, to: ChangeFeed): ChangeFeed {
  return {
    async listen(listener) {
      const stop = await from.listen(listener)
      try {
        const stopThere = await to.listen(listener)
        return async () => {
          await Promise.all([stop(), stopThere()])
        }
      } catch (error) {
        await stop()
        throw error
      }
    },
  }
}
