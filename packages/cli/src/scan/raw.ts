import { byteSet } from './cursor.ts'
import { CACHE_KEY } from './django.ts'
import { type Kind, SEALED } from './kind.ts'

/**
 * What was seen in bytes that are not read as rows. A cookie's value or key is as good as a session to a thief. Events of a binary log
 * in base64 may hold anything, and so may the lines of comments in which mysqlbinlog prints rows.
 */
export type Trace = Kind | 'cookie' | 'events' | 'comments'

/** How much follows the beginning of a trace, and precedes its end, at most. */
const REACH = 512
const SIZE = 1 << 16

/** What a byte may be a part of. Most are a part of nothing, which is found out by one look. */
const [HEX, DIGIT, HEX_IN_BASE64, MIDDLE] = [1, 2, 4, 8]
const CLASSES = new Uint8Array(256)
for (const [part, letters] of [
  [HEX, '0123456789abcdefABCDEF'],
  [DIGIT, '0123456789'],
  // The first letters of base64 that encodes hexadecimal digits, as the format of Django before 3.1 begins.
  [HEX_IN_BASE64, 'MNOYZ'],
  [MIDDLE, ':'],
] as const)
  for (const letter of letters) CLASSES[letter.charCodeAt(0)] = (CLASSES[letter.charCodeAt(0)] as number) | part
const COLON = 0x3a
/** Forty hexadecimal digits and a colon are 14 groups of base64, of which the last begins like this. */
const HEX_GROUPS = 14
const [SECOND, THIRD] = [byteSet(...'DTjz'), byteSet(...'opqr')]

