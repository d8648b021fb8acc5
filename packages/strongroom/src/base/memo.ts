/**
 * A bounded memory of things that are dear to compute: two generations of a Map, of which the older is dropped when the
 * younger is full. What is asked often is soon put again, at the price of one Map look-up; nothing decides by it, it only saves
 * work.
 */
export class Memo<V> {
  #young = new Map<string, V>()
  #old = new Map<string, V>()
  #weight = 0
  readonly #half: number

  /** At most `limit` in sum of the weights that `set` is told; 0 remembers nothing. */
  constructor(limit: number) {
    this.#half = limit / 2
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    return this.#old.get(key)
  }

  set(key: string, value: V, weight: number): void {
    if (weight > this.#half) {
      // What was known of it before is no longer so.
      this.delete(key)
      return
    }
    if (this.#weight + weight > this.#half) {
      this.#old = this.#young
      this.#young = new Map()
      this.#weight = 0
    }
    this.#young.set(key, value)
    this.#weight += weight
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
