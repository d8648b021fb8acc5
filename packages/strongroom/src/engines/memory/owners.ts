import { hashOf, Lists, listsFor } from './lists.ts'

/** Which slots an owner has. Owners whose hashes are equal share a list, so the caller looks at whose each slot is. */
export class Owners {
  readonly #lists: Lists
  readonly #mask: number

  constructor(slots: number) {
    const lists = listsFor(slots)
    this.#lists = new Lists(lists, slots)
    this.#mask = lists - 1
  }

  add(owner: string | null, slot: number): void {
    if (owner !== null) this.#lists.add(this.#listOf(owner), slot)
  }

  remove(owner: string | null, slot: number): void {
    if (owner !== null) this.#lists.remove(this.#listOf(owner), slot)
  }

  /** As they are now: the index may change while the caller goes through them, and others may be added for ever. */
  of(owner: string): number[] {
    const slots: number[] = []
    const lists = this.#lists
    for (let slot = lists.first(this.#listOf(owner)); slot !== 0; slot = lists.next(slot)) slots.push(slot)
    return slots
  }

  #listOf(owner: string): number {
    return hashOf(owner) & this.#mask
  }
}
