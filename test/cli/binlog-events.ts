import { crc32, deflateSync } from 'node:zlib'

/** Events of a binary log, as a server writes them: for what no server that is installed writes, and for what is damaged. */

const u8 = (...bytes: number[]) => Buffer.from(bytes)
const u16 = (value: number) => u8(value & 255, value >> 8)
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer)
const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer)
const packed = (value: number) => (value < 251 ? u8(value) : u8(252, value & 255, value >> 8))
const text = (value: string) => Buffer.concat([u8(value.length), Buffer.from(value)])

export const MAGIC = Buffer.from('\xfebin', 'latin1')

export interface EventOptions {
  readonly flags?: number
  readonly hasChecksum?: boolean
}

export function event(type: number, body: Buffer, { flags = 0, hasChecksum = true }: EventOptions = {}): Buffer {
  const length = 19 + body.length + (hasChecksum ? 4 : 0)
  const bytes = Buffer.concat([u32(0), u8(type), u32(1), u32(length), u32(0), u16(flags), body])
  return hasChecksum ? Buffer.concat([bytes, u32(crc32(bytes))]) : bytes
}

/** The first event of a log. */
export function format({ version = '8.0.40', hasChecksum = true, flags = 0 } = {}): Buffer {
  const name = Buffer.alloc(50)
  name.write(version)
  const lengths = Buffer.alloc(42, 8)
  const body = Buffer.concat([u16(4), name, u32(0), u8(19), lengths, u8(hasChecksum ? 1 : 0)])
  const bytes = event(15, body)
  bytes.writeUInt16LE(flags, 17)
  return bytes
}

/** A value of a column, or of a column that has its own type and metadata. */
export type Cell =
  | string
  | Buffer
  | number
  | null
  | { readonly type: number; readonly meta: Buffer; readonly value: Buffer }

const typeOf = (cell: Cell) =>
  cell === null || typeof cell === 'string'
    ? 15
    : typeof cell === 'number'
      ? 8
      : Buffer.isBuffer(cell)
        ? cell.length <= 32
          ? 254
          : 252
        : cell.type
const metaOf = (cell: Cell) => {
  const type = typeOf(cell)
  if (cell !== null && typeof cell === 'object' && !Buffer.isBuffer(cell)) return cell.meta
  return type === 15 ? u16(9999) : type === 254 ? u8(254, 32) : type === 252 ? u8(3) : u8()
}
const bytesOf = (cell: Cell) => {
  if (cell === null) return u8()
  if (typeof cell === 'number') return u64(cell)
  if (typeof cell === 'string') return Buffer.concat([u16(cell.length), Buffer.from(cell)])
  if (!Buffer.isBuffer(cell)) return cell.value
  return cell.length <= 32
    ? Buffer.concat([u8(cell.length), cell])
    : Buffer.concat([u32(cell.length).subarray(0, 3), cell])
}

export function tableMap(table: string, cells: readonly Cell[], id = 7): Buffer {
  const meta = Buffer.concat(cells.map(metaOf))
  const nullable = Buffer.alloc((cells.length + 7) >> 3)
  const head = [u32(id), u16(0), u16(1), text('shop'), u8(0), text(table), u8(0)]
  return Buffer.concat([...head, packed(cells.length), u8(...cells.map(typeOf)), packed(meta.length), meta, nullable])
}

const bits = (flags: readonly boolean[]) => {
  const bytes = Buffer.alloc((flags.length + 7) >> 3)
  for (const [i, flag] of flags.entries()) if (flag) bytes[i >> 3] = (bytes[i >> 3] as number) | (1 << (i & 7))
  return bytes
}

export interface RowsOptions {
  readonly id?: number
  /** The bytes of extra information that version 2 may have. */
  readonly extra?: Buffer | null
  /** Are the rows compressed as MariaDB does it? */
  readonly isCompressed?: boolean
}

/** The body of an event with rows; each image is before or after a change. An undefined cell is not in the log. */
export function rows(
  images: readonly (readonly (Cell | undefined)[])[],
  { id = 7, extra = u8(), isCompressed = false, each = 1 }: RowsOptions & { readonly each?: number } = {},
): Buffer {
  const present = images.slice(0, each).map((cells) => bits(cells.map((cell) => cell !== undefined)))
  const data = images.map((cells) => {
    const given = cells.filter((cell) => cell !== undefined)
    return Buffer.concat([
      bits(given.map((cell) => cell === null)),
      ...given.filter((cell) => cell !== null).map(bytesOf),
    ])
  })
  const head = [u32(id), u16(0), u16(1), ...(extra === null ? [] : [u16(extra.length + 2), extra])]
  const all = Buffer.concat(data)
  const written = isCompressed ? Buffer.concat([u8(0x84), u32(all.length).swap32(), deflateSync(all)]) : all
  return Buffer.concat([...head, packed(images[0]?.length ?? 0), ...present, written])
}

/** A statement, with sql_mode among its settings. */
export function query(sql: string, mode = 0): Buffer {
  const settings = Buffer.concat([u8(0), u32(0), u8(1), u64(mode)])
  return Buffer.concat([
    u32(1),
    u32(0),
    u8(4),
    u16(0),
    u16(settings.length),
    settings,
    Buffer.from('shop\0'),
    Buffer.from(sql),
  ])
}

export const STOP = event(3, u8())

/** A whole log. */
export const log = (...events: Buffer[]) => Buffer.concat([MAGIC, format(), ...events, STOP])

/** What mysqlbinlog prints of events. */
export const binlog = (...events: Buffer[]) =>
  `BINLOG '\n${events.map((each) => each.toString('base64').replace(/.{1,76}/g, '$&\n')).join('')}'/*!*/;\n`
