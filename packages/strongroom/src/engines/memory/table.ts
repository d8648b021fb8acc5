import type { Id } from '../../crypto/token.ts'
import { idOf, type Moments, sizeOf } from './item.ts'
import { hashOf, Lists, listsFor } from './lists.ts'

/**
 * Entries in slots, which are whole numbers from 1 up: a slot is an index into arrays. An object and a place in a Map for each session
 * would take a fifth as much again as the session. An entry keeps its slot until it is removed; then another entry may get it.
 */
export class Table {
  /** Of an empty slot, and of 0, it is before any moment. */
  readonly expiresAt: Float64Array
  readonly #createdAt: Float64Array
  readonly #versions: Float64Array
  readonly #texts: string[] = ['']
  /** By hash of the id. */
  readonly #lists: Lists
  readonly #mask: number
  readonly #free: number[] = []
  #bytes = 0

  /** Allocates the arrays in full. The system gives memory to those parts of them that are used. */
  constructor(slots: number) {
    const lists = listsFor(slots)
    this.expiresAt = new Float64Array(slots + 1)
    this.expiresAt[0] = Number.NEGATIVE_INFINITY
    this.#createdAt = new Float64Array(slots + 1)
    this.#versions = new Float64Array(slots + 1)
    this.#lists = new Lists(lists, slots)
    this.#mask = lists - 1
  }

  /** How many entries there are. */
  get size(): number {
    return this.end - 1 - this.#free.length
  }

  /** What all entries take. */
  get bytes(): number {
    return this.#bytes
  }

  /** All slots that were ever used are before it. */
  get end(): number {
    return this.#texts.length
  }

  /** 0 if there is none. */
  find(id: Id): number {
    for (let slot = this.#lists.first(this.#listOf(id)); slot !== 0; slot = this.#lists.next(slot))
      if (idOf(this.text(slot)) === id) return slot
    return 0
  }

  /** Empty if the slot is. */
  text(slot: number): string {
    return this.#texts[slot] as string
  }

  version(slot: number): number {
    return this.#versions[slot] as number
  }

  moments(slot: number): Moments {
    return { createdAt: this.#createdAt[slot] as number, expiresAt: this.expiresAt[slot] as number }
  }

  /** Returns the entry's slot. There must be room for it, and nothing under its id. */
  add(text: string, moments: Moments, version: number): number {
    const slot = this.#free.pop() ?? this.end
    this.#texts[slot] = ''
    this.#lists.add(this.#listOf(idOf(text)), slot)
    this.#bytes += sizeOf('')
    this.set(slot, text, moments, version)
    return slot
  }

  /** Under the same id. */
  set(slot: number, text: string, { createdAt, expiresAt }: Moments, version: number): void {
    this.#bytes += text.length - this.text(slot).length
    this.#texts[slot] = text
    this.#createdAt[slot] = createdAt
    this.expiresAt[slot] = expiresAt
    this.#versions[slot] = version
  }

  remove(slot: number): void {
    const text = this.text(slot)
    this.#lists.remove(this.#listOf(idOf(text)), slot)
    this.#bytes -= sizeOf(text)
    this.#texts[slot] = ''
    this.expiresAt[slot] = Number.NEGATIVE_INFINITY
    this.#free.push(slot)
  }

  /** For good. */
  clear(): void {
    this.#texts.length = 0
    this.expiresAt.fill(Number.NEGATIVE_INFINITY)
  }

  #listOf(id: Id): number {
    return hashOf(id) & this.#mask
  }
}
