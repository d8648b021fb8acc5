import { kindOf } from './kind.ts'
import { RawSearch } from './raw.ts'
import { UnreadableError } from './reader.ts'
import { Row, type Value } from './row.ts'
import type { Tally } from './tally.ts'
import { encodingOf } from './text.ts'

/** The types of pages that hold records. */
const LEAF = 13
const INDEX_LEAF = 10
const INDEX_INNER = 2
/** A page of a table that leads to other pages. */
const INNER = 5
/** More pages than that are in no database that anybody dumps: 64 GB in the usual size. */
const MOST_PAGES = 1 << 24

/** How much of a row shows whether it is a session. Pages of 512 bytes may have less of a long one. */
const ENOUGH = 96

/** The layout of a database's pages. */
export interface Layout {
  readonly pageSize: number
  /** The page size without the bytes that an extension reserves at the end of each page. */
  readonly usable: number
  readonly encoding: 'utf8' | 'utf16le' | 'utf16be'
}

export const damaged = () => new UnreadableError('it begins as a SQLite file and is damaged')

/** Reads the rows in the pages of a SQLite database. */
export class PageScanner {
  readonly #layout: Layout
  readonly #tally: Tally
  readonly #row = new Row()
  readonly #isLog: boolean
  /** What is left of deleted rows, in pages of rows. */
  readonly #remnants = new RawSearch()
  /** Pages that are not read as rows: they hold the ends of long rows, and may be free or damaged. */
  readonly #elsewhere = new RawSearch()
  /** Rows of Django whose signature is elsewhere. */
  #longRows = 0
  #hasSchema = false
  #pages = 0
  /** How many bytes of this page were read as records. */
  #parsed = 0

  constructor(layout: Layout, tally: Tally, isLog = false) {
    this.#layout = layout
    this.#tally = tally
    this.#isLog = isLog
  }

  page(page: Buffer, start: number): void {
    this.#pages++
    const type = page[start]
    if (type === LEAF || type === INDEX_LEAF || type === INDEX_INNER) this.#cells(page, start, type)
    // It may hold copies of rows that are now in the pages below it: the table was small once.
    else if (type !== INNER || !isInner(page, start)) this.#push(this.#elsewhere, page)
  }

