import type { Id } from '../../crypto/token.ts'
import type { ClearOptions, Clock, Entry, Store, Version } from '../../store.ts'
import { type Copy, decode, encode, isTombstone, TOMBSTONE } from './copy.ts'
import type { Patience } from './patience.ts'

/** What lay in the cache for an id, and under which of the cache's own versions; null where nothing lay. */
export type Seen = { readonly copy: Copy | null; readonly buried: boolean; readonly version: Version } | null

/** Nobody who takes longer than this between looking and putting may put into a place that was empty. */
export const WINDOW = 2000
/** A tombstone, and a copy too, holds its place for longer than that, or it would miss whom it is there for. */
const HOLD = 2 * WINDOW + 1000

const ATTEMPTS = 10

/**
 * The places of ids in the cache. One rule keeps an older copy from replacing a newer one: whoever puts something has looked
 * before asking the durable store, and puts it only where nothing has changed since that look. The cache's own versions
 * tell, and they are different at each change; an empty place has none, so it is left with a tombstone instead.
 */
export class Places {
  readonly #cache: Store
  readonly #patience: Patience
  readonly #clock: Clock
  readonly #maxAge: number

  constructor(cache: Store, patience: Patience, { clock, maxAge }: { clock: Clock; maxAge: number }) {
    this.#cache = cache
    this.#patience = patience
    this.#clock = clock
    this.#maxAge = maxAge
  }

  /** Undefined when the cache could not be asked. */
  look(id: Id): Promise<Seen | undefined> {
    return this.#patience.ask(() => this.#cache.read(id), toSeen)
  }

  /** At once, where the cache lies in this process; undefined otherwise, and when it fails: whoever looks then tells of it. */
  lookSync(id: Id): Seen | undefined {
    try {
      const found = this.#cache.readSync?.(id)
      return found === undefined ? undefined : toSeen(found)
    } catch {
      return undefined
    }
  }

  /** Puts a copy in the place of what was seen. False when something else is there by now; undefined when nobody knows. */
  put(id: Id, seen: Seen, copy: Copy): Promise<boolean | undefined> {
    const bytes = encode(copy)
    const limit = this.#cache.traits.sizeLimit
    if (limit !== null && bytes.length > limit) return this.#swap(id, seen, this.#entry(TOMBSTONE, HOLD))
    return this.#swap(id, seen, this.#entry(bytes, Math.max(this.#maxAge, HOLD)))
  }

  /** Leaves a tombstone that is younger than this call. False when that could not be done. */
  async bury(id: Id): Promise<boolean> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const seen = await this.look(id)
      if (seen === undefined) return false
      // Somebody else's, and new: it was not there at the first look.
      if (attempt > 1 && seen?.buried) return true
      const done = await this.#swap(id, seen, this.#entry(TOMBSTONE, HOLD))
      if (done !== false) return done === true
    }
    return false
  }

  /** Removes what the cache has not dropped by itself. */
  clear({ batch, signal }: ClearOptions): Promise<void> {
    return this.#patience.sweep(() => this.#cache.clearExpired({ batch, signal }))
  }

  #swap(id: Id, seen: Seen, entry: Entry): Promise<boolean | undefined> {
    if (seen === null)
      return this.#patience.ask(
        () => this.#cache.create(id, entry),
        (done) => done,
      )
    return this.#patience.ask(
      () => this.#cache.update(id, entry, seen.version),
      (version) => version !== null,
    )
  }

  #entry(bytes: Uint8Array, hold: number): Entry {
    const now = this.#clock()
    return { bytes, expiresAt: now + hold, owner: null, label: null, createdAt: now }
  }
}

function toSeen(found: Awaited<ReturnType<Store['read']>>): Seen {
  if (!found) return null
  const { bytes } = found.entry
  return { copy: decode(bytes), buried: isTombstone(bytes), version: found.version }
}
