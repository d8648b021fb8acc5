import { deflateSync, zstdCompressSync } from 'node:zlib'

/** Reads what pg_dump of PostgreSQL 12 to 15 writes: version 1.14, with 4-byte integers and 8-byte offsets. */
class Reader {
  at = 0
  readonly bytes: Buffer
  constructor(bytes: Buffer) {
    this.bytes = bytes
  }
  take(size: number): Buffer {
    this.at += size
    return this.bytes.subarray(this.at - size, this.at)
  }
  int(): { value: number; raw: Buffer } {
    const raw = this.take(5)
    return { value: raw[0] === 0 ? raw.readInt32LE(1) : -raw.readInt32LE(1), raw }
  }
  text(): { isNull: boolean; raw: Buffer } {
    const { value, raw } = this.int()
    return { isNull: value < 0, raw: value <= 0 ? raw : Buffer.concat([raw, this.take(value)]) }
  }
}

const int = (value: number) => {
  const bytes = Buffer.alloc(5)
  bytes.writeInt32LE(value, 1)
  return bytes
}

const COMPRESS = [
  (data: Buffer) => data,
  (data: Buffer) => deflateSync(data),
  (data: Buffer) => data,
  (data: Buffer) => zstdCompressSync(data),
]

/**
 * Converts an archive of `pg_dump -Fc -Z0`, version 1.14, to a later version: 1.15 (PostgreSQL 16) names the compression, 1.16
 * (17 and 18) has the kind of each relation. `algorithm`: 0 none, 1 gzip, 2 lz4 (in name only), 3 zstd.
 */
export function later(archive: Buffer, minor: 15 | 16, algorithm: 0 | 1 | 2 | 3): Buffer {
  const from = new Reader(archive)
  // Magic, major version, minor version, revision, sizes and format; then the level, which later versions do not have.
  const out: Buffer[] = [from.take(6), Buffer.from([minor])]
  from.take(1)
  out.push(from.take(4))
  from.int()
  out.push(Buffer.from([algorithm]))
  for (let i = 0; i < 7; i++) out.push(from.int().raw)
  for (let i = 0; i < 3; i++) out.push(from.text().raw)
  const { value: count, raw } = from.int()
  out.push(raw)
  for (let i = 0; i < count; i++) entry(from, out, minor)
  while (from.at < archive.length) {
    out.push(from.take(1), from.int().raw)
    data(from, out, algorithm)
  }
  return Buffer.concat(out)
}

function entry(from: Reader, out: Buffer[], minor: number): void {
  const ints = (count: number) => {
    for (let i = 0; i < count; i++) out.push(from.int().raw)
  }
  const texts = (count: number) => {
    for (let i = 0; i < count; i++) out.push(from.text().raw)
  }
  ints(2)
  texts(4)
  ints(1)
  texts(6)
  if (minor >= 16) out.push(int('r'.charCodeAt(0)))
  texts(2)
  for (let isLast = false; !isLast; ) {
    const { isNull, raw } = from.text()
    out.push(raw)
    isLast = isNull
  }
  out.push(from.take(9))
}

/** Copies data in blocks of another size, because a later release may choose another. */
function data(from: Reader, out: Buffer[], algorithm: number): void {
  const parts: Buffer[] = []
  for (;;) {
    const { value } = from.int()
    if (value === 0) break
    parts.push(from.take(value))
  }
  const packed = (COMPRESS[algorithm] as (data: Buffer) => Buffer)(Buffer.concat(parts))
  for (let at = 0; at < packed.length; at += 1000) {
    const block = packed.subarray(at, at + 1000)
    out.push(int(block.length), block)
  }
  out.push(int(0))
}
