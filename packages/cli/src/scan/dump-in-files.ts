import { readTable } from './archive.ts'
import { compressionOf, decompressed } from './compression.ts'
import { type ByteReader, UnreadableError } from './reader.ts'
import type { Source } from './source.ts'
import { ArchiveReader, Contents } from './toc.ts'

/** A dump of PostgreSQL in several files. */
export class DumpInFiles {
  compression = ''
  readonly #source: Source
  #tables: Contents['tables'] = new Map()
  readonly #missing = new Set<number | string>()

  constructor(source: Source) {
    this.#source = source
  }

  async read(reader: ByteReader): Promise<void> {
    const contents = new Contents(new ArchiveReader(reader))
    await contents.read(this.#source.tally)
    this.#tables = contents.tables
    this.compression = contents.compression
    for (const file of contents.tables.keys()) this.#missing.add(file)
  }

  has(file: string): boolean {
    return this.#tables.has(file)
  }

  /** A file of the dump: the data of a table, or large objects, which are never sessions. */
  async table(file: string, reader: ByteReader): Promise<void> {
    const name = file.replace(/\.(?:gz|lz4|zst)$/, '')
    const entry = this.#tables.get(name)
    if (!entry) {
      if (!isLargeObject(file)) this.#source.tally.notUnderstood('a file that its table of contents does not name')
      return
    }
    const compression = compressionOf(await reader.peek(4))
    const chunks = compression === null ? reader.rest() : decompressed(reader, compression)
    await readTable(entry, watched(chunks, this.#source), this.#source)
    this.#missing.delete(name)
  }

  end(): void {
    if (this.#missing.size > 0) throw new UnreadableError('the data of some of its tables is missing')
  }
}

export const isLargeObject = (file: string) => /^blobs?[_.]/.test(file)

async function* watched(chunks: AsyncIterable<Buffer>, { raw }: Source): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    raw.push(chunk)
    yield chunk
  }
}
