import { LOG_OUTPUT } from './dialect.ts'

/** Text from Windows is UTF-16, which its shells write when output is redirected, or UTF-8 with a byte order mark. */
export function encodingOf(look: Buffer): 'utf-16le' | 'utf-16be' | 'utf-8' | null {
  const mark = look.toString('hex', 0, 3)
  if (mark.startsWith('fffe')) return 'utf-16le'
  if (mark.startsWith('feff')) return 'utf-16be'
  if (mark === 'efbbbf') return 'utf-8'
  // Without a mark, every other byte of Latin letters is zero.
  const zeros = [0, 0]
  const pairs = Math.min(look.length, 512) >> 1
  for (let at = 0; at < 2 * pairs; at++) if (look[at] === 0) (zeros[at & 1] as number)++
  const [even = 0, odd = 0] = zeros
  if (pairs < 8 || Math.min(even, odd) > 0) return null
  return odd > pairs * 0.8 ? 'utf-16le' : even > pairs * 0.8 ? 'utf-16be' : null
}

/** The same text in UTF-8, without a mark. */
export async function* decoded(chunks: AsyncIterable<Buffer>, encoding: string): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(encoding)
  for await (const chunk of chunks) yield Buffer.from(decoder.decode(chunk, { stream: true }))
  yield Buffer.from(decoder.decode())
}

/** How a text begins, of a program that ends it with a line of its own. */
const LAST_LINES: readonly (readonly [start: RegExp, end: RegExp])[] = [
  [LOG_OUTPUT, /COMPLETION_TYPE=@OLD_COMPLETION_TYPE/],
  [/^-- (?:PostgreSQL database (?:cluster )?dump$|M(?:ySQL|ariaDB) dump \d)/m, /dump complete/i],
  // .dump and .recover of SQLite, and iterdump of Python.
  [
    /^(?:\s|PRAGMA [^;]*;|--[^\n]*\n|\/\*[^*]*\*\/)*BEGIN(?: TRANSACTION;|;\s+PRAGMA writable_schema)/i,
    /\nCOMMIT;\s*$/,
  ],
]

/** Was a text cut off, also between statements? False where its program does not write how it ends. */
export const hasNoEnd = (start: string, end: string) =>
  LAST_LINES.find(([begins]) => begins.test(start))?.[1].test(end) === false

/** .dump of SQLite goes on after an error, without the rows that it could not read. */
export const endsWithError = (end: string) => /\nROLLBACK; -- due to errors\s*$/.test(end)

const KEPT = 1000

/** Passes chunks on, and keeps the end of the text. */
export class TextWithEnd implements AsyncIterable<Buffer> {
  /** No program writes a zero into SQL: it is what a disk leaves behind. */
  hasZeros = false
  readonly #last = Buffer.alloc(KEPT)
  #length = 0
  readonly #chunks: AsyncIterable<Buffer>

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks
  }

  get end(): string {
    return this.#last.toString('latin1', 0, this.#length)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for await (const chunk of this.#chunks) {
      const added = Math.min(chunk.length, KEPT)
      const kept = Math.min(this.#length, KEPT - added)
      this.#last.copyWithin(0, this.#length - kept, this.#length)
      chunk.copy(this.#last, kept, chunk.length - added)
      this.#length = kept + added
      this.hasZeros ||= chunk.includes(0)
      yield chunk
    }
  }
}
