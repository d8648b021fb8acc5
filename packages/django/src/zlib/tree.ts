/**
 * Huffman trees as zlib 1.2.13 builds them (trees.c), step for step: which code a tie between two frequencies gives is not in
 * RFC 1951, and Django's bytes depend on it.
 */

const MAX_BITS = 15
const HEAP_SIZE = 573

/** `code` holds frequencies until codes are made of them; `length` the parents, and then the lengths in bits. */
export interface Tree {
  readonly code: Uint16Array
  readonly length: Uint16Array
  readonly size: number
  readonly extra: readonly number[]
  readonly extraBase: number
  readonly longest: number
  /** Lengths of the fixed codes, for the comparison. */
  readonly fixed: Uint16Array | null
}

export interface TreeShape {
  readonly size: number
  /** Extra bits of each code from `extraBase` on. */
  readonly extra: readonly number[]
  readonly extraBase: number
  readonly fixed: Uint16Array | null
}

export function at(list: ArrayLike<number>, index: number): number {
  return list[index] as number
}

export function newTree(shape: TreeShape): Tree {
  const room = HEAP_SIZE
  return {
    ...shape,
    code: new Uint16Array(room),
    length: new Uint16Array(room),
    longest: shape.fixed ? MAX_BITS : 7,
  }
}

/** Canonical codes, each reversed, for deflate writes them from their other end. */
export function codesOf(
  length: Uint16Array,
  maxCode: number,
  into: Uint16Array = new Uint16Array(maxCode + 1),
): Uint16Array {
  const next = new Uint16Array(MAX_BITS + 2)
  for (let n = 0; n <= maxCode; n++) next[at(length, n) + 1] = at(next, at(length, n) + 1) + 1
  next[1] = 0
  for (let bits = 1, code = 0; bits <= MAX_BITS; bits++) {
    code = (code + at(next, bits)) << 1
    next[bits] = code
  }
  for (let n = 0; n <= maxCode; n++) {
    const bits = at(length, n)
    if (bits === 0) continue
    let code = next[bits] as number
    next[bits] = code + 1
    let reversed = 0
    for (let bit = 0; bit < bits; bit++, code >>= 1) reversed = (reversed << 1) | (code & 1)
    into[n] = reversed
  }
  return into
}

/** A heap of nodes, the rarest first; of two as rare, the one that is less deep. */
class Heap {
  readonly nodes = new Uint16Array(HEAP_SIZE)
  readonly depth = new Uint8Array(HEAP_SIZE)
  length = 0
  readonly #frequency: Uint16Array

  constructor(frequency: Uint16Array) {
    this.#frequency = frequency
  }

  push(node: number): void {
    this.nodes[++this.length] = node
  }

  get top(): number {
    return at(this.nodes, 1)
  }

  replaceTop(node: number): void {
    this.nodes[1] = node
    this.sink(1)
  }

  sink(from: number): void {
    const { nodes } = this
    const node = at(nodes, from)
    let hole = from
    for (let child = 2 * from; child <= this.length; child *= 2) {
      if (child < this.length && this.#before(at(nodes, child + 1), at(nodes, child))) child++
      if (this.#before(node, at(nodes, child))) break
      nodes[hole] = at(nodes, child)
      hole = child
    }
    nodes[hole] = node
  }

  #before(a: number, b: number): boolean {
    const difference = at(this.#frequency, a) - at(this.#frequency, b)
    return difference < 0 || (difference === 0 && at(this.depth, a) <= at(this.depth, b))
  }
}

export interface Built {
  /** The largest code in use. */
  readonly maxCode: number
  /** Bits that the symbols take in this tree, and in the fixed one. */
  readonly bits: number
  readonly fixedBits: number
}

/** Turns the frequencies of a tree into lengths and codes. */
export function buildTree(tree: Tree): Built {
  const { code, length, size, fixed } = tree
  const heap = new Heap(code)
  let maxCode = -1
  let [bits, fixedBits] = [0, 0]
  for (let n = 0; n < size; n++) {
    if (at(code, n) === 0) {
      length[n] = 0
      continue
    }
    maxCode = n
    heap.push(n)
  }
  // The format wants two codes at the least. They stand for nothing, so what they cost is taken off again.
  while (heap.length < 2) {
    const node = maxCode < 2 ? ++maxCode : 0
    heap.push(node)
    code[node] = 1
    bits--
    if (fixed) fixedBits -= at(fixed, node)
  }
  for (let n = heap.length >> 1; n >= 1; n--) heap.sink(n)
  const order = join(tree, heap)
  const cost = assignLengths(tree, order, maxCode)
  codesOf(length, maxCode, code)
  return { maxCode, bits: bits + cost.bits, fixedBits: fixedBits + cost.fixedBits }
}

/** Joins the two rarest nodes until one is left; answers all of them, the root first. */
function join({ code, length, size }: Tree, heap: Heap): number[] {
  const taken: number[] = []
  let node = size
  do {
    const rarest = heap.top
    heap.replaceTop(at(heap.nodes, heap.length--))
    const next = heap.top
    taken.push(rarest, next)
    code[node] = at(code, rarest) + at(code, next)
    heap.depth[node] = Math.max(at(heap.depth, rarest), at(heap.depth, next)) + 1
    length[rarest] = length[next] = node
    heap.replaceTop(node++)
  } while (heap.length >= 2)
  taken.push(heap.top)
  return taken.reverse()
}

function assignLengths(tree: Tree, order: readonly number[], maxCode: number): { bits: number; fixedBits: number } {
  const { code, length, extra, extraBase, longest, fixed } = tree
  const counts = new Uint16Array(MAX_BITS + 1)
  let [bits, fixedBits, overflow] = [0, 0, 0]
  length[order[0] as number] = 0
  for (const node of order.slice(1)) {
    const wanted = at(length, at(length, node)) + 1
    if (wanted > longest) overflow++
    const given = Math.min(wanted, longest)
    length[node] = given
    if (node > maxCode) continue
    counts[given] = at(counts, given) + 1
    const more = node >= extraBase ? at(extra, node - extraBase) : 0
    bits += at(code, node) * (given + more)
    if (fixed) fixedBits += at(code, node) * (at(fixed, node) + more)
  }
  if (overflow > 0) bits += shorten(tree, order, { counts, maxCode, overflow })
  return { bits, fixedBits }
}

interface Overflow {
  readonly counts: Uint16Array
  readonly maxCode: number
  readonly overflow: number
}

/** Codes that came out too long are cut, and others made longer for it; answers the bits that this costs. */
function shorten({ code, length, longest }: Tree, order: readonly number[], { counts, maxCode, overflow }: Overflow) {
  for (let left = overflow; left > 0; left -= 2) {
    let bits = longest - 1
    while (at(counts, bits) === 0) bits--
    counts[bits] = at(counts, bits) - 1
    counts[bits + 1] = at(counts, bits + 1) + 2
    counts[longest] = at(counts, longest) - 1
  }
  let cost = 0
  let rank = order.length
  for (let bits = longest; bits > 0; bits--) {
    for (let left = at(counts, bits); left > 0; ) {
      const node = order[--rank] as number
      if (node > maxCode) continue
      cost += (bits - at(length, node)) * at(code, node)
      length[node] = bits
      left--
    }
  }
  return cost
}
