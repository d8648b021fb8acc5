import { createReadStream } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readAof } from './aof.ts'
import { readArchive, restoredSql } from './archive.ts'
import { readBinlog } from './binlog.ts'
import { type Compression, compressionOf, decompressed } from './compression.ts'
import { Cursor, parse } from './cursor.ts'
import { type Dialect, writerOf } from './dialect.ts'
import { DumpInFiles, isLargeObject } from './dump-in-files.ts'
import { formatOf, isBinary } from './formats.ts'
import { readRdb } from './rdb.ts'
import { ByteReader, truncated, UnopenedError, UnreadableError } from './reader.ts'
import type { Source } from './source.ts'
import { beginsAsSql, SqlScanner } from './sql.ts'
import { checkJournal, readDatabase, readLog } from './sqlite.ts'
import { membersOf } from './tar.ts'
import { decoded, endsWithError, hasNoEnd, TextWithEnd } from './text.ts'
import { NeedsPgRestoreError } from './toc.ts'

/** A gzip file inside a gzip file happens. More layers are an attack. */
const LAYERS = 3
/** Enough to recognize the program that wrote a text. */
const LOOK = 16_384

/** Recognizes what a file is, decompresses it, and hands it to the reader of its format. */
export class FileScan {
  /** What the file is, in words; null until that is known. */
  format: string | null = null
  readonly #file: string
  readonly #source: Source
  readonly #pgRestore: string | null
  readonly #layers: string[] = []
  /** Is it a file in an archive that is being read? It does not say what the archive is. */
  #isMember = false

  constructor(file: string, source: Source, pgRestore: string | null) {
    this.#file = file
    this.#source = source
    this.#pgRestore = pgRestore
  }

