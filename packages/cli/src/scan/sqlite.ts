import { RECORD_VERSIONS } from 'strongroom/internal'
import { type Kind, kindOf } from './kind.ts'
import { type ByteReader, UnreadableError } from './reader.ts'
import { Row, type Value } from './row.ts'
import type { Tally } from './tally.ts'

/** The types of pages that hold records. */
const LEAF = 13
const INDEX_LEAF = 10
const INDEX_INNER = 2

/** The layout of a database's pages. */
interface Layout {
  readonly pageSize: number
  /** The page size without the bytes that an extension reserves at the end of each page. */
  readonly usable: number
  readonly encoding: 'utf8' | 'utf16le' | 'utf16be'
}

/**
 * Reads a SQLite database page by page (https://www.sqlite.org/fileformat2.html), without SQLite. So it needs no space for a
 * copy, works on a pipe, never opens a malicious file in SQLite, and finds deleted rows that have not been overwritten.
 */
export async function readDatabase(reader: ByteReader, tally: Tally): Promise<void> {
  const layout = layoutOf(await reader.peek(100))
  const scanner = new PageScanner(layout, tally)
  for (let number = 1; !(await reader.isAtEnd()); number++)
    scanner.page(await reader.take(layout.pageSize, 'a page'), number === 1 ? 100 : 0)
}

/** Reads the write-ahead log of a database: pages too, newer than those in the database. */
export async function readLog(reader: ByteReader, tally: Tally): Promise<void> {
  const pageSize = (await reader.take(32, 'its first bytes')).readUInt32BE(8)
  checkPageSize(pageSize)
  const scanner = new PageScanner({ pageSize, usable: pageSize, encoding: 'utf8' }, tally)
  while (!(await reader.isAtEnd())) {
    const number = (await reader.take(24, 'a page')).readUInt32BE(0)
    scanner.page(await reader.take(pageSize, 'a page'), number === 1 ? 100 : 0)
  }
}

function layoutOf(head: Buffer): Layout {
  if (head.length < 100) throw new UnreadableError('it begins as a SQLite database and is too short for one')
  // 65536 does not fit into two bytes and is stored as 1.
  const pageSize = head.readUInt16BE(16) === 1 ? 65_536 : head.readUInt16BE(16)
  checkPageSize(pageSize)
  const usable = pageSize - (head[20] as number)
  const encoding = head.readUInt32BE(56) === 2 ? 'utf16le' : head.readUInt32BE(56) === 3 ? 'utf16be' : 'utf8'
  return { pageSize, usable, encoding }
}

function checkPageSize(size: number): void {
  if (size >= 512 && size <= 65_536 && (size & (size - 1)) === 0) return
  throw new UnreadableError('it begins as a SQLite file and is damaged')
}

class PageScanner {
  readonly #layout: Layout
  readonly #tally: Tally
  readonly #row = new Row()

  constructor(layout: Layout, tally: Tally) {
    this.#layout = layout
    this.#tally = tally
  }

  page(page: Buffer, start: number): void {
    const type = page[start]
    if (type !== LEAF && type !== INDEX_LEAF && type !== INDEX_INNER) return
    const pointers = start + (type === INDEX_INNER ? 12 : 8)
    const cells = Math.min(page.readUInt16BE(start + 3), (page.length - pointers) >> 1)
    // Bytes that belong to no cell may be what is left of deleted ones.
    const gaps = Buffer.from(page)
    gaps.fill(0, 0, pointers + 2 * cells)
    for (let i = 0; i < cells; i++) {
      const at = page.readUInt16BE(pointers + 2 * i)
      if (at < pointers || at >= this.#layout.usable) continue
      const end = this.#cell(page, at, type)
      if (end > at) gaps.fill(0, at, end)
    }
    if (type === LEAF) this.#remnants(gaps.toString('latin1'))
  }

  /** Reads a cell and returns where it ends; 0 when there is no cell. */
  #cell(page: Buffer, start: number, type: number): number {
    const { usable } = this.#layout
    let [size, at] = varint(page, type === INDEX_INNER ? start + 4 : start)
    if (type === LEAF) at = varint(page, at)[1]
    const local = localSize(size, usable, type)
    if (at + local > usable) return 0
    const end = at + local
    if (this.#record(page, at, end)) {
      const kind = kindOf(this.#row, null)
      if (kind !== null) this.#tally.add(kind, 1, null)
      else this.#schema()
    }
    return end + (local < size ? 4 : 0)
  }

  /** Fills the row with the values of the record in these bytes; false when they are not a record. */
  #record(page: Buffer, start: number, end: number): boolean {
    this.#row.clear()
    let [size, at] = varint(page, start)
    let value = start + size
    const types = value
    if (size < 2 || types > end) return false
    while (at < types) {
      const [type, next] = varint(page, at)
      at = next
      value += this.#value(page, { type, at: value, end })
    }
    return at === types
  }

