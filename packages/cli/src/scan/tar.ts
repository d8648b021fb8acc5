import { createTarDecoder } from 'modern-tar'
import { type ByteReader, UnreadableError } from './reader.ts'

/** A file in a tar archive. */
export interface Member {
  readonly name: string
  readonly body: AsyncIterable<Buffer>
}

/** The files in a tar archive, in order. The body of each is read, or skipped, before the next one comes. */
export async function* membersOf(reader: ByteReader): AsyncGenerator<Member> {
  const archive = ReadableStream.from(reader.rest()) as ReadableStream<Uint8Array>
  const entries = archive.pipeThrough(createTarDecoder({ strict: true }))
  try {
    for await (const { header, body } of entries) {
      const bytes = buffers(body)
      // Whatever may have a body is a file to the decoder.
      if (header.type === 'file') yield { name: header.name, body: bytes }
      for await (const _ of bytes);
    }
  } catch (error) {
    if (error instanceof UnreadableError || 'code' in (error as Error)) throw error
    throw new UnreadableError('it is a tar archive that is damaged or cut off', { cause: error })
  }
}

async function* buffers(body: ReadableStream<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of body) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}
