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
 * One listing for each session of an owner. The old store first: a session that is moved in between is then in both lists, and
 * never in neither. What is in the new store already, as a session or as a tombstone, is left to its list.
 */
export async function* listBoth(
  [old, current]: readonly [AsyncIterable<readonly Listing[]>, AsyncIterable<readonly Listing[]>],
  assertOpen: () => void,
  readNew: (id: Id) => Promise<Located | null>,
): AsyncGenerator<readonly Listing[]> {
  const listed = new Set<Id>()
  assertOpen()
  for await (const page of old) {
    const there = await Promise.all(page.map(({ id }) => readNew(id)))
    const left = page.filter((_, index) => !there[index])
    for (const { id } of left) listed.add(id)
    assertOpen()
    if (left.length > 0) yield left
  }
  for await (const page of current) {
    const others = page.filter((listing) => !listed.has(listing.id) && !isTombstone(listing))
    assertOpen()
    if (others.length > 0) yield others
  }
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
