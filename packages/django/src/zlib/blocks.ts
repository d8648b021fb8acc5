import type { BitWriter } from './bits.ts'
import { at, buildTree, codesOf, newTree, type Tree } from './tree.ts'

const LITERALS = 256
const END_BLOCK = 256
const L_CODES = 286
const D_CODES = 30

const EXTRA_L = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
const EXTRA_D = Array.from({ length: D_CODES }, (_, code) => (code < 4 ? 0 : (code >> 1) - 1))
const EXTRA_BL = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 7]
const BL_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] as const

/** Codes by length (match length - 3) and distance (distance - 1), and the first value that each code stands for. */
const LENGTH_CODE = new Uint8Array(256)
const BASE_LENGTH = new Uint16Array(29)
const BASE_DISTANCE = new Uint16Array(D_CODES)
for (let code = 0, length = 0; code < 28; code++) {
  BASE_LENGTH[code] = length
  for (let n = 1 << at(EXTRA_L, code); n > 0; n--) LENGTH_CODE[length++] = code
}
// Length 258 has a code of its own, without extra bits.
LENGTH_CODE[255] = 28
for (let code = 0, distance = 0; code < D_CODES; code++) {
  BASE_DISTANCE[code] = distance
  distance += 1 << at(EXTRA_D, code)
}

function distanceCode(distance: number): number {
  if (distance < 4) return distance
  const log = 31 - Math.clz32(distance)
  return 2 * log + ((distance >> (log - 1)) & 1)
}

const FIXED_L = Uint16Array.from({ length: 288 }, (_, n) => (n < 144 ? 8 : n < 256 ? 9 : n < 280 ? 7 : 8))
const FIXED_D = new Uint16Array(D_CODES).fill(5)
const FIXED_L_CODE = codesOf(FIXED_L, 287)
const FIXED_D_CODE = codesOf(FIXED_D, D_CODES - 1)

/** Collects literals and matches, and writes them block by block, each in whichever of the three forms is shortest. */
export class Blocks {
  /** zlib's lit_bufsize - 1 at its default memory level: a block is written when so many symbols wait. */
  static readonly LIMIT = 16_383
  readonly #out: BitWriter
  readonly #literals = newTree({ size: L_CODES, extra: EXTRA_L, extraBase: LITERALS + 1, fixed: FIXED_L })
  readonly #distances = newTree({ size: D_CODES, extra: EXTRA_D, extraBase: 0, fixed: FIXED_D })
  readonly #lengths = newTree({ size: 19, extra: EXTRA_BL, extraBase: 0, fixed: null })
  readonly #symbols: number[] = []
  #dynamicBits = 0
  #fixedBits = 0

  constructor(out: BitWriter) {
    this.#out = out
    this.#begin()
  }

