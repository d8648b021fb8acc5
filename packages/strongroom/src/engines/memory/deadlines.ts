/**
 * All slots by their deadlines, the earliest first: a binary heap in which each slot knows its place. So a full store finds what
 * has expired without looking at what has not.
 */
export class Deadlines {
  readonly #expiresAt: Float64Array
  readonly #heap: Int32Array
  /** Of each slot, where it is in the heap. */
  readonly #place: Int32Array
  #size = 0

  constructor(expiresAt: Float64Array) {
    this.#expiresAt = expiresAt
    this.#heap = new Int32Array(expiresAt.length)
    this.#place = new Int32Array(expiresAt.length)
  }

  /** 0 if there is none. */
  get first(): number {
    return this.#size === 0 ? 0 : this.#at(0)
  }

  add(slot: number): void {
    this.#put(slot, this.#size)
    this.#size += 1
    this.#rise(slot)
  }

  /** After its deadline has changed. */
  move(slot: number): void {
    this.#rise(slot)
    this.#sink(slot)
  }

  remove(slot: number): void {
    this.#size -= 1
    const last = this.#at(this.#size)
    if (last === slot) return
    this.#put(last, this.#place[slot] as number)
    this.move(last)
  }

  #rise(slot: number): void {
    for (let place = this.#place[slot] as number; place > 0; ) {
      const above = (place - 1) >> 1
      const parent = this.#at(above)
      if (this.#deadline(parent) <= this.#deadline(slot)) return
      this.#put(parent, place)
      this.#put(slot, above)
      place = above
    }
  }

  #sink(slot: number): void {
    for (let place = this.#place[slot] as number; ; ) {
      const below = this.#earlierBelow(place)
      const child = this.#at(below)
      if (below >= this.#size || this.#deadline(slot) <= this.#deadline(child)) return
      this.#put(child, place)
      this.#put(slot, below)
      place = below
    }
  }

  /** The place of the child that expires first. */
  #earlierBelow(place: number): number {
    const [left, right] = [2 * place + 1, 2 * place + 2]
    return right < this.#size && this.#deadline(this.#at(right)) < this.#deadline(this.#at(left)) ? right : left
  }

  #at(place: number): number {
    return this.#heap[place] as number
  }

  #deadline(slot: number): number {
    return this.#expiresAt[slot] as number
  }

  #put(slot: number, place: number): void {
    this.#place[slot] = place
    this.#heap[place] = slot
  }
}
