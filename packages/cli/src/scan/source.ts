/** What a file turned out to be, when that cannot be read. The message follows the file's name: "it ends …". */
export class Unreadable extends Error {}

export const cutOff = (where: string) => new Unreadable(`it ends in the middle of ${where}: is it cut off?`)

/** Bytes in order, of which never more is held than what was asked for, and the last chunk. */
export class Source {
  readonly #chunks: AsyncIterator<Buffer>
  #buffer: Buffer = Buffer.alloc(0)
  #isEnded = false

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** The next bytes without taking them; fewer at the end. */
  async peek(size: number): Promise<Buffer> {
    const parts = [this.#buffer]
    let length = this.#buffer.length
    while (length < size && !this.#isEnded) {
      const { done, value } = await this.#chunks.next()
      if (done) this.#isEnded = true
      else {
        parts.push(value)
        length += value.length
      }
    }
    if (parts.length > 1) this.#buffer = Buffer.concat(parts, length)
    return this.#buffer.subarray(0, size)
  }

  /** Exactly so many bytes. */
  async take(size: number, where: string): Promise<Buffer> {
    const bytes = this.#buffer.length >= size ? this.#buffer.subarray(0, size) : await this.peek(size)
    if (bytes.length < size) throw cutOff(where)
    this.#buffer = this.#buffer.subarray(size)
    return bytes
  }

  async isAtEnd(): Promise<boolean> {
    return (await this.peek(1)).length === 0
  }

  /** So many bytes, as they come. */
  async *next(size: number, where: string): AsyncGenerator<Buffer> {
    for (let left = size; left > 0; ) {
      if (this.#buffer.length === 0 && (await this.isAtEnd())) throw cutOff(where)
      const part = this.#buffer.subarray(0, left)
      this.#buffer = this.#buffer.subarray(part.length)
      left -= part.length
      yield part
    }
  }

  async skip(size: number, where: string): Promise<void> {
    for await (const _ of this.next(size, where));
  }

  async *rest(): AsyncGenerator<Buffer> {
    while (!(await this.isAtEnd())) {
      const part = this.#buffer
      this.#buffer = Buffer.alloc(0)
      yield part
    }
  }
}
