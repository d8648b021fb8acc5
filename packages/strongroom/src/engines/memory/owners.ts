import type { Id } from '../../crypto/token.ts'

/**
 * Which ids an owner has. Most people have one session and a Set costs some 200 bytes, so a single id is stored without
 * one.
 */
export class Owners {
  readonly #ids = new Map<string, Id | Set<Id>>()

  add(owner: string | null, id: Id): void {
    if (owner === null) return
    const known = this.#ids.get(owner)
    if (known === undefined) this.#ids.set(owner, id)
    else if (typeof known === 'object') known.add(id)
    else if (known !== id) this.#ids.set(owner, new Set([known, id]))
  }

  remove(owner: string | null, id: Id): void {
    if (owner === null) return
    const known = this.#ids.get(owner)
    if (typeof known === 'object') known.delete(id)
    if (known === id || (typeof known === 'object' && known.size === 0)) this.#ids.delete(owner)
  }

  /**
   * The index may change while the caller goes through it: an id that is removed is passed over. It ends after as many ids as there
   * were at the beginning, because others may be added for ever.
   */
  *of(owner: string): Generator<Id, undefined> {
    const known = this.#ids.get(owner)
    if (typeof known === 'string') yield known
    if (typeof known !== 'object') return
    let left = known.size
    for (const id of known) {
      if (left === 0) return
      left -= 1
      yield id
    }
  }

  clear(): void {
    this.#ids.clear()
  }
}
