/** A file cannot be read, or not to its end. The message follows the name of the file: "it ends …". */
export class UnreadableError extends Error {}

/** Nothing of a file was read: it is not there, or a directory. */
export class UnopenedError extends Error {}

export const truncated = (where: string) => new UnreadableError(`it ends in the middle of ${where}: is it cut off?`)

/** Reads bytes in order. Holds no more than what was asked for and the last chunk. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>
  #buffer: Buffer = Buffer.alloc(0)
  #isEnded = false
  #watcher: (bytes: Buffer) => void = () => {}

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** `watcher` sees every byte that is not consumed yet. */
  watch(watcher: (bytes: Buffer) => void): void {
    this.#watcher = watcher
    watcher(this.#buffer)
  }

  /** Puts bytes back that were consumed too many. */
  unread(bytes: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([bytes, this.#buffer])
  }

  /** The next bytes, without consuming them; fewer at the end. */
  async peek(size: number): Promise<Buffer> {
    if (this.#buffer.length < size && !this.#isEnded) await this.#fill(size)
    return this.#buffer.subarray(0, size)
  }

  async #fill(size: number): Promise<void> {
    const parts = [this.#buffer]
    let length = this.#buffer.length
    while (length < size && !this.#isEnded) {
      const { done, value } = await this.#chunks.next()
      if (done) this.#isEnded = true
      else {
        this.#watcher(value)
        // A copy, because a slice of one byte keeps the large buffer that it was cut from.
        parts.push(Buffer.from(value))
        length += value.length
      }
    }
    this.#buffer = Buffer.concat(parts, length)
  }

  /** Exactly this many bytes. */
  async take(size: number, where: string): Promise<Buffer> {
    const bytes = this.#buffer.length >= size ? this.#buffer.subarray(0, size) : await this.peek(size)
    if (bytes.length < size) throw truncated(where)
    this.#buffer = this.#buffer.subarray(size)
    return bytes
  }

  async isAtEnd(): Promise<boolean> {
    return (await this.peek(1)).length === 0
  }

  /** This many bytes, in chunks. */
  async *chunks(size: number, where: string): AsyncGenerator<Buffer> {
    for (let left = size; left > 0; ) {
      if (this.#buffer.length === 0 && (await this.isAtEnd())) throw truncated(where)
      const part = this.#buffer.subarray(0, left)
      this.#buffer = this.#buffer.subarray(part.length)
      left -= part.length
      yield part
    }
  }

  async skip(size: number, where: string): Promise<void> {
    for await (const _ of this.chunks(size, where));
  }

  /** Everything that is left, in chunks. */
  async *rest(): AsyncGenerator<Buffer> {
    while (!(await this.isAtEnd())) {
      const part = this.#buffer
      this.#buffer = Buffer.alloc(0)
      yield part
    }
  }
}