  #cells(page: Buffer, start: number, type: number): void {
    const pointers = start + (type === INDEX_INNER ? 12 : 8)
    const cells = Math.min(page.readUInt16BE(start + 3), (page.length - pointers) >> 1)
    // Bytes that belong to no cell may be what is left of deleted ones.
    const gaps = Buffer.from(page)
    gaps.fill(0, 0, pointers)
    this.#parsed = 0
    for (let i = 0; i < cells && this.#parsed <= this.#layout.usable; i++) {
      const at = page.readUInt16BE(pointers + 2 * i)
      if (at < pointers || at >= this.#layout.usable) continue
      const end = this.#cell(page, at, type)
      if (end > at) gaps.fill(0, at, end)
    }
    // Thousands of pointers to one large cell would take a time that is quadratic in the size of the page.
    if (this.#parsed > this.#layout.usable) this.#tally.notUnderstood('a damaged page, on which rows overlap')
    // An index has ids and no records.
    if (type === LEAF) this.#push(this.#remnants, gaps)
  }

  /** Counts what is in no row. Throws when there was no table at all, as in a database whose encoding is not what it says. */
  end(): void {
    this.#add(this.#remnants.end(), 0)
    this.#add(this.#elsewhere.end(), this.#longRows)
    if (!this.#isLog && this.#pages > 1 && !this.#hasSchema) throw damaged()
  }

  #push(search: RawSearch, page: Buffer): void {
    // Latin letters in UTF-16 are those letters and zeros.
    search.push(this.#layout.encoding === 'utf8' ? page : Buffer.from(page.filter((byte) => byte !== 0)))
    search.push(BETWEEN)
  }

  #add(counts: ReturnType<RawSearch['end']>, known: number): void {
    for (const [trace, count] of counts) {
      const rows = trace === 'django' ? count - known : count
      if (trace === 'cookie' || trace === 'unknown' || trace === 'events' || trace === 'comments') continue
      if (rows > 0) this.#tally.add(trace, rows, null)
    }
  }

  /** Reads a cell and returns where it ends; 0 when there is no cell. */
  #cell(page: Buffer, start: number, type: number): number {
    const { usable } = this.#layout
    let [size, at] = varint(page, type === INDEX_INNER ? start + 4 : start)
    if (type === LEAF) at = varint(page, at)[1]
    const local = localSize(size, usable, type)
    const end = at + local
    if (end > usable) {
      // A row where the header says that there are none: the header is wrong, and with it where other rows end.
      if (end <= page.length && this.#record(page, { start: at, end, size }) > 0) throw damaged()
      return 0
    }
    if (this.#record(page, { start: at, end, size }) === 0) return 0
    this.#tally.width(this.#row)
    const kind = kindOf(this.#row, null)
    if (kind === 'django' && local < size) this.#longRows++
    if (kind !== null) this.#tally.add(kind, 1, null)
    else if (!this.#schema() && local < size && local < ENOUGH) this.#tally.notUnderstood('long rows on small pages')
    return end + (local < size ? 4 : 0)
  }

  /** Fills the row with the values of the record in these bytes, and returns its size; 0 when they are not a record of this size. */
  #record(page: Buffer, { start, end, size }: { start: number; end: number; size: number }): number {
    this.#row.clear()
    this.#parsed += end - start
    let [head, at] = varint(page, start)
    let value = start + head
    const types = value
    if (head < 2 || types > end) return 0
    while (at < types) {
      const [type, next] = varint(page, at)
      at = next
      value += this.#value(page, { type, at: value, end })
    }
    return at === types && value - start === size ? size : 0
  }

  #value(page: Buffer, { type, at, end }: { type: number; at: number; end: number }): number {
    const into = this.#row.next()
    const size = sizeOf(type)
    const here = Math.max(0, Math.min(size, end - at))
    if (type < 12) number(page, { type, at, size: here === size ? size : 0 }, into)
    else if (type % 2 === 1 && this.#encodingOf(page, at, at + here) !== 'utf8') {
      const text = utf16(page.subarray(at, at + here), this.#encodingOf(page, at, at + here))
      into.append(text, 0, text.length)
    } else into.append(page, at, at + here)
    if (here < size) {
      into.isTruncated = true
      if (this.#layout.encoding === 'utf8') into.length = size
    }
    return size
  }

  /** A log does not say how the text in it is encoded. */
  #encodingOf(page: Buffer, start: number, end: number): Layout['encoding'] {
    if (!this.#isLog) return this.#layout.encoding
    const encoding = encodingOf(page.subarray(start, end))
    return encoding === 'utf-16le' ? 'utf16le' : encoding === 'utf-16be' ? 'utf16be' : 'utf8'
  }

  /** A row of sqlite_schema describes a table: type, name, table, page, and the statement that created it. False for other rows. */
  #schema(): boolean {
    const type = this.#row.count === 5 ? textOf(this.#row.at(0)) : ''
    if (!SCHEMA.includes(type)) return false
    this.#hasSchema = true
    if (type !== 'table') return true
    const columns = /\((.*)/s.exec(textOf(this.#row.at(4)))?.[1]?.split(',')
    const names = columns?.map((column) => /^[\s"`[]*(\w*)/.exec(column)?.[1] ?? '')
    this.#tally.table({ name: textOf(this.#row.at(1)), columns: names ?? null })
    return true
  }
}

/** The page after its last cell is a number of a page. Where rows begin in a page of rows, read as one, is far greater. */
const isInner = (page: Buffer, start: number) => page.readUInt32BE(start + 8) < MOST_PAGES

/** What ends a page in a search: nothing that is looked for goes on after it. */
const BETWEEN = Buffer.from('\nthe end of a page\n')

const SCHEMA = ['table', 'index', 'view', 'trigger']

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

function utf16(bytes: Buffer, encoding: Layout['encoding']): Buffer {
  const even = Buffer.from(bytes.subarray(0, bytes.length & ~1))
  return Buffer.from((encoding === 'utf16be' ? even.swap16() : even).toString('utf16le'))
}
