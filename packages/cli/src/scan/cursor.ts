/** A parser of text that is given its input in chunks: it yields where a chunk ends, and continues with the next. */
export type Parser<T = void> = Generator<void, T, Buffer | null>

/** Bytes to stop at. A table, because it is looked up for every byte of the input. */
export type ByteSet = Uint8Array

export function byteSet(...characters: string[]): ByteSet {
  const set = new Uint8Array(256)
  for (const character of characters) set[character.charCodeAt(0)] = 1
  return set
}

const EMPTY = Buffer.alloc(0)

/** A parser's position in its input. */
export class Cursor {
  chunk: Buffer = EMPTY
  at = 0
  #isEnded = false
  /** Where the bytes begin that the watcher has not seen; -1 while they are none of its business. */
  #unseen = 0
  readonly #watcher: (bytes: Buffer) => void

  /** `watcher` sees every byte that is consumed, except between `hide` and `show`. */
  constructor(watcher: (bytes: Buffer) => void = () => {}) {
    this.#watcher = watcher
  }

  /** What follows is data that the parser understands. */
  hide(): void {
    if (this.#unseen >= 0 && this.at > this.#unseen) this.#watcher(this.chunk.subarray(this.#unseen, this.at))
    this.#unseen = -1
  }

  show(): void {
    if (this.#unseen < 0) this.#unseen = this.at
  }

  /** Is there a byte at `at`? Waits for the next chunk if necessary. */
  *hasMore(): Parser<boolean> {
    while (this.at >= this.chunk.length) {
      if (this.#unseen >= 0 && this.chunk.length > this.#unseen) this.#watcher(this.chunk.subarray(this.#unseen))
      if (this.#unseen > 0) this.#unseen = 0
      this.chunk = EMPTY
      this.at = 0
      if (this.#isEnded) return false
      const next: Buffer | null = yield
      if (next === null) this.#isEnded = true
      else this.chunk = next
    }
    return true
  }

  /** The byte at `at`, without consuming it; -1 at the end. */
  *peek(): Parser<number> {
    return (yield* this.hasMore()) ? (this.chunk[this.at] as number) : -1
  }

  *skipSpace(): Parser {
    while (yield* this.hasMore()) {
      if ((this.chunk[this.at] as number) > 0x20) return
      this.at++
    }
  }

  /** The same as `skipTo`, and shows what it consumes. */
  *readTo(stops: ByteSet, see: (bytes: Buffer) => void): Parser<number> {
    while (yield* this.hasMore()) {
      const { chunk, at: start } = this
      let at = start
      while (at < chunk.length && stops[chunk[at] as number] === 0) at++
      if (at > start) see(chunk.subarray(start, at))
      this.at = at
      if (at < chunk.length) return chunk[at] as number
    }
    return -1
  }

  /** Consumes everything before the first of these bytes, and returns that byte without consuming it; -1 at the end. */
  *skipTo(stops: ByteSet): Parser<number> {
    while (yield* this.hasMore()) {
      const { chunk } = this
      let at = this.at
      while (at < chunk.length && stops[chunk[at] as number] === 0) at++
      this.at = at
      if (at < chunk.length) return chunk[at] as number
    }
    return -1
  }
}

/** Runs a parser over chunks, to the end of what it reads. Rejects with what it throws. */
export async function parse(parser: Parser, chunks: AsyncIterable<Buffer>): Promise<void> {
  if (parser.next(null).done) return
  for await (const chunk of chunks) if (parser.next(chunk).done) return
  parser.next(null)
}
