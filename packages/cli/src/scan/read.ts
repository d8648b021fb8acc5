import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import * as zlib from 'node:zlib'
import { messageOf } from '../failure.ts'
import { NeedsPgRestore, readArchive } from './archive.ts'
import { parse } from './feed.ts'
import { readDatabase, readLog } from './pages.ts'
import { restored } from './restore.ts'
import { cutOff, Source, Unreadable } from './source.ts'
import { SqlText } from './sql.ts'
import { type Found, Tally } from './tally.ts'

export interface Report {
  /** As it was named; "-" is what comes in. */
  readonly file: string
  /** What it is, in words; null when that is not known. */
  readonly format: string | null
  /** What was found before a problem, too. */
  readonly found: readonly Found[]
  /** Why it could not be read, or not to its end; null when all of it was. */
  readonly problem: string | null
}

/** Reads a file of any known kind. Never rejects: what goes wrong is in the report. */
export async function readFile(file: string): Promise<Report> {
  const tally = new Tally()
  const reading = new Reading(file, tally)
  try {
    await reading.start()
    return { file, format: reading.format, found: tally.found, problem: null }
  } catch (error) {
    return { file, format: reading.format, found: tally.found, problem: problemOf(error) }
  }
}

/** A gzip file in a gzip file happens; more of them are an attack. */
const LAYERS = 3
/** Enough to see what wrote a text. */
const LOOK = 16_384

class Reading {
  format: string | null = null
  readonly #file: string
  readonly #tally: Tally
  readonly #wrappings: string[] = []

  constructor(file: string, tally: Tally) {
    this.#file = file
    this.#tally = tally
  }

