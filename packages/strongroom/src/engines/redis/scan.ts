import { Memo } from '../../base/memo.ts'
import type { Id } from '../../crypto/token.ts'
import type { Clock, Listing } from '../../store.ts'
import type { RedisConnection } from './connection.ts'
import type { Keys, ParsedKey } from './format.ts'
import { headsOf, inBatch, type OwnerSets, readListings } from './owners.ts'
import { INDEX_TRIM, PURGE } from './scripts.ts'

/** How many keys one step of SCAN covers, and one run of a script: other clients never wait longer than that. */
const STEP = 200
/** How many of the ids seen so far are remembered: the latest, at least half of this. */
const REMEMBERED = 100_000

/** Goes through all keys of all masters. */
export class KeyScan {
  readonly #connection: RedisConnection
  readonly #keys: Keys
  readonly #clock: Clock

  constructor(connection: RedisConnection, keys: Keys, clock: Clock) {
    this.#connection = connection
    this.#keys = keys
    this.#clock = clock
  }

  async *listings(page: number, signal: AbortSignal | undefined): AsyncGenerator<Listing[]> {
    const isNew = firstTimeOnly()
    const found: Listing[] = []
    for await (const keys of this.#pages()) {
      if (signal?.aborted) return
      const ids = keys.flatMap((key) => ('id' in key && isNew(key.id) ? [key.id] : []))
      found.push(...(await readListings(this.#connection, this.#keys, ids)))
      while (found.length >= page) {
        yield* this.#live(found.splice(0, page))
        if (signal?.aborted) return
      }
    }
    yield* this.#live(found)
  }

  /** Yields, for each step, how many sessions and ids in indexes it has removed. */
  async *clearing(batch: number, owners: OwnerSets, dryRun: boolean): AsyncGenerator<number> {
    const now = this.#clock()
    const step = Math.min(batch, STEP)
    const dry = dryRun ? '1' : ''
    for await (const keys of this.#pages()) {
      const ids = keys.flatMap((key) => ('id' in key ? [key.id] : []))
      for (let at = 0; at < ids.length; at += step) yield this.#purge(ids.slice(at, at + step), owners, [now, dry])
      const indexes = keys.flatMap((key) => ('owner' in key ? [this.#keys.index(key.owner)] : []))
      yield* this.#trim(indexes, [now, batch, dry])
    }
  }

  async #purge(ids: readonly Id[], owners: OwnerSets, args: readonly [now: number, dry: string]): Promise<number> {
    const replies = await inBatch(this.#connection, ids, async (some) => {
      const sessions = some.map((id) => this.#keys.session(id))
      return (await this.#connection.run(PURGE, sessions, args)) as readonly unknown[]
    })
    const expired = headsOf(ids, replies)
    if (args[1] === '') await owners.remove(expired)
    return expired.length
  }

  async *#trim(
    indexes: readonly string[],
    args: readonly [now: number, batch: number, dry: string],
  ): AsyncGenerator<number> {
    for (let left = indexes; left.length > 0; ) {
      // In a cluster one by one: they are on many servers, and in parallel each of them would remove a whole batch in this step.
      const some = this.#connection.isOneServer ? left : left.slice(0, 1)
      const [removed, done] = (await this.#connection.run(INDEX_TRIM, some, args)) as [removed: number, done: number]
      yield removed
      left = left.slice(done)
    }
  }

  *#live(listings: Listing[]): Generator<Listing[]> {
    const live = listings.filter(({ expiresAt }) => expiresAt > this.#clock())
    if (live.length > 0) yield live
  }

  async *#pages(): AsyncGenerator<ParsedKey[]> {
    const clientPrefix = await this.#connection.use(async ({ keyPrefix }) => keyPrefix)
    const pattern = this.#keys.pattern(clientPrefix)
    for (const node of await this.#connection.use((driver) => driver.masters())) {
      let cursor = '0'
      do {
        const [next, keys] = await this.#connection.use(() => node.scan(cursor, pattern, STEP))
        cursor = next
        yield keys.flatMap((key) => this.#keys.parse(key, clientPrefix) ?? [])
      } while (cursor !== '0')
    }
  }
}

/**
 * Tells whether an id is seen for the first time. When Redis resizes its table during a scan, SCAN returns a key a second time,
 * soon after the first: remembering the latest ids is enough. (In a cluster, a slot that moves during the scan may return its
 * keys much later.)
 */
function firstTimeOnly(): (id: Id) => boolean {
  const seen = new Memo<true>(REMEMBERED)
  return (id) => {
    if (seen.get(id)) return false
    seen.set(id, true, 1)
    return true
  }
}