  async run(): Promise<void> {
    if (this.#file === '-') return this.#read(new ByteReader(process.stdin))
    if ((await stat(this.#file)).isDirectory()) return this.#directory()
    await this.#open(this.#file, (reader) => this.#read(reader))
  }

  async #open(file: string, use: (reader: ByteReader) => Promise<void>): Promise<void> {
    const stream = createReadStream(file, { highWaterMark: 1 << 18 })
    // The reader gets the error, too. Without a listener, one of a file that is left unread would end the process.
    stream.on('error', () => {})
    try {
      await use(new ByteReader(stream))
    } finally {
      stream.destroy()
    }
  }

  async #read(reader: ByteReader): Promise<void> {
    const look = await reader.peek(LOOK)
    if (look.length === 0) throw new UnreadableError('it is empty')
    const compression = compressionOf(look)
    if (compression !== null) return this.#layer(compression.name, decompressed(reader, compression))
    const format = formatOf(look)
    if (format.is === 'encoded') return this.#layer('', decoded(reader.rest(), format.encoding))
    if (format.is === 'tar') return this.#tar(reader)
    reader.watch((bytes) => this.#source.raw.push(bytes))
    try {
      if (format.is === 'foreign') {
        this.#is(format.name)
        throw new UnreadableError(format.problem)
      }
      await this.#parse(format.is, reader, look)
    } catch (error) {
      // What was not parsed is searched.
      for await (const _ of reader.rest());
      throw error
    }
  }

  #is(...format: (string | null)[]): void {
    const names = [...format, ...this.#layers].filter((name) => name !== null && name !== '')
    if (!this.#isMember) this.format = names.length === 0 ? null : names.join(', ')
  }

  async #layer(name: Compression['name'] | '', chunks: AsyncGenerator<Buffer>): Promise<void> {
    if (this.#layers.length >= LAYERS) throw new UnreadableError(`it is compressed more than ${LAYERS} times`)
    this.#layers.push(name)
    try {
      await this.#read(new ByteReader(chunks))
    } finally {
      this.#layers.pop()
      await chunks.return(undefined)
    }
  }

  async #parse(format: string, reader: ByteReader, look: Buffer): Promise<void> {
    const { tally } = this.#source
    if (format === 'archive') return this.#archive(reader)
    if (format === 'sqlite') return this.#database(reader)
    if (format === 'wal') {
      this.#is('write-ahead log of SQLite')
      return readLog(reader, tally)
    }
    if (format === 'rdb') {
      this.#is('dump of Redis')
      await readRdb(reader, tally)
      if (await reader.isAtEnd()) return
      // A log of commands may begin with a dump.
      this.#is('log of Redis')
      return readAof(reader, tally)
    }
    if (format === 'binlog') {
      this.#is('binary log of MariaDB or MySQL')
      return readBinlog(reader, tally)
    }
    if (format === 'aof') {
      this.#is('log of Redis')
      return readAof(reader, tally)
    }
    return this.#text(reader, look)
  }

  /**
   * The newest rows of a database may be only in the log beside it, and what an unfinished transaction has changed or deleted only in
   * the journal beside it. Rows that are in both are counted twice.
   */
  async #database(reader: ByteReader): Promise<void> {
    this.#is('SQLite database')
    await readDatabase(reader, this.#source)
    if (!this.#isPlainFile()) return
    // SQLite opens a link by the name of the file that it leads to. A pipe has no such name, and nothing beside it.
    const name = await realpath(this.#file).catch(() => this.#file)
    if ((await sizeOf(`${name}-wal`)) > 0) {
      this.#is('SQLite database and its write-ahead log')
      await this.#beside(`${name}-wal`, (log) => readLog(log, this.#source.tally))
    }
    if ((await sizeOf(`${name}-journal`)) > 0) await this.#beside(`${name}-journal`, checkJournal)
  }

  async #beside(file: string, use: (reader: ByteReader) => Promise<void>): Promise<void> {
    await this.#open(file, async (reader) => {
      reader.watch((bytes) => this.#source.raw.push(bytes))
      await use(reader)
    })
  }

  async #archive(reader: ByteReader): Promise<void> {
    this.#is('PostgreSQL custom archive')
    try {
      this.#is('PostgreSQL custom archive', await readArchive(reader, this.#source))
    } catch (error) {
      if (!(error instanceof NeedsPgRestoreError)) throw error
      if (!this.#isPlainFile())
        throw new UnreadableError(
          `${error.message}; pg_restore can read it only as a file of its own, which is not compressed again`,
        )
      await this.#restore(error)
      this.#is('PostgreSQL custom archive, read by pg_restore')
    }
  }

  async #restore(why: Error): Promise<void> {
    const sql = restoredSql(this.#pgRestore, this.#file, why)
    await this.#statements(sql, { escapes: false, hashComments: false })
  }

  /** The format of pg_dump that is a directory: a table of contents, and a file for the data of each table. */
  async #directory(): Promise<void> {
    const files = await readdir(this.#file)
    if (!files.includes('toc.dat'))
      throw new UnopenedError('it is a directory, and not one of pg_dump: name the files in it')
    this.#is('PostgreSQL directory')
    const contents = new DumpInFiles(this.#source)
    try {
      await this.#open(join(this.#file, 'toc.dat'), (reader) => contents.read(reader))
    } catch (error) {
      if (!(error instanceof NeedsPgRestoreError)) throw error
      await this.#restore(error)
      return this.#is('PostgreSQL directory, read by pg_restore')
    }
    this.#is('PostgreSQL directory', contents.compression)
    for (const file of files.sort())
      if (file !== 'toc.dat') await this.#open(join(this.#file, file), (reader) => contents.table(file, reader))
    contents.end()
  }

  /** A tar archive of pg_dump, or of any files. */
  async #tar(reader: ByteReader): Promise<void> {
    this.#is('tar archive')
    const contents = new DumpInFiles(this.#source)
    let [isFirst, isDump] = [true, false]
    const problems: Error[] = []
    for await (const { name, body } of membersOf(reader)) {
      const member = new ByteReader(body)
      if (isFirst && name === 'toc.dat') {
        isDump = true
        this.#is('PostgreSQL tar archive')
        await contents.read(member)
      } else if (isDump && contents.has(name)) await contents.table(name, member)
      else if (!isDump || !isLargeObject(name)) await this.#member(member, problems)
      isFirst = false
    }
    contents.end()
    const [problem] = problems
    if (problem) throw problem
  }

  /** The files after one that cannot be read are read all the same. */
  async #member(member: ByteReader, problems: Error[]): Promise<void> {
    const wasMember = this.#isMember
    this.#isMember = true
    try {
      // An empty file is no problem among others.
      if (!(await member.isAtEnd())) await this.#read(member)
    } catch (error) {
      const isOurs = error instanceof UnreadableError
      problems.push(isOurs ? new UnreadableError(`one of its files: ${error.message}`) : (error as Error))
    } finally {
      this.#isMember = wasMember
    }
  }

  async #text(reader: ByteReader, look: Buffer): Promise<void> {
    const start = look.toString('latin1')
    const [name, dialect] = writerOf(start)
    if (!beginsAsSql(look, new Cursor(), { ...dialect })) {
      this.#is(isBinary(look) ? null : 'text')
      throw new UnreadableError(
        isBinary(look)
          ? 'it is not a known kind of dump, or it is encrypted'
          : 'it is not a known kind of dump: text that is not SQL, such as CSV or the data of one table',
      )
    }
    this.#is(name)
    const text = new TextWithEnd(reader.rest())
    await this.#statements(text, dialect)
    if (text.hasZeros) this.#source.tally.notUnderstood('zeros, which no SQL has')
    if (endsWithError(text.end))
      throw new UnreadableError(
        'it ends with an error of its program, which has left out rows: scan the database itself',
      )
    if (hasNoEnd(start, text.end)) throw truncated('the dump')
  }

  async #statements(chunks: AsyncIterable<Buffer>, dialect: Dialect): Promise<void> {
    const { tally } = this.#source
    const cursor = new Cursor((bytes) => tally.outside.push(bytes))
    await parse(new SqlScanner(cursor, dialect, tally).statements(), chunks)
  }

  /** Can other programs open it by its name, and is its log beside it? */
  #isPlainFile(): boolean {
    return this.#file !== '-' && this.#layers.length === 0 && !this.#isMember
  }
}

/** 0 for a file that does not exist. */
const sizeOf = (file: string) =>
  stat(file).then(
    ({ size }) => size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return 0
      throw error
    },
  )
