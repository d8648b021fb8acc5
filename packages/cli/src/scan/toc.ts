import { hasZstd } from './compression.ts'
import { ownerOf, type Table } from './kind.ts'
import { type ByteReader, UnreadableError } from './reader.ts'
import type { Tally } from './tally.ts'

/** We cannot read this archive, but pg_restore may be able to. */
export class NeedsPgRestoreError extends UnreadableError {}

/** In errors: "it ends in the middle of the archive". */
export const ARCHIVE = 'the archive'
/** How much of a name in the table of contents is kept, and of a statement. No more is read: a slice of a string keeps all of it. */
const [NAME, STATEMENT] = [128, 16_384]
/** The formats of pg_dump that begin with a table of contents (ArchiveFormat in pg_backup.h). */
const FORMATS: ReadonlyMap<number, 'custom' | 'tar' | 'directory'> = new Map([
  [1, 'custom'],
  [3, 'tar'],
  [5, 'directory'],
])
/** Entries in a table of contents: more than any database has. */
const MOST = 1_000_000
/** Tables with data, few enough to hold in memory; and session tables, whose columns are held too. */
const [MOST_TABLES, MOST_WITH_COLUMNS] = [200_000, 100]
/** The archive versions of PostgreSQL 9.0 to 18. */
const [OLDEST, NEWEST] = [10, 16]
/** State of an entry's data (K_OFFSET_NO_DATA in pg_backup_custom.c). */
const WITHOUT_DATA = 3
export const COMPRESSIONS = ['not compressed', 'gzip', 'lz4', 'zstd'] as const

/** What an entry of the table of contents says about the data of a table. */
export interface Entry extends Table {
  /** Is the data in lines of COPY? Otherwise it is in INSERT statements. */
  readonly isCopy: boolean
}

/** The numbers and strings of an archive (src/bin/pg_dump/pg_backup_archiver.c of PostgreSQL). */
export class ArchiveReader {
  readonly reader: ByteReader
  intSize = 4

  constructor(reader: ByteReader) {
    this.reader = reader
  }

  async byte(): Promise<number> {
    return (await this.reader.take(1, ARCHIVE))[0] as number
  }

  /** A sign byte, then the value, least significant byte first. */
  async int(): Promise<number> {
    const bytes = await this.reader.take(1 + this.intSize, ARCHIVE)
    const size = bytes.readUIntLE(1, Math.min(6, this.intSize))
    return bytes[0] === 0 ? size : -size
  }

  async string(most = NAME): Promise<string> {
    return (await this.stringOrNull(most)) ?? ''
  }

  async stringOrNull(most = NAME): Promise<string | null> {
    const length = await this.int()
    if (length < 0) return null
    const kept = Math.min(length, most)
    const text = (await this.reader.take(kept, ARCHIVE)).toString('utf8')
    await this.reader.skip(length - kept, ARCHIVE)
    return text
  }
}

/** The beginning of an archive, and its table of contents. */
export class Contents {
  format: 'custom' | 'tar' | 'directory' = 'custom'
  compression: (typeof COMPRESSIONS)[number] = 'not compressed'
  /** Tables with data: by number in the custom format, by the name of their file in the others. */
  readonly tables = new Map<number | string, Entry>()
  readonly #archive: ArchiveReader
  #minor = 0
  #offsetSize = 8
  #withColumns = 0

  constructor(archive: ArchiveReader) {
    this.#archive = archive
  }

  async read(tally: Tally): Promise<void> {
    await this.#head()
    const archive = this.#archive
    const count = await archive.int()
    if (count > MOST) throw new NeedsPgRestoreError('it claims more entries than any archive has')
    if (count < 0) throw damaged()
    for (let i = 0; i < count; i++) {
      const { key, hasData, tag, kind, schema, define, copy } = await this.#entry()
      const name = schema ? `${schema}.${tag}` : tag
      if (kind === 'TABLE') tally.table({ name, columns: columnsOf(define.replaceAll('\n', ' ')) })
      if (hasData && kind === 'TABLE DATA') this.#add(key, name, copy)
    }
  }