  #value(page: Buffer, { type, at, end }: { type: number; at: number; end: number }): number {
    const into = this.#row.next()
    const size = sizeOf(type)
    const here = Math.max(0, Math.min(size, end - at))
    if (type < 12) number(page, { type, at, size: here === size ? size : 0 }, into)
    else if (type % 2 === 1 && this.#layout.encoding !== 'utf8') {
      const text = utf16(page.subarray(at, at + here), this.#layout.encoding)
      into.append(text, 0, text.length)
    } else into.append(page, at, at + here)
    if (here < size) {
      into.isTruncated = true
      if (this.#layout.encoding === 'utf8') into.length = size
    }
    return size
  }

  /** A row of sqlite_schema describes a table: type, name, table, page, and the statement that created it. */
  #schema(): void {
    if (this.#row.count !== 5 || textOf(this.#row.at(0)) !== 'table') return
    const columns = /\((.*)/s.exec(textOf(this.#row.at(4)))?.[1]?.split(',')
    const names = columns?.map((column) => /^[\s"`[]*(\w*)/.exec(column)?.[1] ?? '')
    this.#tally.table({ name: textOf(this.#row.at(1)), columns: names ?? null })
  }

  #remnants(text: string): void {
    for (const [pattern, kind] of REMNANTS) {
      const count = [...text.matchAll(pattern)].length
      if (count > 0) this.#tally.add(kind, count, null)
    }
  }
}

/** Our record follows its id. Django's ends with its time and signature. */
const REMNANTS: readonly (readonly [RegExp, Kind])[] = [
  [new RegExp(`[0-9a-f]{64}[${String.fromCharCode(...RECORD_VERSIONS['two-key'])}]`, 'g'), 'two-key'],
  [new RegExp(`[0-9a-f]{64}[${String.fromCharCode(...RECORD_VERSIONS['server-key'])}]`, 'g'), 'server-key'],
  [/[0-9a-f]{64}\{"c":\d/g, 'none'],
  [/[\w-]:[0-9A-Za-z]{6}:[\w-]{43}/g, 'django'],
]

const textOf = (value: Value | undefined) => value?.head.toString('utf8') ?? ''

/** Up to eight bytes of seven bits each, and a ninth of eight. Bytes past the end of the page read as 0. */
function varint(page: Buffer, start: number): [value: number, next: number] {
  let value = 0
  for (let i = 0; i < 8; i++) {
    const byte = page[start + i] ?? 0
    value = value * 128 + (byte & 127)
    if (byte < 128) return [value, start + i + 1]
  }
  return [value * 256 + (page[start + 8] ?? 0), start + 9]
}

/** How much of a record is in the page itself. The rest is in overflow pages. */
function localSize(size: number, usable: number, type: number): number {
  const most = type === LEAF ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23
  if (size <= most) return size
  const least = Math.floor(((usable - 12) * 32) / 255) - 23
  const fits = least + ((size - least) % (usable - 4))
  return fits <= most ? fits : least
}

const SIZES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0]
const sizeOf = (type: number) => (type < 12 ? (SIZES[type] as number) : (type - 12 - (type % 2)) / 2)

/** Appends a number as decimal digits, as in the other formats. */
function number(page: Buffer, { type, at, size }: { type: number; at: number; size: number }, into: Value): void {
  if (type === 0) into.isNull = true
  else if (type === 8 || type === 9) into.byte(0x30 + type - 8)
  else if (type < 7 && size > 0) {
    const digits = Buffer.from(size === 8 ? String(page.readBigInt64BE(at)) : String(page.readIntBE(at, size)))
    into.append(digits, 0, digits.length)
  }
}

function utf16(bytes: Buffer, encoding: 'utf16le' | 'utf16be'): Buffer {
  const even = Buffer.from(bytes.subarray(0, bytes.length & ~1))
  return Buffer.from((encoding === 'utf16be' ? even.swap16() : even).toString('utf16le'))
}
