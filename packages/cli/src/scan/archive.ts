import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import * as zlib from 'node:zlib'
import { parse } from './cursor.ts'
import { ownerOf, type Table } from './kind.ts'
import { type ByteReader, truncated, UnreadableError } from './reader.ts'
import { Row } from './row.ts'
import { SqlScanner } from './sql.ts'
import type { Tally } from './tally.ts'
import { copyRows } from './values.ts'

/** We cannot read this archive, but pg_restore may be able to. */
export class NeedsPgRestoreError extends UnreadableError {}

const WHERE = 'the archive'
/** How much of a string in the table of contents is kept. */
const KEPT = 16_384
const CUSTOM = 1
/** Entries in a table of contents: more than any database has, and few enough to hold in memory. */
const MOST = 1_000_000
/** The archive versions of PostgreSQL 9.0 to 18. */
const [OLDEST, NEWEST] = [10, 16]
/** State of an entry's data (K_OFFSET_NO_DATA in pg_backup_custom.c). */
const WITHOUT_DATA = 3
const COMPRESSIONS = ['not compressed', 'gzip', 'lz4', 'zstd']

/** What an entry of the table of contents says about the data of a table. */
interface Entry extends Table {
  /** Is the data in lines of COPY? Otherwise it is in INSERT statements. */
  readonly isCopy: boolean
}

/**
 * Reads the custom format of pg_dump: a table of contents, then the data, each table's in blocks that begin with their length
 * (src/bin/pg_dump/pg_backup_archiver.c and pg_backup_custom.c of PostgreSQL). Resolves to how the data is compressed.
 */
export async function readArchive(reader: ByteReader, tally: Tally): Promise<string> {
  const archive = new Archive(reader)
  await archive.readHead()
  const entries = await archive.readContents(tally)
  const missing = new Set(entries.keys())
  while (!(await reader.isAtEnd())) missing.delete(await archive.readData(entries, tally))
  // Cut off between the data of two tables, or before that of the first one.
  if (missing.size > 0) throw truncated(WHERE)
  return archive.compression
}

/** The SQL of an archive, as this pg_restore writes it. Throws `why`, with a hint, when there is no pg_restore. */
export function restoredSql(pgRestore: string | null, file: string, why: Error): AsyncGenerator<Buffer> {
  if (pgRestore === null)
    throw new UnreadableError(`${why.message}; with pg_restore installed (Debian: postgresql-client) it can be read`)
  return outputOf(pgRestore, file, why)
}

async function* outputOf(pgRestore: string, file: string, why: Error): AsyncGenerator<Buffer> {
  // After "--", so that a file name that looks like an option is not taken for one.
  const child = spawn(pgRestore, ['--file=-', '--', file], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'close')
  ended.catch(() => {})
  try {
    yield* child.stdout
    const [code] = await ended
    if (code !== 0) throw new UnreadableError(`${why.message}, and pg_restore could not read it either`)
  } finally {
    child.kill()
  }
}

class Archive {
  readonly #reader: ByteReader
  readonly #row = new Row()
  #minor = 0
  #intSize = 4
  #offsetSize = 8
  compression = ''

  constructor(reader: ByteReader) {
    this.#reader = reader
  }

