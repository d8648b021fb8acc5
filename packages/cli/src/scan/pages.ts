import { type Kind, kindOf } from './kind.ts'
import { Row, type Value } from './row.ts'
import { type Source, Unreadable } from './source.ts'
import type { Tally } from './tally.ts'

/** Kinds of pages: what stands before the record in a cell, and whether rows may be in it. */
const LEAF = 13
const INDEX_LEAF = 10
const INDEX_INNER = 2

/** How the pages of a database are made. */
interface Layout {
  readonly pageSize: number
  /** Without the bytes that an extension keeps at the end of each page. */
  readonly usable: number
  readonly encoding: 'utf8' | 'utf16le' | 'utf16be'
}

/**
 * A SQLite database, page by page (https://www.sqlite.org/fileformat2.html), without SQLite: it needs no place for a copy,
 * reads from a pipe, opens no file that an attacker made, and sees what was deleted and is still there.
 */
export async function readDatabase(source: Source, tally: Tally): Promise<string> {
  const layout = layoutOf(await source.peek(100))
  const reader = new Pages(layout, tally)
  for (let number = 1; !(await source.isAtEnd()); number++)
    reader.page(await source.take(layout.pageSize, 'a page'), number === 1 ? 100 : 0)
  return 'SQLite database'
}

/** The write-ahead log of a database: pages too, newer than those in the database. */
export async function readLog(source: Source, tally: Tally): Promise<string> {
  const pageSize = (await source.take(32, 'its first bytes')).readUInt32BE(8)
  checkPageSize(pageSize)
  const reader = new Pages({ pageSize, usable: pageSize, encoding: 'utf8' }, tally)
  while (!(await source.isAtEnd())) {
    const number = (await source.take(24, 'a page')).readUInt32BE(0)
    reader.page(await source.take(pageSize, 'a page'), number === 1 ? 100 : 0)
  }
  return 'write-ahead log of SQLite'
}

function layoutOf(head: Buffer): Layout {
  if (head.length < 100) throw new Unreadable('it begins as a SQLite database and is too short for one')
  // 65536 does not fit into two bytes, and is written as 1.
  const pageSize = head.readUInt16BE(16) === 1 ? 65_536 : head.readUInt16BE(16)
  checkPageSize(pageSize)
  const usable = pageSize - (head[20] as number)
  const encoding = head.readUInt32BE(56) === 2 ? 'utf16le' : head.readUInt32BE(56) === 3 ? 'utf16be' : 'utf8'
  return { pageSize, usable, encoding }
}

function checkPageSize(size: number): void {
  if (size >= 512 && size <= 65_536 && (size & (size - 1)) === 0) return
  throw new Unreadable('it begins as a file of SQLite and is damaged')
}

class Pages {
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
    // What no cell covers holds the remains of deleted ones.
    const gaps = Buffer.from(page)
    gaps.fill(0, 0, pointers + 2 * cells)
    for (let i = 0; i < cells; i++) {
      const at = page.readUInt16BE(pointers + 2 * i)
      if (at < pointers || at >= this.#layout.usable) continue
      const end = this.#cell(page, at, type)
      if (end > at) gaps.fill(0, at, end)
    }
    if (type === LEAF) this.#remains(gaps.toString('latin1'))
  }

  /** Reads a cell and answers where it ends; 0 when it is none. */
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

  /** Fills the row with the values that stand in these bytes; false when they are no record. */
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
      into.isCut = true
      if (this.#layout.encoding === 'utf8') into.length = size
    }
    return size
  }

  /** A row of sqlite_schema tells of a table: type, name, table, page, and the statement that made it. */
  #schema(): void {
    if (this.#row.count !== 5 || textOf(this.#row.at(0)) !== 'table') return
    const columns = /\((.*)/s.exec(textOf(this.#row.at(4)))?.[1]?.split(',')
    const names = columns?.map((column) => /^[\s"`[]*(\w*)/.exec(column)?.[1] ?? '')
    this.#tally.table({ name: textOf(this.#row.at(1)), columns: names ?? null })
  }

  #remains(text: string): void {
    for (const [pattern, kind] of REMAINS) {
      const count = [...text.matchAll(pattern)].length
      if (count > 0) this.#tally.add(kind, count, null)
    }
  }
}

/** Our record stands behind its id; Django's ends in its time and signature. */
const REMAINS: readonly (readonly [RegExp, Kind])[] = [
  [new RegExp(`[0-9a-f]{64}${String.fromCharCode(1)}`, 'g'), 'two-key'],
  [new RegExp(`[0-9a-f]{64}${String.fromCharCode(2)}`, 'g'), 'server-key'],
  [/[0-9a-f]{64}\{"c":\d/g, 'none'],
  [/[\w-]:[0-9A-Za-z]{6}:[\w-]{43}/g, 'django'],
]

const textOf = (value: Value | undefined) => value?.head.toString('utf8') ?? ''

/** Up to nine bytes of seven bits, the last of eight. Past the end of the page it is 0. */
function varint(page: Buffer, start: number): [value: number, next: number] {
  let value = 0
  for (let i = 0; i < 8; i++) {
    const byte = page[start + i] ?? 0
    value = value * 128 + (byte & 127)
    if (byte < 128) return [value, start + i + 1]
  }
  return [value * 256 + (page[start + 8] ?? 0), start + 9]
}

/** How much of a record is in the page itself; the rest is in overflow pages. */
function localSize(size: number, usable: number, type: number): number {
  const most = type === LEAF ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23
  if (size <= most) return size
  const least = Math.floor(((usable - 12) * 32) / 255) - 23
  const fits = least + ((size - least) % (usable - 4))
  return fits <= most ? fits : least
}

const SIZES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0]
const sizeOf = (type: number) => (type < 12 ? (SIZES[type] as number) : (type - 12 - (type % 2)) / 2)

/** A number as its decimal digits, as the other formats have it. */
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
