import type { Listing, OwnerIndex } from '../../store.ts'
import type { Doubts } from './doubts.ts'
import type { Places } from './places.ts'

/** Ms that a revocation may spend on the cache. */
const BURIAL = 1000
const AT_ONCE = 32

interface Around {
  readonly doubts: Doubts
  readonly places: Places
  /** Throws when the store was closed. */
  open(): void
}

/** A user's sessions, as the durable store has them; what was ended together is dropped from the cache. */
export function ownedThrough(owned: OwnerIndex, { doubts, places, open }: Around): OwnerIndex {
  /** A user's sessions are few. Of more than a slow cache can drop in a second the rest is left to `maxAge`. */
  async function buryAll(ended: readonly Listing[]): Promise<void> {
    for (const { id } of ended) doubts.raise(id)
    const began = performance.now()
    for (let at = 0; at < ended.length && performance.now() - began < BURIAL; at += AT_ONCE)
      await Promise.all(ended.slice(at, at + AT_ONCE).map(({ id }) => places.bury(id)))
  }

  return {
    async list(owner) {
      open()
      return owned.list(owner)
    },
    async deleteAll(owner, except) {
      open()
      const ending = (await owned.list(owner)).filter(({ id }) => id !== except)
      try {
        return await owned.deleteAll(owner, except)
      } finally {
        // By their owner, too: one that came after the list was ended with the others.
        doubts.raise(owner)
        await buryAll(ending)
      }
    },
  }
}
