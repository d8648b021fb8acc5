/** One reply of the meta protocol. */
export interface Reply {
  /** HD stored, VA found, EN and NF absent, NS not stored, EX another CAS, MN pong; or an error of the server. */
  readonly code: string
  /** What follows the code. For an error, its message. */
  readonly rest: string
  readonly cas: string | null
  readonly opaque: string | null
  readonly value: Buffer | null
}

/** memcached never sends a line that is longer. A server that does is something else. */
const LONGEST_LINE = 4096

/** Splits a stream into replies, wherever its chunks end. A large value is joined once, when all of it has come. */
export class Replies {
  #chunks: Buffer[] = []
  #length = 0
  /** How many bytes must have come before it is worth looking again. */
  #wanted = 1
  #head: Reply | null = null
  #size = 0

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  /** The next whole reply, or null until more bytes have come. Throws for anything that is not a reply. */
  next(): Reply | null {
    if (this.#length < this.#wanted) return null
    if (this.#head === null && !this.#readHead()) return null
    const head = this.#head as unknown as Reply
    if (head.code !== 'VA') {
      this.#head = null
      return head
    }
    this.#wanted = this.#size + 2
    if (this.#length < this.#wanted) return null
    const all = this.#take(this.#size + 2)
    if (all[this.#size] !== 13 || all[this.#size + 1] !== 10) throw new Error('a value has no end')
    this.#head = null
    this.#wanted = 1
    // A copy, so that a small value does not keep a whole chunk alive, with other people's values in it.
    return { ...head, value: Buffer.from(all.subarray(0, this.#size)) }
  }

  #readHead(): boolean {
    const all = this.#joined()
    const end = all.indexOf('\r\n')
    if (end < 0) {
      if (all.length > LONGEST_LINE) throw new Error('a line has no end')
      this.#wanted = this.#length + 1
      return false
    }
    const [code = '', ...words] = this.#take(end + 2)
      .toString('latin1', 0, end)
      .split(' ')
    this.#wanted = 1
    this.#size = code === 'VA' ? sizeOf(words.shift()) : 0
    this.#head = { code, rest: words.join(' '), cas: flag(words, 'c'), opaque: flag(words, 'O'), value: null }
    return true
  }

  #joined(): Buffer {
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#length)
    this.#chunks = [all]
    return all
  }

  #take(count: number): Buffer {
    const all = this.#joined()
    this.#length -= count
    this.#chunks = this.#length > 0 ? [all.subarray(count)] : []
    return all.subarray(0, count)
  }
}

function sizeOf(word = ''): number {
  if (!/^\d{1,10}$/.test(word)) throw new Error('a value has no size')
  return Number(word)
}

function flag(words: readonly string[], letter: string): string | null {
  return words.find((word) => word.startsWith(letter))?.slice(1) ?? null
}
