import type { Parser } from './cursor.ts'
import type { EventBytes } from './event-bytes.ts'
import type { Value } from './row.ts'

/** The types of columns in a binary log (enum_field_types in field_types.h of MySQL; MariaDB adds two that are compressed). */
const BIGINT = 8
const VARCHAR = 15
const BIT = 16
const TIMESTAMP = 17
const DATETIME = 18
const TIME = 19
const [COMPRESSED_BLOB, COMPRESSED_VARCHAR] = [140, 141]
const DECIMAL = 246
const [ENUM, SET] = [247, 248]
const VAR_STRING = 253
const STRING = 254
/** BLOB and TEXT of all sizes, and what is stored like them: vectors, JSON and geometry. */
const BLOBS = [COMPRESSED_BLOB, 242, 245, 249, 250, 251, 252, 255]

/** Values of a fixed length, in bytes: numbers and times. */
const FIXED: ReadonlyMap<number, number> = new Map([
  [1, 1],
  [2, 2],
  [3, 4],
  [4, 4],
  [5, 8],
  [6, 0],
  [7, 4],
  [BIGINT, 8],
  [9, 3],
  [10, 3],
  [11, 3],
  [12, 8],
  [13, 1],
  [14, 3],
])
/** How many bytes describe a column of a type, in addition to the type. */
const DESCRIBED: ReadonlyMap<number, number> = new Map([
  ...[4, 5, TIMESTAMP, DATETIME, TIME, ...BLOBS].map((type) => [type, 1] as const),
  ...[VARCHAR, BIT, COMPRESSED_VARCHAR, DECIMAL, ENUM, SET, VAR_STRING, STRING].map((type) => [type, 2] as const),
])
/** Bytes for the decimal digits that do not fill a group of nine. */
const DIGITS = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4]

export interface Column {
  readonly type: number
  /** The two bytes that describe it; 0 where there is none. */
  readonly first: number
  readonly second: number
}

/** The columns of a table; null when there is a type that is not known, so that the columns after it cannot be told apart. */
export function columnsFrom(types: Buffer, described: Buffer): Column[] | null {
  const columns: Column[] = []
  let at = 0
  for (const type of types) {
    const size = DESCRIBED.get(type) ?? (FIXED.has(type) ? 0 : null)
    if (size === null) return null
    const [first = 0, second = 0] = described.subarray(at, at + size)
    columns.push({ type, first, second })
    at += size
  }
  return at === described.length ? columns : null
}

/** Is what is in the column hidden by compression? */
export const isCompressed = ({ type }: Column) => type === COMPRESSED_BLOB || type === COMPRESSED_VARCHAR

/** Reads a value that is not null. Strings, and numbers that may be moments, are kept; of the others only the length is. */
export function* readColumn(bytes: EventBytes, column: Column, value: Value): Parser {
  const { type, first, second } = column
  if (type === BIGINT) {
    const digits = Buffer.from(String(yield* bytes.number(8)))
    value.append(digits, 0, digits.length)
  } else if (type === STRING) yield* fixedString(bytes, column, value)
  else if (type === VARCHAR || type === VAR_STRING || type === COMPRESSED_VARCHAR)
    yield* bytes.append(yield* bytes.number(first + 256 * second > 255 ? 2 : 1), value)
  else if (BLOBS.includes(type)) yield* bytes.append(yield* bytes.number(Math.min(4, Math.max(1, first))), value)
  else yield* bytes.skip(sizeOf(column))
}

/** CHAR and BINARY, whose padding is left out; ENUM and SET. What the type is, and how long at most, share the two bytes. */
function* fixedString(bytes: EventBytes, { first, second }: Column, value: Value): Parser {
  const type = first | 0x30
  const isLong = (first & 0x30) !== 0x30
  if (!isLong && (type === ENUM || type === SET)) return yield* bytes.skip(second)
  const longest = isLong ? second | (((first & 0x30) ^ 0x30) << 4) : second
  yield* bytes.append(yield* bytes.number(longest > 255 ? 2 : 1), value)
  if (longest === ID) pad(value)
}

/** The bytes of an id. */
const ID = 32

/** Restores zeros at the end of BINARY(32), without which an id is not recognized. */
export function pad(value: Value): void {
  while (value.length < ID) value.byte(0)
}

function sizeOf({ type, first, second }: Column): number {
  if (type === TIMESTAMP) return 4 + ((first + 1) >> 1)
  if (type === DATETIME) return 5 + ((first + 1) >> 1)
  if (type === TIME) return 3 + ((first + 1) >> 1)
  if (type === BIT) return second + (first > 0 ? 1 : 0)
  if (type === ENUM || type === SET) return second
  if (type === DECIMAL) return digits(first - second) + digits(second)
  return FIXED.get(type) ?? 0
}

const digits = (count: number) => 4 * Math.floor(count / 9) + (DIGITS[count % 9] ?? 0)
