import { EventReader } from './binlog-events.ts'
import { Cursor, type Parser } from './cursor.ts'
import { truncated, UnreadableError } from './reader.ts'
import type { Tally } from './tally.ts'

const QUOTE = 0x27
/** For each byte, the six bits that it encodes; or that it is padding, nothing, or wrong. */
const [PADDING, NOTHING, WRONG] = [64, 65, 66]
const BITS = new Uint8Array(256).fill(WRONG)
for (const [i, letter] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/='].entries())
  BITS[letter.charCodeAt(0)] = i
for (const space of ' \n\r') BITS[space.charCodeAt(0)] = NOTHING

/** Base64 of one thing after another, each with padding of its own. */
class Base64 {
  /** Is it base64, as far as it was read, without a part of four letters? */
  isWhole = true
  #isWrong = false
  #bits = 0
  #count = 0
  #padding = 0

  decode(text: Buffer): Buffer {
    const bytes = Buffer.alloc(3 * ((text.length >> 2) + 2))
    let at = 0
    for (const byte of text) {
      const bits = BITS[byte] as number
      if (bits === NOTHING) continue
      if (bits === PADDING) this.#padding++
      else if (bits === WRONG || this.#padding > 0) this.#isWrong = true
      this.#bits = (this.#bits << 6) | (bits & 63)
      if (++this.#count < 4) continue
      bytes.writeUIntBE(this.#bits & 0xffffff, at, 3)
      at += 3 - Math.min(2, this.#padding)
      this.#bits = this.#count = this.#padding = 0
    }
    this.isWhole = this.#count === 0 && !this.#isWrong
    return bytes.subarray(0, at)
  }
}

/** Reads the row events of a text: `BINLOG '…'` of mysqlbinlog, which has whole events. The first of a text describes the others. */
export class EncodedEvents {
  readonly #events: EventReader

  constructor(tally: Tally) {
    this.#events = new EventReader(tally, null)
  }

  /** Reads to the end of the string, whose quote is already consumed. False when not all of it was understood. */
  *read(text: Cursor): Parser<boolean> {
    const base64 = new Base64()
    const parser = this.#events.events(new Cursor())
    let isUnderstood = feed(parser, null)
    for (;;) {
      if (!(yield* text.hasMore())) throw truncated('a string')
      const quote = text.chunk.indexOf(QUOTE, text.at)
      const end = quote < 0 ? text.chunk.length : quote
      const bytes = base64.decode(text.chunk.subarray(text.at, end))
      if (isUnderstood && bytes.length > 0) isUnderstood = feed(parser, bytes)
      text.at = end
      if (quote < 0) continue
      text.at++
      return isUnderstood && base64.isWhole && this.#events.isBetween
    }
  }
}

function feed(parser: Parser, bytes: Buffer | null): boolean {
  try {
    parser.next(bytes)
    return true
  } catch (error) {
    if (error instanceof UnreadableError) return false
    throw error
  }
}
