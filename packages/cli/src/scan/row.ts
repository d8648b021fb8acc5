/** The first bytes of a value show what it is. The rest is not kept: a value may be as large as the whole dump. */
const HEAD = 1024
/** The last bytes of a value, where Django's signature is. */
const TAIL = 64

/** One value of a row: its length, its first bytes and its last bytes. Reused for the next row. */
export class Value {
  /** Of the whole value, including what was not kept or is stored elsewhere. */
  length = 0
  isNull = false
  /** Is the end of the value stored elsewhere? Then `tail` means nothing. */
  isTruncated = false
  readonly #head = Buffer.alloc(HEAD)
  readonly #tail = Buffer.alloc(16 * TAIL)
  #headLength = 0
  #tailLength = 0

  clear(): void {
    this.length = this.#headLength = this.#tailLength = 0
    this.isNull = this.isTruncated = false
  }

  append(from: Uint8Array, start: number, end: number): void {
    const rest = Math.min(end, start + HEAD - this.#headLength)
    if (rest > start) this.#head.set(from.subarray(start, rest), this.#headLength)
    this.#headLength += rest - start
    this.length += end - start
    if (rest < end) this.#appendToTail(from, rest, end)
  }

  byte(value: number): void {
    if (this.#headLength < HEAD) this.#head[this.#headLength++] = value
    else {
      this.#makeRoom(1)
      this.#tail[this.#tailLength++] = value
    }
    this.length++
  }

  #appendToTail(from: Uint8Array, start: number, end: number): void {
    const kept = Math.max(start, end - TAIL)
    this.#makeRoom(end - kept)
    this.#tail.set(from.subarray(kept, end), this.#tailLength)
    this.#tailLength += end - kept
  }

  #makeRoom(size: number): void {
    if (this.#tailLength + size <= this.#tail.length) return
    this.#tail.copyWithin(0, this.#tailLength - TAIL, this.#tailLength)
    this.#tailLength = TAIL
  }

  get head(): Buffer {
    return this.#head.subarray(0, this.#headLength)
  }

  /** The last 64 bytes, or all of a shorter value. */
  get tail(): Buffer {
    const beyond = this.#tail.subarray(Math.max(0, this.#tailLength - TAIL), this.#tailLength)
    return beyond.length === TAIL ? beyond : Buffer.concat([this.head.subarray(-TAIL), beyond]).subarray(-TAIL)
  }

  /** Replaces hexadecimal digits by the bytes that they encode. */
  unhex(skip: number): void {
    this.#replace(Buffer.from(this.head.toString('latin1', skip), 'hex'), (this.length - skip) >> 1)
  }

  /** Replaces base64 by the bytes that it encodes. */
  unbase64(): void {
    this.#replace(Buffer.from(this.head.toString('latin1'), 'base64'), Math.floor((this.length * 3) / 4))
  }

  #replace(bytes: Buffer, length: number): void {
    this.clear()
    this.append(bytes, 0, bytes.length)
    // Padding and line ends of base64 make a length that is a little too large.
    this.isTruncated = bytes.length >= HEAD / 2 - 1 && length > bytes.length
    this.length = this.isTruncated ? length : bytes.length
  }
}

/** More columns than MySQL and PostgreSQL have in a table, and than SQLite has as it is usually built. */
const COLUMNS = 4096

/** The values of one row, in order. Those beyond the most columns are read and discarded. */
export class Row {
  count = 0
  readonly #values: Value[] = []
  readonly #spare = new Value()

  clear(): void {
    this.count = 0
  }

  /** Were there values that nothing has looked at? */
  get isCut(): boolean {
    return this.count > COLUMNS
  }

  /** The next value of the row, empty, for the caller to fill. */
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
