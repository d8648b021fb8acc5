/**
 * A bounded cache of values that are expensive to compute: two generations of a Map, of which the older is dropped when the
 * younger is full. A value that is needed often is soon set again. It only saves work; nothing depends on what it holds.
 */
export class Memo<V> {
  /** A key is in one of them at most. */
  #young = new Map<string, Weighed<V>>()
  #old = new Map<string, Weighed<V>>()
  /** Of all that is in `#young`. What was young weighs no more when it is old. */
  #weight = 0
  readonly #half: number

  /** The weights of all values, as passed to `set`, add up to at most `limit`; 0 remembers nothing. */
  constructor(limit: number) {
    this.#half = limit / 2
  }

  get(key: string): V | undefined {
    return (this.#young.get(key) ?? this.#old.get(key))?.value
  }

  /** Replaces what the key had, which counts no longer: otherwise a few busy keys would push all others out. */
  set(key: string, value: V, weight: number): void {
    const before = this.#young.get(key)
    if (before && this.#weight - before.weight + weight <= this.#half) {
      // In place: a Map from which keys are deleted as fast as they are added is rehashed again and again.
      this.#weight += weight - before.weight
      before.value = value
      before.weight = weight
      return
    }
    this.delete(key)
    if (weight > this.#half) return
    if (this.#weight + weight > this.#half) {
      this.#old = this.#young
      this.#young = new Map()
      this.#weight = 0
    }
    this.#young.set(key, { value, weight })
    this.#weight += weight
  }

  /** Looks at every value. */
  deleteWhere(matches: (value: V, key: string) => boolean): void {
    for (const values of [this.#young, this.#old])
      for (const [key, { value }] of values) if (matches(value, key)) this.delete(key)
  }

  delete(key: string): void {
    this.#weight -= this.#young.get(key)?.weight ?? 0
    if (!this.#young.delete(key)) this.#old.delete(key)
  }
}

interface Weighed<V> {
  value: V
  weight: number
}
