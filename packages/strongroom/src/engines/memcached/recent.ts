import type { Id } from '../../crypto/token.ts'

/** What is known of a record without asking again: as long as its CAS is this one, all of it is true. */
export interface Known {
  readonly cas: string
  readonly version: number | string
  readonly expiresAt: number
  /** The connection that told: a server that was restarted counts its CAS from the beginning. */
  readonly line: number
}

const HALF = 5000

/** Of the records that were read or written lately, 10 000 at most: two generations, of which the older makes room. */
export class Recent {
  #young = new Map<Id, Known>()
  #old = new Map<Id, Known>()

  get(id: Id): Known | undefined {
    return this.#young.get(id) ?? this.#old.get(id)
  }

  set(id: Id, known: Known): void {
    if (this.#young.size >= HALF) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(id, known)
  }

  delete(id: Id): void {
    this.#young.delete(id)
    this.#old.delete(id)
  }
}