  #add(key: number | string, name: string, copy: string): void {
    if (this.tables.size === MOST_TABLES) throw new NeedsPgRestoreError('it has more tables than can be held in memory')
    const columns = columnsOf(copy)
    // Those of session tables only: there may be many other tables.
    const isKept = ownerOf({ name, columns }) !== null && this.#withColumns++ < MOST_WITH_COLUMNS
    this.tables.set(key, { name, columns: isKept ? columns : null, isCopy: copy !== '' })
  }

  async #head(): Promise<void> {
    const archive = this.#archive
    await archive.reader.skip('PGDMP'.length, ARCHIVE)
    const major = await archive.byte()
    this.#minor = await archive.byte()
    await archive.byte()
    if (major !== 1 || this.#minor < OLDEST || this.#minor > NEWEST)
      throw new NeedsPgRestoreError(`it is a PostgreSQL archive of the unknown version ${major}.${this.#minor}`)
    archive.intSize = await archive.byte()
    this.#offsetSize = await archive.byte()
    if (![4, 8].includes(archive.intSize) || ![4, 8].includes(this.#offsetSize)) throw damaged()
    const format = FORMATS.get(await archive.byte())
    if (format === undefined) throw damaged()
    this.format = format
    // Before 1.15 this is a compression level; 0 is no compression.
    const code = this.#minor >= 15 ? await archive.byte() : (await archive.int()) === 0 ? 0 : 1
    const compression = COMPRESSIONS[code]
    if (compression === undefined) throw damaged()
    this.compression = compression
    if (compression === 'lz4' || (compression === 'zstd' && !hasZstd))
      throw new NeedsPgRestoreError(`it is compressed with ${compression}, which this Node cannot read`)
    // The time of the dump, as seven numbers.
    for (let i = 0; i < 7; i++) await archive.int()
    for (let i = 0; i < 3; i++) await archive.string()
  }

  async #entry() {
    const archive = this.#archive
    const id = await archive.int()
    const hasDumper = (await archive.int()) !== 0
    await archive.string()
    await archive.string()
    const [tag, kind] = [await archive.string(), await archive.string()]
    if (this.#minor >= 11) await archive.int()
    const define = await archive.string(STATEMENT)
    await archive.string()
    const [copy, schema] = [await archive.string(STATEMENT), await archive.string()]
    await archive.string()
    if (this.#minor >= 14) await archive.string()
    if (this.#minor >= 16) await archive.int()
    // Owner, and whether rows have OIDs.
    await archive.string()
    await archive.string()
    while ((await archive.stringOrNull()) !== null);
    const { key, isWithData } = await this.#place(id)
    return { key, hasData: hasDumper && isWithData, tag, kind, schema, define, copy }
  }

  /** Where the data of an entry is: in the custom format a place in the file, in the others a file. */
  async #place(id: number): Promise<{ key: number | string; isWithData: boolean }> {
    const archive = this.#archive
    if (this.format !== 'custom') {
      const file = await archive.string()
      return { key: file, isWithData: file !== '' }
    }
    const state = await archive.byte()
    await archive.reader.skip(this.#offsetSize, ARCHIVE)
    return { key: id, isWithData: state !== WITHOUT_DATA }
  }
}

export const damaged = () => new UnreadableError('it begins as a PostgreSQL archive and is damaged')

/** The columns in "COPY public.t (a, "b") FROM stdin;" or in a table definition; null when it has none. */
function columnsOf(statement: string): string[] | null {
  const [open, close] = [statement.indexOf('('), statement.lastIndexOf(')')]
  if (open < 0 || close < open) return null
  const list = statement.slice(open + 1, close).split(',')
  // Copies, because a part of a string keeps all of it.
  return list.slice(0, 64).map((column) => copied(/^\s*"?([^"\s]{0,128})/.exec(column)?.[1] ?? ''))
}

const copied = (text: string) => Buffer.from(text).toString()