/** In a page of SQLite, the next column begins where the signature ends: the date of a table of Django. */
const SIGNATURE = /^:[0-9A-Za-z]{6}:(?:[\w-]{43}|[\w-]{27})(?:(?![\w-])|(?=\d{4}-\d\d-\d\d ))/
/** What may stand between an id and a record that is not encoded. Random bytes do not: a label follows an owner like that. */
const BETWEEN = /^[\t\n\r -/:-@[-`{-~]{0,12}$/
/** Between an id and its record there is the punctuation of a format, or the length of a value in Redis. */
const ENCODED_AFTER = /^[^0-9A-Za-z]{0,12}0?[xX]'?(1[1256]|7[bB]2263)/
const UNSEALED_AFTER = /^[^0-9A-Za-z]{0,40}\{[\\"&quot;]{1,12}c[\\"&quot;]{1,12}:\d/
const OCTAL_AFTER = /^[^0-9A-Za-z]{0,12}\\+02([1256])/
const COOKIE = /^(?:__Host-id|sessionid)=\\?"?(?:[\w-]{88,}|[a-z0-9]{32}(?![\w-]))/
const MARKS = ['django.contrib.sessions.cache', '__Host-id=', 'sessionid=', 'SRF\u0001', "BINLOG '", '###   @'] as const
const COLUMN = /^### {3}@\d{1,5}=/

/**
 * Searches bytes of any format for what looks like sessions: ids beside records, the moments of our rows, Django's signatures
 * and cache keys, cookies. Every byte is looked at a fixed number of times, and no more than two blocks are held.
 */
export class RawSearch {
  readonly #counts = new Map<Trace, number>()
  readonly #buffer = Buffer.alloc(SIZE + 2 * REACH)
  #length = 0
  /** Where in the buffer the bytes begin that were not searched yet. */
  #at = 0
  #hexRun = 0
  #digitRun = 0
  /** For each of the four places that base64 may begin at: how many groups there are, and where the last one began. */
  readonly #groups = new Int32Array(4)
  readonly #lastGroups = new Int32Array(4).fill(-8)
  /** The moments that were seen last, and where each of them ended. */
  #moments: { value: number; end: number }[] = []

  push(bytes: Buffer): void {
    for (let from = 0; from < bytes.length; ) {
      const copied = bytes.copy(this.#buffer, this.#length, from)
      this.#length += copied
      from += copied
      if (this.#length === this.#buffer.length) this.#search(this.#length - REACH)
    }
  }

  /** What was found. Nothing more can be pushed after this. */
  end(): ReadonlyMap<Trace, number> {
    this.#search(this.#length)
    return this.#counts
  }

  #found(trace: Trace): void {
    this.#counts.set(trace, (this.#counts.get(trace) ?? 0) + 1)
  }

  #search(end: number): void {
    this.#runs(end)
    for (const mark of MARKS) this.#marks(mark, end)
    const kept = Math.max(0, end - REACH)
    this.#buffer.copyWithin(0, kept, this.#length)
    this.#length -= kept
    this.#at = end - kept
    for (let place = 0; place < 4; place++) this.#lastGroups[place] = (this.#lastGroups[place] as number) - kept
    this.#moments = this.#moments.map(({ value, end }) => ({ value, end: end - kept }))
  }

  #runs(end: number): void {
    const buffer = this.#buffer
    let [hex, digits] = [this.#hexRun, this.#digitRun]
    for (let at = this.#at; at < end; at++) {
      const part = CLASSES[buffer[at] as number] as number
      if (part & HEX) {
        hex++
        digits = part & DIGIT ? digits + 1 : 0
      } else if (hex > 0) {
        if (hex === 64) this.#id(at)
        if (digits === 13) this.#moment(at)
        hex = digits = 0
      }
      if (part & HEX_IN_BASE64) this.#group(at)
      if (part === MIDDLE) this.#signature(at)
    }
    this.#hexRun = hex
    this.#digitRun = digits
  }

  #group(at: number): void {
    const place = at & 3
    this.#groups[place] = this.#lastGroups[place] === at - 4 ? (this.#groups[place] as number) + 1 : 1
    this.#lastGroups[place] = at
    if ((this.#groups[place] as number) >= HEX_GROUPS) this.#legacy(at, place)
  }

  /** `at` is where a session's id has ended. Its record follows, or its value in Redis. */
  #id(at: number): void {
    const next = this.#text(at, 64)
    const first = [...next.slice(0, 14)].findIndex((letter) => SEALED.has(letter.charCodeAt(0)))
    const isAdjacent = first >= 0 && BETWEEN.test(next.slice(0, first))
    const version = ENCODED_AFTER.exec(next)?.[1]
    const octal = OCTAL_AFTER.exec(next)?.[1]
    if (isAdjacent) this.#found(SEALED.get(next.charCodeAt(first)) as Kind)
    else if (isRedisValue(next) || UNSEALED_AFTER.test(next)) this.#found('none')
    else if (version !== undefined) this.#found(SEALED.get(Number.parseInt(version, 16)) ?? 'none')
    else if (octal !== undefined) this.#found(SEALED.get(16 + Number(octal)) ?? 'unknown')
  }

  /** Our row has three moments in turn: when it expires, when it is removed, and when it was created. */
  #moment(end: number): void {
    const [expires, purged] = this.#moments.slice(-2)
    const value = Number(this.#buffer.toString('latin1', end - 13, end))
    this.#moments = [...this.#moments.slice(-1), { value, end }]
    if (!expires || !purged || value < 1e12) return
    const isRow = end - expires.end < 200 && purged.value >= expires.value && value <= expires.value
    if (!isRow) return
    this.#moments = []
    this.#found('unknown')
  }

  #signature(at: number): void {
    if (this.#buffer[at + 7] !== COLON || at === 0) return
    if (!/[\w-]/.test(String.fromCharCode(this.#buffer[at - 1] as number))) return
    if (SIGNATURE.test(this.#text(at, 62))) this.#found('django')
  }

  /** Forty hexadecimal digits and a colon, in base64. */
  #legacy(at: number, place: number): void {
    const start = at - 4 * (HEX_GROUPS - 1)
    const [second = 0, third = 0] = this.#buffer.subarray(at + 1, at + 3)
    if (start < 0 || SECOND[second] === 0 || THIRD[third] === 0) return
    const text = Buffer.from(this.#text(start, 56), 'base64').toString('latin1')
    if (!/^[0-9a-f]{40}:/.test(text)) return
    this.#groups[place] = 0
    this.#found('django')
  }

  #marks(mark: (typeof MARKS)[number], end: number): void {
    for (let at = this.#at; ; at++) {
      // Nothing beyond the end counts yet: it is searched again with what follows it.
      at = this.#buffer.subarray(0, Math.min(this.#length, end + mark.length - 1)).indexOf(mark, at, 'latin1')
      if (at < 0) return
      const text = this.#text(at, 128)
      if (mark === 'SRF\u0001') {
        const flags = this.#buffer.subarray(at + 24, at + 26)
        if (flags.length === 2 && flags.every((flag) => flag <= 1)) this.#found('unknown')
      } else if (mark === 'django.contrib.sessions.cache') {
        if (CACHE_KEY.test(/^[\w.]+/.exec(text)?.[0] ?? '')) this.#found('django')
      } else if (mark === "BINLOG '") this.#found('events')
      else if (mark === '###   @') {
        if (COLUMN.test(text)) this.#found('comments')
      } else if (COOKIE.test(text)) this.#found('cookie')
    }
  }

  #text(at: number, length: number): string {
    return this.#buffer.toString('latin1', at, Math.min(this.#length, at + length))
  }
}

/** Format 1, and a moment in this century, soon after the key. */
function isRedisValue(text: string): boolean {
  const at = text.indexOf('\u0001', 1)
  return at >= 1 && at <= 12 && (text.charCodeAt(at + 1) === 1 || text.charCodeAt(at + 1) === 2)
}
