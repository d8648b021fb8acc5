/** The first bytes of a value, which tell what it is; more is not kept, for a value may be as large as the dump. */
const HEAD = 1024
/** The last bytes, where a signature stands. */
const TAIL = 64

/** One value of a row: its length, its first and its last bytes. Reused for the next row. */
export class Value {
  /** Of the whole value, of which less may be kept, or be here at all. */
  length = 0
  isNull = false
  /** Is the end of it elsewhere? Then `tail` says nothing. */
  isCut = false
  readonly #head = Buffer.alloc(HEAD)
  readonly #tail = Buffer.alloc(16 * TAIL)
  #kept = 0
  #ends = 0

  clear(): void {
    this.length = this.#kept = this.#ends = 0
    this.isNull = this.isCut = false
  }

  append(from: Uint8Array, start: number, end: number): void {
    const rest = Math.min(end, start + HEAD - this.#kept)
    if (rest > start) this.#head.set(from.subarray(start, rest), this.#kept)
    this.#kept += rest - start
    this.length += end - start
    if (rest < end) this.#keepEnd(from, rest, end)
  }

  byte(value: number): void {
    if (this.#kept < HEAD) this.#head[this.#kept++] = value
    else {
      this.#makeRoom(1)
      this.#tail[this.#ends++] = value
    }
    this.length++
  }

  #keepEnd(from: Uint8Array, start: number, end: number): void {
    const kept = Math.max(start, end - TAIL)
    this.#makeRoom(end - kept)
    this.#tail.set(from.subarray(kept, end), this.#ends)
    this.#ends += end - kept
  }

  #makeRoom(size: number): void {
    if (this.#ends + size <= this.#tail.length) return
    this.#tail.copyWithin(0, this.#ends - TAIL, this.#ends)
    this.#ends = TAIL
  }

  get head(): Buffer {
    return this.#head.subarray(0, this.#kept)
  }

  /** The last bytes, as many as are known. */
  get tail(): Buffer {
    const beyond = this.#tail.subarray(Math.max(0, this.#ends - TAIL), this.#ends)
    return beyond.length === TAIL ? beyond : Buffer.concat([this.head.subarray(-TAIL), beyond]).subarray(-TAIL)
  }

  /** Text of hexadecimal digits becomes the bytes that it stands for. */
  unhex(skip: number): void {
    const bytes = Buffer.from(this.head.toString('latin1', skip), 'hex')
    const length = (this.length - skip) >> 1
    this.clear()
    this.append(bytes, 0, bytes.length)
    this.isCut = length > bytes.length
    this.length = length
  }
}

/** More columns than any table of sessions has. */
const COLUMNS = 32

/** The values of one row, in order. Those beyond the first 32 are read and forgotten. */
export class Row {
  count = 0
  readonly #values: Value[] = []
  readonly #spare = new Value()

  clear(): void {
    this.count = 0
  }

  /** The next value of the row, empty, to be filled. */
  next(): Value {
    const value = this.count < COLUMNS ? (this.#values[this.count] ?? new Value()) : this.#spare
    if (this.count < COLUMNS) this.#values[this.count] = value
    this.count++
    value.clear()
    return value
  }

  at(index: number): Value | undefined {
    return index < this.count ? this.#values[index] : undefined
  }

  *values(): Generator<Value> {
    for (let i = 0; i < this.count && i < COLUMNS; i++) yield this.#values[i] as Value
  }
}
