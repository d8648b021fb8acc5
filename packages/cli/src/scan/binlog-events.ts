import { crc32 } from 'node:zlib'
import type { Cursor, Parser } from './cursor.ts'
import { damagedEvent, EventBytes } from './event-bytes.ts'
import { inflate } from './inflate.ts'
import { UnreadableError } from './reader.ts'
import { RowEvents, type RowsForm } from './row-events.ts'
import type { Tally } from './tally.ts'

/** The types of events (binlog_event.h of MySQL; from 160 on, log_event.h of MariaDB). */
const QUERY = 2
const STOP = 3
const ROTATE = 4
const USER_VARIABLE = 14
const FORMAT = 15
const TABLE_MAP = 19
/** The statement that the next rows come from. */
const NOTES = [29, 160]
const ENCRYPTION = 164
const COMPRESSED_QUERY = 165
const rowsForm = (isUpdate: boolean, isVersion2: boolean, isCompressed: boolean): RowsForm => ({
  isUpdate,
  isVersion2,
  isCompressed,
})
/** Rows that are inserted, updated and deleted: version 1, version 2, and the same compressed. */
const ROWS: ReadonlyMap<number, RowsForm> = new Map(
  [
    [23, false, false] as const,
    [30, true, false] as const,
    [166, false, true] as const,
    [169, true, true] as const,
  ].flatMap(([first, isVersion2, isCompressed]) =>
    [false, true, false].map((isUpdate, i) => [first + i, rowsForm(isUpdate, isVersion2, isCompressed)] as const),
  ),
)
/** Events without data of a table: positions, transactions, settings. */
const HARMLESS = new Set([STOP, ROTATE, 5, 13, 16, 26, 27, 33, 34, 35, 36, 37, 38, 41, 42, 161, 162, 163])
/** What is not read, by the type of its event. */
const UNREAD: ReadonlyMap<number, string> = new Map([
  ...[6, 8, 9, 10, 11, 12, 17, 18].map((type) => [type, 'the data of LOAD DATA'] as const),
  [39, 'rows with parts of a JSON column'],
  [40, 'a compressed transaction'],
])
/** May there be rows in an event of this type? Those of statements are in the text of the statement. */
export const holdsRows = (type: number) => ROWS.has(type) || UNREAD.has(type)
const [HEAD, CHECKSUM] = [19, 4]
const [IN_USE, IGNORABLE] = [1, 0x80]
/** A format description has a few hundred bytes. */
const LONGEST_FORMAT = 1024
/** The bit of sql_mode with which a backslash in a string is itself. */
export const NO_BACKSLASH_ESCAPES = 1 << 20

/** Reads the statements of a log. */
export interface StatementReader {
  begin(options: { readonly escapes: boolean; readonly start: Buffer }): void
  push(bytes: Buffer): void
  end(): void
}

/** Reads the events of a binary log, of which those with rows may also be in a text, without the others. */
export class EventReader {
  /** Has the last event been read whole? */
  isBetween = true
  /** Does a log end with the last event? */
  isEnd = false
  readonly #tally: Tally
  readonly #statements: StatementReader | null
  readonly #rows: RowEvents
  #isDescribed = false
  #hasChecksums = false

  /** `statements` is null where there are only rows. */
  constructor(tally: Tally, statements: StatementReader | null) {
    this.#tally = tally
    this.#statements = statements
    this.#rows = new RowEvents(tally)
  }

  *events(cursor: Cursor): Parser {
    const bytes = new EventBytes(cursor)
    this.isBetween = true
    while (yield* cursor.hasMore()) {
      this.isBetween = false
      yield* this.#event(bytes)
      this.isBetween = true
    }
  }

