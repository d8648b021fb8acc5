/** A parser of text that takes its input in chunks: it stops where a chunk ends, and goes on with the next. */
export type Parsing<T = void> = Generator<void, T, Buffer | null>

/** Bytes to stop at: a table, for it is asked about every byte. */
export type Stops = Uint8Array

export function stopAt(...characters: string[]): Stops {
  const stops = new Uint8Array(256)
  for (const character of characters) stops[character.charCodeAt(0)] = 1
  return stops
}

/** Where a parser is in its input. */
export class Feed {
  chunk: Buffer = Buffer.alloc(0)
  at = 0
  #isEnded = false;

  /** Is there a byte at `at`? Waits for the next chunk if it must. */
  *more(): Parsing<boolean> {
    while (this.at >= this.chunk.length) {
      if (this.#isEnded) return false
      const next: Buffer | null = yield
      if (next === null) this.#isEnded = true
      else {
        this.chunk = next
        this.at = 0
      }
    }
    return true
  }

  /** The byte at `at`, not taken; -1 at the end. */
  *peek(): Parsing<number> {
    return (yield* this.more()) ? (this.chunk[this.at] as number) : -1
  }

  *skipSpace(): Parsing {
    while (yield* this.more()) {
      if ((this.chunk[this.at] as number) > 0x20) return
      this.at++
    }
  }

  /** Takes all up to one of these bytes, which it answers and leaves; -1 at the end. */
  *skipTo(stops: Stops): Parsing<number> {
    while (yield* this.more()) {
      const { chunk } = this
      let at = this.at
      while (at < chunk.length && stops[chunk[at] as number] === 0) at++
      this.at = at
      if (at < chunk.length) return chunk[at] as number
    }
    return -1
  }
}

/** Runs a parser over chunks. Throws what it throws. */
export async function parse(make: (feed: Feed) => Parsing, chunks: AsyncIterable<Buffer>): Promise<void> {
  const parser = make(new Feed())
  if (parser.next(null).done) return
  for await (const chunk of chunks) if (parser.next(chunk).done) return
  parser.next(null)
}
