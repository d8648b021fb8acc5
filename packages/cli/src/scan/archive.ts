import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import * as zlib from 'node:zlib'
import { copyRows } from './copy.ts'
import { Cursor, type Parser, parse } from './cursor.ts'
import { hasWidth } from './names.ts'
import { type ByteReader, truncated, UnreadableError } from './reader.ts'
import { Row } from './row.ts'
import type { Source } from './source.ts'
import { SqlScanner } from './sql.ts'
import type { Tally } from './tally.ts'
import { ARCHIVE, ArchiveReader, Contents, damaged, type Entry } from './toc.ts'

/** Kinds of data in an archive: of a table, and large objects (BLK_DATA and BLK_BLOBS in pg_backup_custom.h). */
const [TABLE, LARGE_OBJECTS] = [1, 3]

/**
 * Reads the custom format of pg_dump: a table of contents, then the data, each table's in blocks that begin with their length
 * (src/bin/pg_dump/pg_backup_custom.c of PostgreSQL). Resolves to how the data is compressed.
 */
export async function readArchive(reader: ByteReader, source: Source): Promise<string> {
  const archive = new ArchiveReader(reader)
  const contents = new Contents(archive)
  await contents.read(source.tally)
  if (contents.format !== 'custom')
    throw new UnreadableError(
      `it is the table of contents of a ${contents.format} dump, without the data: scan the whole ${contents.format === 'tar' ? 'tar archive' : 'directory'}`,
    )
  const missing = new Set(contents.tables.keys())
  while (!(await reader.isAtEnd())) missing.delete(await new Data(archive, contents, source).read())
  // Cut off between the data of two tables, or before that of the first one.
  if (missing.size > 0) throw truncated(ARCHIVE)
  return contents.compression
}

/** The data of one table, or large objects, which are never sessions. */
class Data {
  readonly #archive: ArchiveReader
  readonly #contents: Contents
  readonly #source: Source

  constructor(archive: ArchiveReader, contents: Contents, source: Source) {
    this.#archive = archive
    this.#contents = contents
    this.#source = source
  }

  /** Resolves to the number of its entry. */
  async read(): Promise<number> {
    const type = await this.#archive.byte()
    const id = await this.#archive.int()
    if (type === LARGE_OBJECTS) {
      while ((await this.#archive.int()) !== 0) await drain(this.#blocks())
      return id
    }
    const entry = this.#contents.tables.get(id)
    // Data that the table of contents does not name may be of any table.
    if (type !== TABLE || !entry) throw damaged()
    const blocks = this.#blocks()
    await readTable(entry, this.#decompressed(blocks), this.#source)
    // The compressed stream may end before the last block does.
    await drain(blocks)
    return id
  }

  async *#blocks(): AsyncGenerator<Buffer> {
    for (;;) {
      const length = await this.#archive.int()
      if (length === 0) return
      if (length < 0) throw damaged()
      yield* this.#archive.reader.chunks(length, 'a table')
    }
  }

  async *#decompressed(blocks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
    const { compression } = this.#contents
    if (compression === 'not compressed') return yield* withoutReturn(blocks)
    const decompressed = compression === 'zstd' ? zlib.createZstdDecompress() : zlib.createInflate()
    const compressed = Readable.from(withoutReturn(blocks))
    // pipe() does not forward errors: the reader would wait for ever.
    compressed.on('error', (error) => decompressed.destroy(error))
    for await (const chunk of compressed.pipe(decompressed)) {
      this.#source.raw.push(chunk)
      yield chunk
    }
  }
}

/** Reads the data of one table, to its end. */
export async function readTable(entry: Entry, data: AsyncIterable<Buffer>, { tally }: Source): Promise<void> {
  const cursor = new Cursor()
  if (!entry.isCopy)
    return parse(new SqlScanner(cursor, { escapes: false, hashComments: false }, tally).statements(), data)
  await parse(copyData(cursor, entry, tally), data)
}

function* copyData(cursor: Cursor, entry: Entry, tally: Tally): Parser {
  const row = new Row()
  const width = yield* copyRows(cursor, row, () => tally.row(row, entry))
  if (width === null || (width > 0 && !hasWidth(entry, width))) tally.notUnderstood(`rows of the table ${entry.name}`)
  yield* cursor.skipSpace()
  if ((yield* cursor.peek()) >= 0) tally.notUnderstood(`what follows the rows of the table ${entry.name}`)
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

async function drain(blocks: AsyncGenerator<Buffer>): Promise<void> {
  for (;;) if ((await blocks.next()).done) return
}

/** The same blocks, but a consumer that stops early does not close the generator, which `Data` then drains. */
async function* withoutReturn(blocks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  for (;;) {
    const { done, value } = await blocks.next()
    if (done) return
    yield value
  }
}
