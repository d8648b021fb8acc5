import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import * as zlib from 'node:zlib'
import { NeedsPgRestoreError, readArchive, restoredSql } from './archive.ts'
import { parse } from './cursor.ts'
import { ByteReader, truncated, UnreadableError } from './reader.ts'
import { SqlScanner } from './sql.ts'
import { readDatabase, readLog } from './sqlite.ts'
import type { Tally } from './tally.ts'

/** A gzip file inside a gzip file happens. More layers are an attack. */
const LAYERS = 3
/** Enough to recognize the program that wrote a text. */
const LOOK = 16_384

/** Recognizes what a file is, decompresses it, and hands it to the reader of its format. */
export class FileScan {
  /** What the file is, in words; null until that is known. */
  format: string | null = null
  readonly #file: string
  readonly #tally: Tally
  readonly #pgRestore: string | null
  readonly #compressions: string[] = []

  constructor(file: string, tally: Tally, pgRestore: string | null) {
    this.#file = file
    this.#tally = tally
    this.#pgRestore = pgRestore
  }

  async run(): Promise<void> {
    if (this.#file === '-') return this.#read(new ByteReader(process.stdin))
    if ((await stat(this.#file)).isDirectory())
      throw new UnreadableError(
        'it is a directory: name files. Of the formats of pg_dump, plain and custom can be read',
      )
    const stream = createReadStream(this.#file, { highWaterMark: 1 << 18 })
    try {
      await this.#read(new ByteReader(stream))
    } finally {
      stream.destroy()
    }
  }

  async #read(reader: ByteReader): Promise<void> {
    const look = await reader.peek(LOOK)
    if (look.length === 0) throw new UnreadableError('it is empty')
    const compression = compressionOf(look)
    if (compression !== null) return this.#decompress(reader, compression)
    refuseForeign(look)
    if (look.toString('latin1', 0, 5) === 'PGDMP') await this.#archive(reader)
    else if (look.toString('latin1', 0, 16) === 'SQLite format 3\0') await this.#database(reader)
    else if (look.length >= 32 && [0x377f0682, 0x377f0683].includes(look.readUInt32BE(0))) {
      this.#is('write-ahead log of SQLite')
      await readLog(reader, this.#tally)
    } else await this.#text(reader, look)
  }

  #is(...format: string[]): void {
    this.format = [...format, ...this.#compressions].join(', ')
  }

  async #decompress(reader: ByteReader, compression: Compression): Promise<void> {
    this.#compressions.push(compression.name)
    if (this.#compressions.length > LAYERS) throw new UnreadableError(`it is compressed more than ${LAYERS} times`)
    const compressed = Readable.from(reader.rest(), { objectMode: false })
    const decompressed = compression.open()
    // pipe() does not forward errors: the reader would wait for ever.
    compressed.on('error', (error) => decompressed.destroy(error))
    try {
      await this.#read(new ByteReader(compressed.pipe(decompressed)))
    } finally {
      compressed.destroy()
      decompressed.destroy()
    }
  }

  /** The newest rows of a database may be only in the log beside it. Rows that are in both are counted twice. */
  async #database(reader: ByteReader): Promise<void> {
    this.#is('SQLite database')
    await readDatabase(reader, this.#tally)
    const log = `${this.#file}-wal`
    if (!this.#isPlainFile() || (await sizeOf(log)) === 0) return
    this.#is('SQLite database and its write-ahead log')
    await readLog(new ByteReader(createReadStream(log)), this.#tally)
  }

  async #archive(reader: ByteReader): Promise<void> {
    this.#is('PostgreSQL custom archive')
    try {
      this.#is('PostgreSQL custom archive', await readArchive(reader, this.#tally))
    } catch (error) {
      if (!(error instanceof NeedsPgRestoreError)) throw error
      if (!this.#isPlainFile())
        throw new UnreadableError(
          `${error.message}; pg_restore can read it only as a file that is not compressed again`,
        )
      const sql = restoredSql(this.#pgRestore, this.#file, error)
      this.#is('PostgreSQL custom archive, read by pg_restore')
      await this.#statements(sql, { escapes: false })
    }
  }

  async #text(reader: ByteReader, look: Buffer): Promise<void> {
    const start = look.toString('latin1')
    const [name, escapes] = writerOf(start)
    const text = new TextWithEnd(decoded(reader.rest(), look))
    this.#is(name)
    const isSql = await this.#statements(text, { escapes })
    if (!isSql) {
      this.format = null
      throw new UnreadableError('it is not a known kind of dump, or it is encrypted')
    }
    if (hasLastLine(start) && !/dump complete/i.test(text.end)) throw truncated('the dump')
  }

  /** Resolves to whether there was any SQL. */
  async #statements(chunks: AsyncIterable<Buffer>, dialect: { escapes: boolean }): Promise<boolean> {
    let scanner: SqlScanner | undefined
    await parse((cursor) => {
      scanner = new SqlScanner(cursor, dialect, this.#tally)
      return scanner.statements()
    }, chunks)
    return scanner?.isSql ?? false
  }

  /** Can other programs open it by its name, and is its log beside it? */
  #isPlainFile(): boolean {
    return this.#file !== '-' && this.#compressions.length === 0
  }
}

/** 0 for a file that does not exist. */
const sizeOf = (file: string) =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  )

interface Compression {
  readonly name: string
  open(): zlib.Gunzip | zlib.ZstdDecompress
}

function compressionOf(look: Buffer): Compression | null {
  if (look[0] === 0x1f && look[1] === 0x8b) return { name: 'gzip', open: () => zlib.createGunzip() }
  if (look.length < 4 || look.readUInt32LE(0) !== 0xfd2fb528) return null
  if (!('createZstdDecompress' in zlib))
    throw new UnreadableError(
      'it is compressed with zstd, which this Node cannot read: zstd -dc FILE | strongroom scan -',
    )
  return { name: 'zstd', open: () => zlib.createZstdDecompress() }
}

/** How files begin that are not dumps, and what the user can do about them. */
const FOREIGN: readonly (readonly [start: string, problem: string])[] = [
  ['\xfd7zXZ\0', 'it is compressed with xz: xz -dc FILE | strongroom scan -'],
  ['BZh', 'it is compressed with bzip2: bzip2 -dc FILE | strongroom scan -'],
  ['\x04"M\x18', 'it is compressed with lz4: lz4 -dc FILE | strongroom scan -'],
  ['PK\x03\x04', 'it is a zip archive: scan the files in it'],
  ['Salted__', 'it is encrypted: decrypt it first'],
  ['age-encryption.org', 'it is encrypted: decrypt it first'],
  ['-----BEGIN PGP', 'it is encrypted: decrypt it first'],
]

function refuseForeign(look: Buffer): void {
  const start = look.toString('latin1', 0, 512)
  const foreign = FOREIGN.find(([magic]) => start.startsWith(magic))
  if (foreign) throw new UnreadableError(foreign[1])
  if (start.slice(257, 262) === 'ustar')
    throw new UnreadableError('it is a tar archive: unpack it and scan the files in it')
}

/** Which program wrote a text, and whether a backslash in its strings is an escape. */
function writerOf(start: string): [name: string, escapes: boolean] {
  const text = start.replaceAll('\0', '')
  if (/^-- PostgreSQL database/m.test(text)) return ['PostgreSQL dump', false]
  if (/^-- M(?:ySQL|ariaDB) dump/m.test(text) || /^\/\*M?!/m.test(text)) return ['MariaDB or MySQL dump', true]
  if (/^PRAGMA foreign_keys/m.test(text)) return ['SQLite dump', false]
  return ['SQL', /(?:INTO|TABLE) `/.test(text)]
}

/** Programs that begin a dump with this line end it with one, too. Without that, the dump was cut off between statements. */
const hasLastLine = (start: string) =>
  /^-- (?:PostgreSQL database (?:cluster )?dump$|M(?:ySQL|ariaDB) dump \d)/m.test(start.replaceAll('\0', ''))

/** Passes chunks on, and keeps the end of the text. */
class TextWithEnd implements AsyncIterable<Buffer> {
  end = ''
  readonly #chunks: AsyncIterable<Buffer>

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for await (const chunk of this.#chunks) {
      this.end = (this.end + chunk.toString('latin1', Math.max(0, chunk.length - 1000))).slice(-1000)
      yield chunk
    }
  }
}

/** Text from Windows is UTF-16, which its shells write when output is redirected, or UTF-8 with a byte order mark. */
async function* decoded(chunks: AsyncIterable<Buffer>, look: Buffer): AsyncGenerator<Buffer> {
  const mark = look.toString('hex', 0, 3)
  const utf16 = mark.startsWith('fffe') ? 'utf-16le' : mark.startsWith('feff') ? 'utf-16be' : null
  let skip = mark === 'efbbbf' ? 3 : 0
  const decoder = utf16 && new TextDecoder(utf16)
  for await (const chunk of chunks) {
    yield decoder ? Buffer.from(decoder.decode(chunk, { stream: true })) : chunk.subarray(skip)
    skip = 0
  }
}
