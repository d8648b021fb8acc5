import { Readable } from 'node:stream'
import * as zlib from 'node:zlib'
import { copyRows } from './copy.ts'
import { parse } from './feed.ts'
import { ownerOf, type Table } from './kind.ts'
import { Row } from './row.ts'
import { type Source, Unreadable } from './source.ts'
import { SqlText } from './sql.ts'
import type { Tally } from './tally.ts'

/** An archive that pg_restore may be able to read, and we are not. */
export class NeedsPgRestore extends Unreadable {}

const WHERE = 'the archive'
/** Kept of a text in the table of contents; the rest is passed over. */
const KEPT = 16_384
const CUSTOM = 1
/** Entries in a table of contents: far more than a database can have, and few enough to be kept. */
const MOST = 1_000_000
/** The versions of PostgreSQL 9.0 to 18. */
const [OLDEST, NEWEST] = [10, 16]
const COMPRESSIONS = ['not compressed', 'gzip', 'lz4', 'zstd']

/** What an entry of the table of contents says of the data that it names. */
interface Entry extends Table {
  /** Lines of COPY, or else INSERT statements. */
  readonly isCopy: boolean
}

/**
 * The custom format of pg_dump: a table of contents, then the data, each table's in blocks that say how long they are
 * (src/bin/pg_dump/pg_backup_archiver.c and pg_backup_custom.c of PostgreSQL). Answers what the archive is.
 */
export async function readArchive(source: Source, tally: Tally): Promise<string> {
  const archive = new Archive(source)
  await archive.readHead()
  const entries = await archive.readContents(tally)
  while (!(await source.isAtEnd())) await archive.readData(entries, tally)
  return `PostgreSQL custom archive, ${archive.compression}`
}

class Archive {
  readonly #source: Source
  readonly #row = new Row()
  #minor = 0
  #intSize = 4
  #offsetSize = 8
  compression = ''

  constructor(source: Source) {
    this.#source = source
  }

