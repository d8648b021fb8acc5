import type { Id } from '../../crypto/token.ts'
import type { ChangeFeed, ClearOptions, Listing, ScanOptions, Schema, Traits } from '../../store.ts'
import type { Located, Sides } from './sides.ts'
import { isTombstone } from './tombstones.ts'

const DURABLE = ['no', 'process', 'machine'] as const
const SHARED = ['process', 'machine', 'network'] as const

/** The traits that hold for both stores. */
export function weakerTraits(from: Traits, to: Traits): Traits {
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

export async function clearBoth({ from, to }: Sides, options: ClearOptions): Promise<number> {
  const first = await from.clearExpired(options)
  const { onProgress } = options
  const rest = onProgress && { onProgress: (removed: number) => onProgress(first + removed) }
  return first + (await to.clearExpired({ ...options, ...rest }))
}

/** The old store first: a session that is moved during the scan is then listed twice, and never left out. */
export async function* scanBoth(
  { from, to }: Sides,
  assertOpen: () => void,
  options?: ScanOptions,
): AsyncGenerator<readonly Listing[]> {
  for (const store of [from, to]) {
    assertOpen()
    for await (const page of store.scan?.(options) ?? []) {
      const live = page.filter((listing) => !isTombstone(listing))
      if (live.length > 0) yield live
      assertOpen()
    }
    if (options?.signal?.aborted) return
  }
}

/**
 * One listing for each session of an owner. Listings of the new store take precedence. What only the old store listed
 * is read from the new one, where it may be a tombstone, which has no owner and so is in no list.
 */
export async function mergeListings(
  old: readonly Listing[],
  current: readonly Listing[],
  readNew: (id: Id) => Promise<Located | null>,
): Promise<Listing[]> {
  const known = new Set(current.map(({ id }) => id))
  const left = old.filter(({ id }) => !known.has(id))
  const found = await Promise.all(left.map(({ id }) => readNew(id)))
  const live = left.filter(({ owner }, index) => {
    const moved = found[index]
    return !moved || (!moved.isEnded && moved.entry.owner === owner)
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

/** A move is reported as a change, which costs a listener one more read. */
export function bothFeeds(from: ChangeFeed, to: ChangeFeed): ChangeFeed {
  return {
    async listen(listener) {
      const stopOld = await from.listen(listener)
      try {
        const stopNew = await to.listen(listener)
        return async () => {
          await Promise.all([stopOld(), stopNew()])
        }
      } catch (error) {
        await stopOld()
        throw error
      }
    },
  }
}
