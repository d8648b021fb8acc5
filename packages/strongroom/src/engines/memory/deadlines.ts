import type { Item } from './item.ts'

/**
 * All items by their deadlines, the earliest first: a binary heap in which each item knows its place. So a full store finds what
 * has expired without looking at what has not.
 */
export class Deadlines {
  readonly #heap: Item[] = []

  get first(): Item | undefined {
    return this.#heap[0]
  }

  add(item: Item): void {
    item.place = this.#heap.length
    this.#heap.push(item)
    this.#rise(item)
  }

  /** After its deadline has changed. */
  move(item: Item): void {
    this.#rise(item)
    this.#sink(item)
  }

  replace(old: Item, item: Item): void {
    this.#put(item, old.place)
    this.move(item)
  }

  remove(item: Item): void {
    const last = this.#heap.pop()
    if (last && last !== item) this.replace(item, last)
  }

  clear(): void {
    this.#heap.length = 0
  }

  #rise(item: Item): void {
    while (item.place > 0) {
      const parent = this.#heap[(item.place - 1) >> 1] as Item
      if (parent.expiresAt <= item.expiresAt) return
      this.#swap(parent, item)
    }
  }

  #sink(item: Item): void {
    for (;;) {
      const [left, right] = [this.#heap[2 * item.place + 1], this.#heap[2 * item.place + 2]]
      const child = left && right && right.expiresAt < left.expiresAt ? right : left
      if (!child || item.expiresAt <= child.expiresAt) return
      this.#swap(item, child)
    }
  }

  #swap(parent: Item, child: Item): void {
    const { place } = parent
    this.#put(parent, child.place)
    this.#put(child, place)
  }

  #put(item: Item, place: number): void {
    item.place = place
    this.#heap[place] = item
  }
}
