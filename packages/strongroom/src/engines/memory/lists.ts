/**
 * Doubly linked lists of slots, which are whole numbers from 1 up. Their links are in typed arrays: an object for each session, with
 * its links as fields, would cost several times as much. A slot is in one of the lists at most, and a list is known by its number.
 */
export class Lists {
  /** Of each list; 0 in an empty one. */
  readonly #first: Int32Array
  /** Of each slot; 0 after the last. */
  readonly #next: Int32Array
  /** Of each slot. Before the first comes the last, so that no array is needed for the ends. */
  readonly #previous: Int32Array

  constructor(lists: number, slots: number) {
    this.#first = new Int32Array(lists)
    this.#next = new Int32Array(slots + 1)
    this.#previous = new Int32Array(slots + 1)
  }

  first(list: number): number {
    return this.#first[list] as number
  }

  last(list: number): number {
    return this.#previous[this.first(list)] as number
  }

  next(slot: number): number {
    return this.#next[slot] as number
  }

  /** As the first. */
  add(list: number, slot: number): void {
    const first = this.first(list)
    this.#next[slot] = first
    this.#previous[slot] = first === 0 ? slot : (this.#previous[first] as number)
    if (first !== 0) this.#previous[first] = slot
    this.#first[list] = slot
  }

  remove(list: number, slot: number): void {
    const next = this.next(slot)
    const previous = this.#previous[slot] as number
    if (slot === this.first(list)) this.#first[list] = next
    else this.#next[previous] = next
    const after = next === 0 ? this.first(list) : next
    if (after !== 0) this.#previous[after] = previous
  }
}

/** How many lists give most slots a list of their own; a power of two, so that a mask makes a list's number of a hash. */
export const listsFor = (slots: number): number => 2 ** Math.ceil(Math.log2(slots))

/**
 * Of an id or an owner tag: 64 hex characters. Their beginning is random. The end, which is the same for all sessions of an
 * application, is for ids that were made up by counting: in one list, each would be searched for among all others.
 */
export function hashOf(hex: string): number {
  let hash = 0
  for (let at = 0; at < 8; at++) hash = Math.imul(hash ^ hex.charCodeAt(at), PRIME)
  for (let at = 56; at < 64; at++) hash = Math.imul(hash ^ hex.charCodeAt(at), PRIME)
  return hash ^ (hash >>> 15)
}

/** Of FNV-1a, for 32 bits. */
const PRIME = 16_777_619
