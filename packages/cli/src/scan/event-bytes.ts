import { crc32 } from 'node:zlib'
import type { Cursor, Parser } from './cursor.ts'
import { truncated, UnreadableError } from './reader.ts'
import type { Value } from './row.ts'

export const damagedEvent = () => new UnreadableError('it begins as a binary log and is damaged')

/** The bytes of one event of a binary log, and of the next one after `begin`. Numbers begin with their least significant byte. */
export class EventBytes {
  /** How many of them are left. */
  left = 0
  readonly #cursor: Cursor
  #sum = 0
  /** Where in the chunk the bytes begin that are not in the checksum yet. */
  #unsummed = 0

  constructor(cursor: Cursor) {
    this.#cursor = cursor
  }

  begin(length: number): void {
    this.left = length
    this.#sum = 0
    this.#unsummed = this.#cursor.at
  }

  /** Bytes that are here, at most this many and at least one. They may be overwritten when the next ones are read. */
  *piece(most: number): Parser<Buffer> {
    const cursor = this.#cursor
    if (most > this.left) throw damagedEvent()
    if (cursor.at >= cursor.chunk.length) {
      this.#addToSum()
      if (!(yield* cursor.hasMore())) throw truncated('an event')
      this.#unsummed = cursor.at
    }
    const bytes = cursor.chunk.subarray(cursor.at, cursor.at + most)
    cursor.at += bytes.length
    this.left -= bytes.length
    return bytes
  }

  /** Exactly this many bytes, which must fit into memory. */
  *take(size: number): Parser<Buffer> {
    if (size === 0) return Buffer.alloc(0)
    const first = yield* this.piece(size)
    if (first.length === size) return first
    const bytes = Buffer.alloc(size)
    for (let at = first.copy(bytes); at < size; ) at += (yield* this.piece(size - at)).copy(bytes, at)
    return bytes
  }

  *skip(size: number): Parser {
    for (let left = size; left > 0; ) left -= (yield* this.piece(left)).length
  }

  *append(size: number, value: Value): Parser {
    for (let left = size; left > 0; ) {
      const bytes = yield* this.piece(left)
      value.append(bytes, 0, bytes.length)
      left -= bytes.length
    }
  }

  /** A number without a sign. One of more than 53 bits is not exact. */
  *number(size: number): Parser<number> {
    const bytes = yield* this.take(size)
    if (size <= 6) return bytes.readUIntLE(0, size)
    return bytes.readUIntLE(0, 4) + bytes.readUIntLE(4, size - 4) * 2 ** 32
  }

  /** A number in one byte, or in 2, 3 or 8 after a byte that says so. */
  *packed(): Parser<number> {
    const first = yield* this.number(1)
    if (first < 251) return first
    return yield* this.number(first === 252 ? 2 : first === 253 ? 3 : 8)
  }

  /** Skips what is left, and compares the checksum that follows, if there is one. */
  *end(hasChecksum: boolean): Parser {
    yield* this.skip(this.left)
    if (!hasChecksum) return
    this.#addToSum()
    const sum = this.#sum
    this.left = 4
    if ((yield* this.number(4)) !== sum) throw damagedEvent()
  }

  #addToSum(): void {
    const { chunk, at } = this.#cursor
    if (at > this.#unsummed) this.#sum = crc32(chunk.subarray(this.#unsummed, at), this.#sum)
    this.#unsummed = at
  }
}