  /** True when the block is full. */
  literal(byte: number): boolean {
    this.#symbols.push(byte)
    count(this.#literals, byte)
    return this.#symbols.length === Blocks.LIMIT
  }

  match(distance: number, length: number): boolean {
    this.#symbols.push((distance << 8) | (length - 3))
    count(this.#literals, at(LENGTH_CODE, length - 3) + LITERALS + 1)
    count(this.#distances, distanceCode(distance - 1))
    return this.#symbols.length === Blocks.LIMIT
  }

  /** `plain` is what the block stands for. */
  flush(plain: Uint8Array, last: boolean): void {
    const lMax = this.#build(this.#literals)
    const dMax = this.#build(this.#distances)
    const blMax = this.#buildLengths(lMax, dMax)
    const fixed = (this.#fixedBits + 10) >> 3
    const best = Math.min((this.#dynamicBits + 10) >> 3, fixed)
    const final = last ? 1 : 0
    if (plain.length + 4 <= best) this.#store(plain, final)
    else if (fixed === best) {
      this.#out.bits(2 + final, 3)
      this.#compress(FIXED_L_CODE, FIXED_L, FIXED_D_CODE, FIXED_D)
    } else {
      this.#out.bits(4 + final, 3)
      this.#describe(lMax, dMax, blMax)
      this.#compress(this.#literals.code, this.#literals.length, this.#distances.code, this.#distances.length)
    }
    this.#begin()
  }

  #begin(): void {
    for (const { code, size } of [this.#literals, this.#distances, this.#lengths]) code.fill(0, 0, size)
    this.#literals.code[END_BLOCK] = 1
    this.#symbols.length = this.#dynamicBits = this.#fixedBits = 0
  }

  #store(plain: Uint8Array, final: number): void {
    this.#out.bits(final, 3)
    this.#out.align()
    for (const word of [plain.length, ~plain.length]) {
      this.#out.byte(word & 0xff)
      this.#out.byte((word >> 8) & 0xff)
    }
    for (const byte of plain) this.#out.byte(byte)
  }

  #compress(lCode: Uint16Array, lLength: Uint16Array, dCode: Uint16Array, dLength: Uint16Array): void {
    const out = this.#out
    for (const symbol of this.#symbols) {
      const distance = symbol >> 8
      const low = symbol & 0xff
      if (distance === 0) {
        out.bits(at(lCode, low), at(lLength, low))
        continue
      }
      const code = at(LENGTH_CODE, low)
      out.bits(at(lCode, code + LITERALS + 1), at(lLength, code + LITERALS + 1))
      if (at(EXTRA_L, code) > 0) out.bits(low - at(BASE_LENGTH, code), at(EXTRA_L, code))
      const far = distanceCode(distance - 1)
      out.bits(at(dCode, far), at(dLength, far))
      if (at(EXTRA_D, far) > 0) out.bits(distance - 1 - at(BASE_DISTANCE, far), at(EXTRA_D, far))
    }
    out.bits(at(lCode, END_BLOCK), at(lLength, END_BLOCK))
  }

  /** Answers the largest code in use. */
  #build(tree: Tree): number {
    const { maxCode, bits, fixedBits } = buildTree(tree)
    this.#dynamicBits += bits
    this.#fixedBits += fixedBits
    return maxCode
  }

  #buildLengths(lMax: number, dMax: number): number {
    const { code } = this.#lengths
    const tally = (symbol: number) => {
      code[symbol] = at(code, symbol) + 1
    }
    runs(this.#literals.length, lMax, tally)
    runs(this.#distances.length, dMax, tally)
    this.#build(this.#lengths)
    let max = 18
    while (max >= 3 && at(this.#lengths.length, at(BL_ORDER, max)) === 0) max--
    this.#dynamicBits += 3 * (max + 1) + 14
    return max
  }

  /** The lengths of all codes, themselves coded. */
  #describe(lMax: number, dMax: number, blMax: number): void {
    const { code, length } = this.#lengths
    const out = this.#out
    out.bits(lMax - 256, 5)
    out.bits(dMax, 5)
    out.bits(blMax - 3, 4)
    for (let rank = 0; rank <= blMax; rank++) out.bits(at(length, at(BL_ORDER, rank)), 3)
    const send = (symbol: number, extra: number) => {
      out.bits(at(code, symbol), at(length, symbol))
      if (at(EXTRA_BL, symbol) > 0) out.bits(extra, at(EXTRA_BL, symbol))
    }
    runs(this.#literals.length, lMax, send)
    runs(this.#distances.length, dMax, send)
  }
}

function count(tree: Tree, symbol: number): void {
  tree.code[symbol] = at(tree.code, symbol) + 1
}

/** Runs of equal lengths: 16 repeats the last 3 to 6 times, 17 and 18 are 3 to 10 and 11 to 138 zeros. */
function runs(length: Uint16Array, maxCode: number, emit: (symbol: number, extra: number) => void): void {
  for (let from = 0, before = -1; from <= maxCode; ) {
    const bits = at(length, from)
    // What comes before counts only for the first of a run that is cut at its longest.
    const most = bits === 0 ? 138 : bits === before ? 6 : 7
    let run = 1
    while (run < most && from + run <= maxCode && at(length, from + run) === bits) run++
    const least = bits === 0 ? 3 : bits === before ? 3 : 4
    if (run < least) for (let n = 0; n < run; n++) emit(bits, 0)
    else if (bits === 0) emit(run <= 10 ? 17 : 18, run - (run <= 10 ? 3 : 11))
    else {
      const first = bits === before ? 0 : 1
      if (first) emit(bits, 0)
      emit(16, run - first - 3)
    }
    before = bits
    from += run
  }
}