  async readHead(): Promise<void> {
    await this.#source.skip('PGDMP'.length, WHERE)
    const major = await this.#byte()
    this.#minor = await this.#byte()
    await this.#byte()
    if (major !== 1 || this.#minor < OLDEST || this.#minor > NEWEST)
      throw new NeedsPgRestore(`it is a PostgreSQL archive of version ${major}.${this.#minor}, which is not known here`)
    this.#intSize = await this.#byte()
    this.#offsetSize = await this.#byte()
    if (![4, 8].includes(this.#intSize) || ![4, 8].includes(this.#offsetSize)) throw damaged()
    if ((await this.#byte()) !== CUSTOM)
      throw new Unreadable(
        'it is the table of contents of a directory or tar dump, which is not read: make a plain or custom one',
      )
    // Before 1.15 a level, of which 0 is none.
    const code = this.#minor >= 15 ? await this.#byte() : (await this.#int()) === 0 ? 0 : 1
    this.compression = COMPRESSIONS[code] ?? ''
    if (!(code in COMPRESSIONS)) throw damaged()
    if (code === 2 || (code === 3 && !('createZstdDecompress' in zlib)))
      throw new NeedsPgRestore(`it is compressed with ${this.compression}, which this Node cannot read`)
    // The moment of the dump, in seven numbers.
    for (let i = 0; i < 7; i++) await this.#int()
    for (let i = 0; i < 3; i++) await this.#text()
  }

  async readContents(tally: Tally): Promise<Map<number, Entry>> {
    const entries = new Map<number, Entry>()
    const count = await this.#int()
    if (count > MOST) throw new NeedsPgRestore('it has more entries than any archive')
    for (let i = 0; i < count; i++) {
      const { id, hasData, tag, kind, schema, define, copy } = await this.#entry()
      const name = schema ? `${schema}.${tag}` : tag
      if (kind === 'TABLE') tally.table({ name, columns: columnsOf(define.replaceAll('\n', ' ')) })
      if (hasData && kind === 'TABLE DATA') entries.set(id, entryOf(name, copy))
    }
    return entries
  }

  async #entry() {
    const id = await this.#int()
    const hasData = (await this.#int()) !== 0
    await this.#text()
    await this.#text()
    const [tag, kind] = [await this.#text(), await this.#text()]
    if (this.#minor >= 11) await this.#int()
    const define = await this.#text()
    await this.#text()
    const [copy, schema] = [await this.#text(), await this.#text()]
    await this.#text()
    if (this.#minor >= 14) await this.#text()
    if (this.#minor >= 16) await this.#int()
    // Owner, and whether rows have OIDs.
    await this.#text()
    await this.#text()
    while ((await this.#textOrNull()) !== null);
    await this.#source.skip(1 + this.#offsetSize, WHERE)
    return { id, hasData, tag, kind, schema, define, copy }
  }

  /** One table's data, or the large objects, of which none is a session. */
  async readData(entries: ReadonlyMap<number, Entry>, tally: Tally): Promise<void> {
    const type = await this.#byte()
    const id = await this.#int()
    if (type === 3) {
      while ((await this.#int()) !== 0) await drain(this.#blocks())
      return
    }
    const entry = entries.get(id)
    if (type !== 1) throw damaged()
    const blocks = this.#blocks()
    if (entry) await this.#readTable(entry, this.#unpacked(blocks), tally)
    // A compressed stream may end before its blocks do.
    await drain(blocks)
  }

  #readTable(entry: Entry, data: AsyncIterable<Buffer>, tally: Tally): Promise<void> {
    const row = this.#row
    if (entry.isCopy) return parse((feed) => copyRows(feed, row, () => tally.row(row, entry)), data)
    return parse((feed) => new SqlText(feed, { escapes: false }, tally).statements(), data)
  }

  async *#blocks(): AsyncGenerator<Buffer> {
    for (;;) {
      const length = await this.#int()
      if (length === 0) return
      if (length < 0) throw damaged()
      yield* this.#source.next(length, 'a table')
    }
  }

  #unpacked(blocks: AsyncGenerator<Buffer>): AsyncIterable<Buffer> {
    if (this.compression === 'not compressed') return keptOpen(blocks)
    const unpack = this.compression === 'zstd' ? zlib.createZstdDecompress() : zlib.createInflate()
    // An error of the blocks must reach whoever reads what they hold; and blocks are read to their end by us.
    const packed = Readable.from(keptOpen(blocks))
    packed.on('error', (error) => unpack.destroy(error))
    return packed.pipe(unpack)
  }

  async #byte(): Promise<number> {
    return (await this.#source.take(1, WHERE))[0] as number
  }

  /** A sign, then the bytes, the lowest first. */
  async #int(): Promise<number> {
    const bytes = await this.#source.take(1 + this.#intSize, WHERE)
    const size = bytes.readUIntLE(1, Math.min(6, this.#intSize))
    return bytes[0] === 0 ? size : -size
  }

  async #text(): Promise<string> {
    return (await this.#textOrNull()) ?? ''
  }

  async #textOrNull(): Promise<string | null> {
    const length = await this.#int()
    if (length < 0) return null
    const kept = Math.min(length, KEPT)
    const text = (await this.#source.take(kept, WHERE)).toString('utf8')
    await this.#source.skip(length - kept, WHERE)
    return text
  }
}

const damaged = () => new Unreadable('it begins as a PostgreSQL archive and is damaged')

async function drain(blocks: AsyncGenerator<Buffer>): Promise<void> {
  for (;;) if ((await blocks.next()).done) return
}

/** The same, but that ending it early does not end what is below. */
async function* keptOpen(blocks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  for (;;) {
    const { done, value } = await blocks.next()
    if (done) return
    yield value
  }
}

/** The columns of a table that is none of sessions are nobody's business, and there may be many. */
function entryOf(name: string, copy: string): Entry {
  const table = { name, columns: columnsOf(copy) }
  return { name: name.slice(0, 130), columns: ownerOf(table) && table.columns, isCopy: copy !== '' }
}

/** The columns in "COPY public.t (a, "b") FROM stdin;" or in a definition; null when there are none. */
function columnsOf(statement: string): string[] | null {
  const list = /\((.*)\)/s.exec(statement)?.[1]
  if (list === undefined) return null
  return list.split(',').map((column) => /^\s*"?([^"\s]*)/.exec(column)?.[1] ?? '')
}