  async start(): Promise<void> {
    if (this.#file === '-') return this.#read(new Source(process.stdin))
    if ((await stat(this.#file)).isDirectory())
      throw new Unreadable('it is a directory: name files; of the formats of pg_dump, plain and custom are read')
    const stream = createReadStream(this.#file, { highWaterMark: 1 << 18 })
    try {
      await this.#read(new Source(stream))
    } finally {
      stream.destroy()
    }
  }

  async #read(source: Source): Promise<void> {
    const look = await source.peek(LOOK)
    if (look.length === 0) throw new Unreadable('it is empty')
    const wrapping = wrappingOf(look)
    if (wrapping !== null) return this.#unwrap(source, wrapping)
    refuseForeign(look)
    if (look.toString('latin1', 0, 5) === 'PGDMP') await this.#archive(source)
    else if (look.toString('latin1', 0, 16) === 'SQLite format 3\0') await this.#database(source)
    else if (look.length >= 32 && [0x377f0682, 0x377f0683].includes(look.readUInt32BE(0)))
      await this.#as('write-ahead log of SQLite', readLog(source, this.#tally))
    else await this.#text(source, look)
  }

  async #unwrap(source: Source, wrapping: Wrapping): Promise<void> {
    this.#wrappings.push(wrapping.name)
    if (this.#wrappings.length > LAYERS) throw new Unreadable(`it is compressed more than ${LAYERS} times over`)
    const packed = Readable.from(source.rest(), { objectMode: false })
    const unpack = wrapping.open()
    packed.on('error', (error) => unpack.destroy(error))
    try {
      await this.#read(new Source(packed.pipe(unpack)))
    } finally {
      packed.destroy()
      unpack.destroy()
    }
  }

  /** The newest rows of a database may be in the log beside it alone; those in both are counted twice. */
  async #database(source: Source): Promise<void> {
    await this.#as('SQLite database', readDatabase(source, this.#tally))
    const log = `${this.#file}-wal`
    const size = this.#file === '-' || this.#wrappings.length > 0 ? 0 : await sizeOf(log)
    if (size === 0) return
    await this.#as(
      'SQLite database and its write-ahead log',
      readLog(new Source(createReadStream(log)), this.#tally).then(() => null),
    )
  }

  async #archive(source: Source): Promise<void> {
    try {
      await this.#as('PostgreSQL custom archive', readArchive(source, this.#tally))
    } catch (error) {
      if (!(error instanceof NeedsPgRestore)) throw error
      if (this.#file === '-' || this.#wrappings.length > 0)
        throw new Unreadable(`${error.message}; as a file of its own, not packed, it can be read where pg_restore is`)
      const text = restored(this.#file, error)
      await this.#as('PostgreSQL custom archive, read by pg_restore', this.#statements(text, { escapes: false }))
    }
  }

  async #text(source: Source, look: Buffer): Promise<void> {
    const start = look.toString('latin1')
    const [name, escapes] = writerOf(start)
    const ending = new Ending(decoded(source.rest(), look))
    const isKnown = await this.#as(name, this.#statements(ending, { escapes }))
    if (!isKnown) {
      this.format = null
      throw new Unreadable('it is no dump that is known here, or it is encrypted')
    }
    if (hasEnd(start) && !/dump complete/i.test(ending.text)) throw cutOff('the dump')
  }

  async #statements(chunks: AsyncIterable<Buffer>, dialect: { escapes: boolean }): Promise<boolean> {
    let text: SqlText | undefined
    await parse((feed) => {
      text = new SqlText(feed, dialect, this.#tally)
      return text.statements()
    }, chunks)
    return text?.isSql ?? false
  }

  async #as<T>(name: string, work: Promise<T>): Promise<T> {
    this.format = [name, ...this.#wrappings].join(', ')
    const result = await work
    if (typeof result === 'string') this.format = [result, ...this.#wrappings].join(', ')
    return result
  }
}

/** 0 for a file that is not there. */
const sizeOf = (file: string) =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  )

interface Wrapping {
  readonly name: string
  open(): zlib.Gunzip | zlib.ZstdDecompress
}

function wrappingOf(look: Buffer): Wrapping | null {
  if (look[0] === 0x1f && look[1] === 0x8b) return { name: 'gzip', open: () => zlib.createGunzip() }
  if (look.length < 4 || look.readUInt32LE(0) !== 0xfd2fb528) return null
  if (!('createZstdDecompress' in zlib))
    throw new Unreadable('it is compressed with zstd, which this Node cannot read: zstd -dc FILE | strongroom scan -')
  return { name: 'zstd', open: () => zlib.createZstdDecompress() }
}

/** Files that begin as no dump does; what one can do about it. */
const FOREIGN: readonly (readonly [start: string, problem: string])[] = [
  ['\xfd7zXZ\0', 'it is compressed with xz: xz -dc FILE | strongroom scan -'],
  ['BZh', 'it is compressed with bzip2: bzip2 -dc FILE | strongroom scan -'],
  ['\x04"M\x18', 'it is compressed with lz4: lz4 -dc FILE | strongroom scan -'],
  ['PK\x03\x04', 'it is a zip archive: scan what is in it'],
  ['Salted__', 'it is encrypted: decrypt it first'],
  ['age-encryption.org', 'it is encrypted: decrypt it first'],
  ['-----BEGIN PGP', 'it is encrypted: decrypt it first'],
]

function refuseForeign(look: Buffer): void {
  const start = look.toString('latin1', 0, 512)
  const foreign = FOREIGN.find(([magic]) => start.startsWith(magic))
  if (foreign) throw new Unreadable(foreign[1])
  if (start.slice(257, 262) === 'ustar') throw new Unreadable('it is a tar archive: unpack it and scan what is in it')
}

/** Who wrote a text, and whether a backslash in its strings stands for something. */
function writerOf(start: string): [name: string, escapes: boolean] {
  const text = start.replaceAll('\0', '')
  if (/^-- PostgreSQL database/m.test(text)) return ['PostgreSQL dump', false]
  if (/^-- M(?:ySQL|ariaDB) dump/m.test(text) || /^\/\*M?!/m.test(text)) return ['MariaDB or MySQL dump', true]
  if (/^PRAGMA foreign_keys/m.test(text)) return ['SQLite dump', false]
  return ['SQL', /(?:INTO|TABLE) `/.test(text)]
}

/** Programs whose first line is this have a last line, too: without it, the dump was cut off between two statements. */
const hasEnd = (start: string) =>
  /^-- (?:PostgreSQL database (?:cluster )?dump$|M(?:ySQL|ariaDB) dump \d)/m.test(start.replaceAll('\0', ''))

/** Passes chunks on, and keeps the last of them. */
class Ending implements AsyncIterable<Buffer> {
  text = ''
  readonly #chunks: AsyncIterable<Buffer>

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for await (const chunk of this.#chunks) {
      this.text = (this.text + chunk.toString('latin1', Math.max(0, chunk.length - 1000))).slice(-1000)
      yield chunk
    }
  }
}

/** Text of Windows: UTF-16, as a shell of it writes what is redirected; or UTF-8 with a mark before it. */
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

const ZLIB = /^(?:Z_|ERR_ZSTD|ZSTD_)/

function problemOf(error: unknown): string {
  if (error instanceof Unreadable) return error.message
  const { code = '' } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'Z_BUF_ERROR') return 'it ends in the middle of its compressed data: is it cut off?'
  if (ZLIB.test(code)) return 'its compressed data is damaged'
  return `it could not be read: ${messageOf(error)}`
}
