import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import type { Random } from './random.ts'

/** With a checksum: without one, damage may change what is in the file and leave it well-formed. */
const zstd = (bytes: Buffer) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })

/** Compresses parts one by one, as `cat a.gz b.gz` does, some of them very small. */
function inParts(bytes: Buffer, random: Random, compress: (part: Buffer) => Buffer): Buffer {
  const cuts = Array.from({ length: 1 + random.below(6) }, () => random.below(bytes.length)).sort((a, b) => a - b)
  const ends = [...cuts, bytes.length]
  return Buffer.concat(ends.map((end, i) => compress(bytes.subarray(ends[i - 1] ?? 0, end))))
}

/** How a file is compressed. */
export const PACKINGS: Readonly<Record<string, (bytes: Buffer, random: Random) => Buffer>> = {
  gzip: (bytes) => gzipSync(bytes),
  'gzip, members': (bytes, random) => inParts(bytes, random, gzipSync),
  zstd,
  'zstd, frames': (bytes, random) => inParts(bytes, random, zstd),
  'gzip in gzip': (bytes) => gzipSync(gzipSync(bytes)),
  'zstd in gzip': (bytes, random) => gzipSync(inParts(bytes, random, zstd)),
}
