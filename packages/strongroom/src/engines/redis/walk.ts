import type { Id } from '../../crypto/token.ts'
import type { Clock, Listing } from '../../store.ts'
import type { Found, Keys } from './keys.ts'
import type { Link } from './link.ts'
import { look } from './look.ts'
import type { Owners } from './owners.ts'
import { decodeHead } from './record.ts'
import { PURGE, TRIM } from './scripts.ts'

/** How many keys one step of SCAN looks at, and how many commands are sent at once: other traffic waits no longer than that. */
const STEP = 200
/** Of how many ids it is remembered that they have come up. */
const REMEMBERED = 50_000

/** Goes through all keys of all masters. */
export class Walk {
  readonly #link: Link
  readonly #keys: Keys
  readonly #clock: Clock

  constructor(link: Link, keys: Keys, clock: Clock) {
    this.#link = link
    this.#keys = keys
    this.#clock = clock
  }

  async *listings(page: number, signal: AbortSignal | undefined): AsyncGenerator<Listing[]> {
    const isNew = memory()
    const found: Listing[] = []
    for await (const names of this.#pages()) {
      if (signal?.aborted) return
      const ids = names.flatMap((name) => ('id' in name && isNew(name.id) ? [name.id] : []))
      const looked = await Promise.all(ids.map((id) => look(this.#link, this.#keys, id)))
      found.push(...looked.filter((listing) => listing !== null))
      while (found.length >= page) {
        yield* this.#live(found.splice(0, page))
        if (signal?.aborted) return
      }
    }
    yield* this.#live(found)
  }

  /** Yields how many sessions, and ids in indexes, it has removed at each step. */
  async *clearing(batch: number, owners: Owners, dryRun: boolean): AsyncGenerator<number> {
    const now = this.#clock()
    const step = Math.min(batch, STEP)
    const only = dryRun ? '1' : ''
    for await (const names of this.#pages()) {
      const ids = names.flatMap((name) => ('id' in name ? [name.id] : []))
      for (let at = 0; at < ids.length; at += step) {
        const purged = await Promise.all(ids.slice(at, at + step).map((id) => this.#purge(id, owners, [now, only])))
        yield purged.filter(Boolean).length
      }
      for (const name of names) if ('owner' in name) yield* this.#trim(name.owner, [now, batch, only])
    }
  }

  async #purge(id: Id, owners: Owners, args: readonly [now: number, only: string]): Promise<boolean> {
    const head = decodeHead(await this.#link.run(PURGE, [this.#keys.session(id)], args))
    if (head && args[1] === '') await owners.forget(id, head)
    return head !== null
  }

  async *#trim(owner: string, args: readonly [now: number, batch: number, only: string]): AsyncGenerator<number> {
    for (;;) {
      const removed = (await this.#link.run(TRIM, [this.#keys.index(owner)], args)) as number
      yield removed
      if (args[2] !== '' || removed < args[1]) return
    }
  }

  *#live(listings: Listing[]): Generator<Listing[]> {
    const live = listings.filter(({ expiresAt }) => expiresAt > this.#clock())
    if (live.length > 0) yield live
  }

  async *#pages(): AsyncGenerator<Found[]> {
    const before = await this.#link.ask(async ({ keyPrefix }) => keyPrefix)
    for (const node of await this.#link.ask((driver) => driver.masters())) {
      let cursor = '0'
      do {
        const [next, keys] = await this.#link.ask(() => node.scan(cursor, this.#keys.pattern(before), STEP))
        cursor = next
        yield keys.flatMap((key) => this.#keys.parse(key, before) ?? [])
      } while (cursor !== '0')
    }
  }
}

/**
 * SCAN shows a key again when Redis resizes its table meanwhile, soon after the first time: it is enough to remember the
 * latest ones. (In a cluster, a slot that moves during the walk may bring its keys again much later.)
 */
function memory(): (id: Id) => boolean {
  let [young, old] = [new Set<Id>(), new Set<Id>()]
  return (id) => {
    if (young.has(id) || old.has(id)) return false
    if (young.size >= REMEMBERED) [young, old] = [new Set(), young]
    young.add(id)
    return true
  }
}
