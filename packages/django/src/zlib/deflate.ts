import { BitWriter } from './bits.ts'
import { Blocks } from './blocks.ts'

const WINDOW = 32_768
const MIN_MATCH = 3
const MAX_MATCH = 258
const MAX_DISTANCE = WINDOW - MAX_MATCH - MIN_MATCH - 1
/** A match of three bytes that is farther away costs more than the bytes. */
const TOO_FAR = 4096

/** zlib's level 6, its default: how far it looks before it is content. */
const [GOOD, LAZY, NICE, CHAIN] = [8, 16, 128, 128] as const

/**
 * What `zlib.compress(data)` of CPython gives with zlib itself, byte for byte (deflate.c's deflate_slow at level 6). Node's own
 * `deflateSync` is Chromium's variant: as valid, but of other bytes and sometimes of another length, and on the length Django
 * decides whether a session is compressed at all.
 */
export function deflate(data: Uint8Array): Uint8Array {
  const out = new BitWriter(data.length + 64)
  out.byte(0x78)
  out.byte(0x9c)
  new Matcher(data, new Blocks(out)).run()
  out.align()
  const sum = adler32(data)
  for (const shift of [24, 16, 8, 0]) out.byte((sum >>> shift) & 0xff)
  return out.done()
}

/**
 * The latest position of each hash of three bytes, and for each position the one before it; 0 is none, as in zlib. Kept from call
 * to call, for making them costs more than compressing a session does; a call is never interrupted by another.
 */
const HEADS = new Int32Array(WINDOW)
const EARLIER = new Int32Array(WINDOW)

class Matcher {
  readonly #data: Uint8Array
  readonly #end: number
  readonly #blocks: Blocks
  #begun = 0
  #matchStart = 0

  constructor(data: Uint8Array, blocks: Blocks) {
    // Comparisons look a little beyond the end.
    this.#data = new Uint8Array(data.length + 2 * MAX_MATCH)
    this.#data.set(data)
    this.#end = data.length
    this.#blocks = blocks
    // Of the other nothing is read that this call has not written.
    HEADS.fill(0)
  }

  /** A match is taken only when the next position has no longer one. */
  run(): void {
    let [at, length, waiting] = [0, MIN_MATCH - 1, false]
    while (at < this.#end) {
      const head = at + MIN_MATCH <= this.#end ? this.#insert(at) : 0
      const [before, beforeStart] = [length, this.#matchStart]
      length = MIN_MATCH - 1
      if (head !== 0 && before < LAZY && at - head <= MAX_DISTANCE) {
        length = this.#longest(at, head, before)
        if (length === MIN_MATCH && at - this.#matchStart > TOO_FAR) length = MIN_MATCH - 1
      }
      if (before >= MIN_MATCH && length <= before) {
        const full = this.#blocks.match(at - 1 - beforeStart, before)
        for (let n = before - 2; n > 0; n--) if (++at + MIN_MATCH <= this.#end) this.#insert(at)
        at++
        ;[waiting, length] = [false, MIN_MATCH - 1]
        if (full) this.#flush(at)
      } else {
        if (waiting && this.#blocks.literal(this.#data[at - 1] as number)) this.#flush(at)
        waiting = true
        at++
      }
    }
    if (waiting) this.#blocks.literal(this.#data[at - 1] as number)
    this.#flush(at, true)
  }

  #flush(at: number, last = false): void {
    this.#blocks.flush(this.#data.subarray(this.#begun, at), last)
    this.#begun = at
  }

  #insert(at: number): number {
    const data = this.#data
    const hash = (((data[at] as number) << 10) ^ ((data[at + 1] as number) << 5) ^ (data[at + 2] as number)) & 0x7fff
    const head = HEADS[hash] as number
    EARLIER[at % WINDOW] = head
    HEADS[hash] = at
    return head
  }

  #longest(at: number, from: number, atLeast: number): number {
    const data = this.#data
    const left = this.#end - at
    const limit = Math.max(0, at - MAX_DISTANCE)
    const nice = Math.min(NICE, left)
    let best = atLeast
    let chain: number = atLeast >= GOOD ? CHAIN >> 2 : CHAIN
    let match = from
    do {
      if (data[match + best] === data[at + best] && data[match + best - 1] === data[at + best - 1]) {
        let length = 0
        while (length < MAX_MATCH && data[match + length] === data[at + length]) length++
        if (length > best) {
          this.#matchStart = match
          best = length
          if (length >= nice) break
        }
      }
      match = EARLIER[match % WINDOW] as number
    } while (match > limit && --chain !== 0)
    return Math.min(best, left)
  }
}

/** RFC 1950 §8. */
function adler32(data: Uint8Array): number {
  let [a, b] = [1, 0]
  for (const byte of data) {
    a = (a + byte) % 65_521
    b = (b + a) % 65_521
  }
  return ((b << 16) | a) >>> 0
}
