import { damaged, type Layout, PageScanner } from './pages.ts'
import { type ByteReader, truncated, UnreadableError } from './reader.ts'
import type { Source } from './source.ts'
import type { Tally } from './tally.ts'

/**
 * Reads a SQLite database page by page (https://www.sqlite.org/fileformat2.html), without SQLite. So it needs no space for a
 * copy, works on a pipe, never opens a malicious file in SQLite, and finds deleted rows that have not been overwritten.
 */
export async function readDatabase(reader: ByteReader, { tally }: Source): Promise<void> {
  // A copy: the reader keeps no more than the page that it is at.
  const head = Buffer.from(await reader.peek(100))
  const layout = layoutOf(head)
  const scanner = new PageScanner(layout, tally)
  let pages = 0
  while (!(await reader.isAtEnd())) scanner.page(await reader.take(layout.pageSize, 'a page'), pages++ === 0 ? 100 : 0)
  scanner.end()
  // What the header says is right if it was written by the last change.
  const count = head.readUInt32BE(28)
  if (head.readUInt32BE(24) !== head.readUInt32BE(92) || count === pages) return
  if (count > pages) throw truncated('the database')
  throw new UnreadableError('it is not as long as its first bytes say: it is damaged')
}

/** Reads the write-ahead log of a database: pages too, newer than those in the database. */
export async function readLog(reader: ByteReader, tally: Tally): Promise<void> {
  const head = await reader.take(32, 'its first bytes')
  const pageSize = head.readUInt32BE(8)
  checkPageSize(pageSize)
  checkLogHead(head)
  const scanner = new PageScanner({ pageSize, usable: pageSize, encoding: 'utf8' }, tally, true)
  while (!(await reader.isAtEnd())) {
    const number = (await reader.take(24, 'a page')).readUInt32BE(0)
    scanner.page(await reader.take(pageSize, 'a page'), number === 1 ? 100 : 0)
  }
  scanner.end()
}

/**
 * Throws when the journal beside a database belongs to a transaction that has not ended: rows that it has deleted are in the
 * journal alone, and come back when SQLite opens the database. One whose first byte is zero has ended.
 */
export async function checkJournal(reader: ByteReader): Promise<void> {
  if ((await reader.peek(1))[0] === 0) return
  // Its bytes are searched.
  for await (const _ of reader.rest());
  throw new UnreadableError(
    'an unfinished transaction is in the file beside it whose name ends in "-journal": end it, or roll it back by opening the database with sqlite3, and scan again',
  )
}

function layoutOf(head: Buffer): Layout {
  if (head.length < 100) throw new UnreadableError('it begins as a SQLite database and is too short for one')
  // 65536 does not fit into two bytes and is stored as 1.
  const pageSize = head.readUInt16BE(16) === 1 ? 65_536 : head.readUInt16BE(16)
  checkPageSize(pageSize)
  const usable = pageSize - (head[20] as number)
  const encoding = ENCODINGS[head.readUInt32BE(56)]
  if (encoding === undefined || usable < 480) throw damaged()
  return { pageSize, usable, encoding }
}

/** By their number; 0 in a database that has no table yet. */
const ENCODINGS = ['utf8', 'utf8', 'utf16le', 'utf16be'] as const

function checkPageSize(size: number): void {
  if (size < 512 || size > 65_536 || (size & (size - 1)) !== 0) throw damaged()
}

/** The checksum of the first 24 bytes, in the byte order that the magic number names. */
function checkLogHead(head: Buffer): void {
  const read = (at: number) => ((head[3] as number) & 1 ? head.readUInt32BE(at) : head.readUInt32LE(at))
  let [first, second] = [0, 0]
  for (let at = 0; at < 24; at += 8) {
    first = (first + read(at) + second) >>> 0
    second = (second + read(at + 4) + first) >>> 0
  }
  if (head.readUInt32BE(24) !== first || head.readUInt32BE(28) !== second) throw damaged()
}
