import { once } from 'node:events'
import * as zlib from 'node:zlib'
import { type ByteReader, UnreadableError } from './reader.ts'

export interface Compression {
  readonly name: 'gzip' | 'zstd'
  open(): zlib.Gunzip | zlib.ZstdDecompress
}

/** How the bytes are compressed; null when they are not, or not in a way that is read here. */
export function compressionOf(look: Buffer): Compression | null {
  if (look[0] === 0x1f && look[1] === 0x8b) return { name: 'gzip', open: () => zlib.createGunzip() }
  return hasZstd && isZstd(look) ? { name: 'zstd', open: () => zlib.createZstdDecompress() } : null
}

/** From Node 22.15 on. */
export const hasZstd = 'createZstdDecompress' in zlib

/** A frame, or one of the frames that are to be skipped, which pzstd puts first. */
export const isZstd = (look: Buffer) =>
  look.length >= 4 && (look.readUInt32LE(0) === 0xfd2fb528 || (look.readUInt32LE(0) & 0xfffffff0) >>> 0 === 0x184d2a50)

/**
 * Decompresses everything that is left: all members of gzip, and all frames of zstd, of which Node's stream reads only the first.
 * Throws when anything else follows them, except for the zeros that pad a tape.
 */
export async function* decompressed(reader: ByteReader, { name, open }: Compression): AsyncGenerator<Buffer> {
  while (!(await reader.isAtEnd())) {
    const look = await reader.peek(1)
    if (look[0] === 0) return yield* padding(reader)
    if (name === 'zstd' && !isZstd(await reader.peek(4)))
      throw new UnreadableError('its compressed data is followed by other data')
    yield* stream(reader, open())
  }
}

/** Reads up to where the compressed data ends, and gives the reader back what follows. */
async function* stream(reader: ByteReader, decompressor: ReturnType<Compression['open']>): AsyncGenerator<Buffer> {
  const state = { isDone: false }
  const feeding = feed(reader, decompressor, state)
  feeding.catch((error) => decompressor.destroy(error))
  try {
    for await (const chunk of decompressor) yield chunk
    state.isDone = true
    decompressor.destroy()
    await feeding
  } finally {
    state.isDone = true
    decompressor.destroy()
  }
}

/** Writes one chunk at a time, so that it is known which one the compressed data ends in. */
async function feed(
  reader: ByteReader,
  decompressor: ReturnType<Compression['open']>,
  state: { isDone: boolean },
): Promise<void> {
  const closed = once(decompressor, 'close').catch(() => {})
  let written = 0
  for await (const chunk of reader.rest()) {
    await Promise.race([new Promise((done) => decompressor.write(chunk, done)), closed])
    const consumed = decompressor.bytesWritten - written
    written += chunk.length
    if (consumed < chunk.length) {
      reader.unread(chunk.subarray(Math.max(0, consumed)))
      return
    }
    if (state.isDone) return
  }
  decompressor.end()
}

async function* padding(reader: ByteReader): AsyncGenerator<Buffer> {
  for await (const chunk of reader.rest())
    if (chunk.some((byte) => byte !== 0)) throw new UnreadableError('its compressed data is followed by other data')
}