  *#event(bytes: EventBytes): Parser {
    bytes.begin(HEAD)
    // A copy, because the bytes after it may come in another chunk.
    const head = Buffer.from(yield* bytes.take(HEAD))
    const [type = 0, length] = [head[4], head.readUInt32LE(9)]
    if (type === FORMAT) return yield* this.#format(bytes, head)
    if (!this.#isDescribed) throw damagedEvent()
    bytes.left = length - HEAD - (this.#hasChecksums ? CHECKSUM : 0)
    if (bytes.left < 0) throw damagedEvent()
    this.isEnd = type === STOP || type === ROTATE
    yield* this.#body(bytes, type, head.readUInt16LE(17))
    yield* bytes.end(this.#hasChecksums)
  }

  /** The first event, which describes the others. Its checksum does not cover whether the server still writes to the file. */
  *#format(bytes: EventBytes, head: Buffer): Parser {
    const length = head.readUInt32LE(9)
    if (length < 80 + CHECKSUM || length > LONGEST_FORMAT) throw damagedEvent()
    bytes.left = length - HEAD
    const event = Buffer.concat([head, yield* bytes.take(bytes.left)])
    if (event.readUInt16LE(HEAD) !== 4 || event[75] !== HEAD)
      throw new UnreadableError('it is a binary log of a version that is not read here')
    const isSummed = hasAlgorithm(event.toString('latin1', 21, 71))
    const algorithm = isSummed ? event[length - CHECKSUM - 1] : 0
    if (algorithm !== 0 && algorithm !== 1) throw damagedEvent()
    this.#hasChecksums = algorithm === 1
    event.writeUInt16LE(event.readUInt16LE(17) & ~IN_USE, 17)
    const sum = crc32(event.subarray(0, length - CHECKSUM))
    if (this.#hasChecksums && sum !== event.readUInt32LE(length - CHECKSUM)) throw damagedEvent()
    this.#rows.idSize = event[76 + TABLE_MAP - 1] === 6 ? 4 : 6
    this.#isDescribed = true
  }

  *#body(bytes: EventBytes, type: number, flags: number): Parser {
    const form = ROWS.get(type)
    const unread = UNREAD.get(type)
    if (form) yield* this.#rows.rows(bytes, form)
    else if (type === TABLE_MAP) yield* this.#rows.table(bytes)
    else if (type === QUERY || type === COMPRESSED_QUERY) yield* this.#query(bytes, type === COMPRESSED_QUERY)
    else if (NOTES.includes(type)) yield* this.#watch(bytes, (part) => this.#tally.copies.push(part))
    else if (type === USER_VARIABLE) yield* this.#watch(bytes, (part) => this.#tally.outside.push(part))
    else if (type === ENCRYPTION)
      throw new UnreadableError('it is encrypted: decrypt it with mysqlbinlog, from its server')
    else if (unread !== undefined) this.#tally.notUnderstood(unread)
    else if (!HARMLESS.has(type) && (flags & IGNORABLE) === 0) this.#tally.notUnderstood('an event of an unknown kind')
  }

  *#query(bytes: EventBytes, isCompressed: boolean): Parser {
    const statements = this.#statements
    if (statements === null) return this.#tally.notUnderstood('a statement among row events')
    yield* bytes.skip(8)
    const database = yield* bytes.number(1)
    yield* bytes.skip(2)
    const settings = yield* bytes.take(yield* bytes.number(2))
    const escapes = !hasNoEscapes(settings)
    yield* bytes.skip(database + 1)
    const inflated = isCompressed ? yield* inflate(bytes) : undefined
    if (inflated === null) return this.#tally.notUnderstood('a compressed statement')
    const first = inflated ?? (bytes.left === 0 ? Buffer.alloc(0) : yield* bytes.piece(bytes.left))
    statements.begin({ escapes, start: first.subarray(0, 64) })
    statements.push(first)
    yield* this.#watch(bytes, (part) => statements.push(part))
    statements.end()
  }

  *#watch(bytes: EventBytes, see: (part: Buffer) => void): Parser {
    while (bytes.left > 0) see(yield* bytes.piece(bytes.left))
  }
}

/** MySQL writes an algorithm for checksums from 5.6.1 on, MariaDB from 5.3 on. */
function hasAlgorithm(version: string): boolean {
  const [, major = 0, minor = 0, patch = 0] = (/^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).map(Number)
  const number = major * 1e6 + minor * 1e3 + patch
  return number >= (/mariadb/i.test(version) ? 5_003_000 : 5_006_001)
}

/** The settings begin with flags in four bytes, and with sql_mode. */
function hasNoEscapes(settings: Buffer): boolean {
  const at = settings[0] === 0 ? 5 : 0
  return settings[at] === 1 && settings.length >= at + 9 && (settings.readUInt32LE(at + 1) & NO_BACKSLASH_ESCAPES) !== 0
}
