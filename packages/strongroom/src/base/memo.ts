/**
 * A bounded cache of values that are expensive to compute: two generations of a Map, of which the older is dropped when the
 * younger is full. A value that is needed often is soon set again. It only saves work; nothing depends on what it holds.
 */
export class Memo<V> {
  #young = new Map<string, V>()
  #old = new Map<string, V>()
  #weight = 0
  readonly #half: number

  /** The weights of all values, as passed to `set`, add up to at most `limit`; 0 remembers nothing. */
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
      // The value from before is outdated.
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

  /** Looks at every value. */
  deleteWhere(matches: (value: V, key: string) => boolean): void {
    for (const values of [this.#young, this.#old])
      for (const [key, value] of values) if (matches(value, key)) values.delete(key)
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