  async readHead(): Promise<void> {
    await this.#reader.skip('PGDMP'.length, WHERE)
    const major = await this.#byte()
    this.#minor = await this.#byte()
    await this.#byte()
    if (major !== 1 || this.#minor < OLDEST || this.#minor > NEWEST)
      throw new NeedsPgRestoreError(`it is a PostgreSQL archive of the unknown version ${major}.${this.#minor}`)
    this.#intSize = await this.#byte()
    this.#offsetSize = await this.#byte()
    if (![4, 8].includes(this.#intSize) || ![4, 8].includes(this.#offsetSize)) throw damaged()
    if ((await this.#byte()) !== CUSTOM)
      throw new UnreadableError(
        'it is the table of contents of a directory or tar dump, which cannot be read: make a plain or custom dump',
      )
    // Before 1.15 this is a compression level; 0 is no compression.
    const code = this.#minor >= 15 ? await this.#byte() : (await this.#int()) === 0 ? 0 : 1
    this.compression = COMPRESSIONS[code] ?? ''
    if (!(code in COMPRESSIONS)) throw damaged()
    if (code === 2 || (code === 3 && !('createZstdDecompress' in zlib)))
      throw new NeedsPgRestoreError(`it is compressed with ${this.compression}, which this Node cannot read`)
    // The time of the dump, as seven numbers.
    for (let i = 0; i < 7; i++) await this.#int()
    for (let i = 0; i < 3; i++) await this.#string()
  }

  async readContents(tally: Tally): Promise<Map<number, Entry>> {
    const entries = new Map<number, Entry>()
    const count = await this.#int()
    if (count > MOST) throw new NeedsPgRestoreError('it claims more entries than any archive has')
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
    const hasDumper = (await this.#int()) !== 0
    await this.#string()
    await this.#string()
    const [tag, kind] = [await this.#string(), await this.#string()]
    if (this.#minor >= 11) await this.#int()
    const define = await this.#string()
    await this.#string()
    const [copy, schema] = [await this.#string(), await this.#string()]
    await this.#string()
    if (this.#minor >= 14) await this.#string()
    if (this.#minor >= 16) await this.#int()
    // Owner, and whether rows have OIDs.
    await this.#string()
    await this.#string()
    while ((await this.#stringOrNull()) !== null);
    const state = await this.#byte()
    await this.#reader.skip(this.#offsetSize, WHERE)
    return { id, hasData: hasDumper && state !== WITHOUT_DATA, tag, kind, schema, define, copy }
  }

  /** Reads one table's data, or large objects, which are never sessions. Resolves to the id of its entry. */
  async readData(entries: ReadonlyMap<number, Entry>, tally: Tally): Promise<number> {
    const type = await this.#byte()
    const id = await this.#int()
    if (type === 3) {
      while ((await this.#int()) !== 0) await drain(this.#blocks())
      return id
    }
    const entry = entries.get(id)
    if (type !== 1) throw damaged()
    const blocks = this.#blocks()
    if (entry) await this.#readTable(entry, this.#decompressed(blocks), tally)
    // The compressed stream may end before the last block does.
    await drain(blocks)
    return id
  }

  #readTable(entry: Entry, data: AsyncIterable<Buffer>, tally: Tally): Promise<void> {
    const row = this.#row
    if (entry.isCopy) return parse((cursor) => copyRows(cursor, row, () => tally.row(row, entry)), data)
    return parse((cursor) => new SqlScanner(cursor, { escapes: false }, tally).statements(), data)
  }

  async *#blocks(): AsyncGenerator<Buffer> {
    for (;;) {
      const length = await this.#int()
      if (length === 0) return
      if (length < 0) throw damaged()
      yield* this.#reader.chunks(length, 'a table')
    }
  }

  #decompressed(blocks: AsyncGenerator<Buffer>): AsyncIterable<Buffer> {
    if (this.compression === 'not compressed') return withoutReturn(blocks)
    const decompressed = this.compression === 'zstd' ? zlib.createZstdDecompress() : zlib.createInflate()
    const compressed = Readable.from(withoutReturn(blocks))
    // pipe() does not forward errors: the reader would wait for ever.
    compressed.on('error', (error) => decompressed.destroy(error))
    return compressed.pipe(decompressed)
  }

  async #byte(): Promise<number> {
    return (await this.#reader.take(1, WHERE))[0] as number
  }

  /** A sign byte, then the value, least significant byte first. */
  async #int(): Promise<number> {
    const bytes = await this.#reader.take(1 + this.#intSize, WHERE)
    const size = bytes.readUIntLE(1, Math.min(6, this.#intSize))
    return bytes[0] === 0 ? size : -size
  }

  async #string(): Promise<string> {
    return (await this.#stringOrNull()) ?? ''
  }

  async #stringOrNull(): Promise<string | null> {
    const length = await this.#int()
    if (length < 0) return null
    const kept = Math.min(length, KEPT)
    const text = (await this.#reader.take(kept, WHERE)).toString('utf8')
    await this.#reader.skip(length - kept, WHERE)
    return text
  }
}

const damaged = () => new UnreadableError('it begins as a PostgreSQL archive and is damaged')

async function drain(blocks: AsyncGenerator<Buffer>): Promise<void> {
  for (;;) if ((await blocks.next()).done) return
}

/** The same blocks, but a consumer that stops early does not close the generator, which `readData` then drains. */
async function* withoutReturn(blocks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  for (;;) {
    const { done, value } = await blocks.next()
    if (done) return
    yield value
  }
}

/** Keeps the columns of session tables only: there may be many other tables. */
function entryOf(name: string, copy: string): Entry {
  const table = { name, columns: columnsOf(copy) }
  return { name: name.slice(0, 130), columns: ownerOf(table) && table.columns, isCopy: copy !== '' }
}

/** The columns in "COPY public.t (a, "b") FROM stdin;" or in a table definition; null when it has none. */
function columnsOf(statement: string): string[] | null {
  const list = /\((.*)\)/s.exec(statement)?.[1]
  if (list === undefined) return null
  return list.split(',').map((column) => /^\s*"?([^"\s]*)/.exec(column)?.[1] ?? '')
}
