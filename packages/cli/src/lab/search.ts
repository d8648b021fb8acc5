import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'
import { readingsOf } from './readings.ts'
import type { StoredFile } from './site.ts'

/** Where a text was found, and how it was written there. */
export interface Match {
  readonly file: string
  readonly form: string
  /** The bytes around it, as a person would see them. */
  readonly excerpt: string
}

/** Searches files for a text as a thief would: as it is, encoded in the usual ways, and in what is compressed, also inside an encoding. */
export function search(files: readonly StoredFile[], text: string): Match[] {
  const forms = formsOf(text)
  const found = files.flatMap((file) => {
    const direct = searchBytes(file, forms)
    return direct.length > 0 ? direct : inflated(file).flatMap((inner) => searchBytes(inner, forms))
  })
  if (found.length > 0) return found
  for (const inner of unmarked(files)) {
    const matches = searchBytes(inner, forms)
    if (matches.length > 0) return matches
  }
  return []
}

interface Form {
  readonly name: string
  readonly bytes: Buffer
}

function formsOf(text: string): Form[] {
  const plain = Buffer.from(text, 'utf8')
  const forms: Form[] = [
    { name: 'plain', bytes: plain },
    { name: 'JSON', bytes: Buffer.from(JSON.stringify(text).slice(1, -1)) },
    { name: 'URL-encoded', bytes: Buffer.from(encodeURIComponent(text)) },
    { name: 'hexadecimal', bytes: Buffer.from(plain.toString('hex')) },
    { name: 'hexadecimal', bytes: Buffer.from(plain.toString('hex').toUpperCase()) },
    { name: 'UTF-16', bytes: Buffer.from(text, 'utf16le') },
    // Whatever stands before it, it begins at one of three places of a group.
    ...[0, 1, 2].flatMap((before) =>
      ['base64' as const, 'base64url' as const].map((kind) => base64(plain, before, kind)),
    ),
  ]
  const seen = new Set<string>()
  return forms.filter(({ bytes }) => {
    const key = bytes.toString('latin1')
    return seen.has(key) ? false : seen.add(key)
  })
}

/** Those characters that are the same whatever stands before and after the text. */
function base64(plain: Buffer, before: number, kind: 'base64' | 'base64url'): Form {
  const encoded = Buffer.concat([Buffer.alloc(before), plain])
    .toString(kind)
    .replace(/=+$/, '')
  const bytes = Buffer.from(encoded.slice(before === 0 ? 0 : before + 1, -1))
  return { name: 'base64', bytes }
}

function searchBytes({ name, bytes }: StoredFile, forms: readonly Form[]): Match[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return forms.flatMap((form) => {
    const at = buffer.indexOf(form.bytes)
    if (at < 0) return []
    const isReadable = READABLE.includes(form.name)
    const excerpt = isReadable ? excerptOf(buffer, at, form.bytes.length) : `${buffer.toString('latin1', at, at + 32)}…`
    return [{ file: name, form: form.name, excerpt }]
  })
}

/** Forms that people read as they are. */
const READABLE: readonly string[] = ['plain', 'JSON', 'URL-encoded']
const AROUND = 24

function excerptOf(buffer: Buffer, at: number, length: number): string {
  const end = Math.min(at + length + AROUND, at + 120)
  return buffer.toString('latin1', Math.max(0, at - AROUND), end).replace(/[^\x20-\x7e]/g, '·')
}

/** No session of the lab is larger. */
const WINDOW = 65_536
const MOST = 20_000
// A stream that was cut shows what it has.
const UNPACKED = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 2 ** 22 }

/** What begins like a gzip or zlib stream, as it is or in an encoding for text, and can be inflated. */
function inflated({ name, bytes }: StoredFile): StoredFile[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found: StoredFile[] = []
  for (const { mark, decode, inflate } of STREAMS) {
    let tried = 0
    for (let at = buffer.indexOf(mark); at >= 0 && tried < MOST; at = buffer.indexOf(mark, at + 1), tried++)
      try {
        const inner = inflate(decode(buffer.subarray(at, at + WINDOW)), UNPACKED)
        if (inner.length > 0) found.push({ name: `${name}, inflated`, bytes: inner })
      } catch {}
  }
  return found
}

const ZLIB_LEVELS = [0x01, 0x5e, 0x9c, 0xda]
const BINARY = [
  { bytes: [0x1f, 0x8b, 0x08], inflate: gunzipSync },
  ...ZLIB_LEVELS.map((level) => ({ bytes: [0x78, level], inflate: inflateSync })),
]

/** The text that begins here and is in this encoding, as the bytes that it stands for. */
const textIn = (run: RegExp, encoding: 'base64' | 'hex') => (from: Buffer) =>
  Buffer.from(run.exec(from.toString('latin1'))?.[0] ?? '', encoding)

const STREAMS = BINARY.flatMap(({ bytes, inflate }) => {
  const start = Buffer.from(bytes)
  // Of two bytes, the last character depends on the third.
  const inBase64 = start.toString('base64').slice(0, Math.floor((start.length * 8) / 6))
  const hex = start.toString('hex')
  return [
    { mark: start, decode: (from: Buffer) => from, inflate },
    { mark: Buffer.from(inBase64), decode: textIn(/^[\w+/-]+/, 'base64'), inflate },
    ...[...new Set([hex, hex.toUpperCase()])].map((mark) => ({
      ...{ mark: Buffer.from(mark), decode: textIn(/^[0-9A-Fa-f]+/, 'hex'), inflate },
    })),
  ]
})

/** Where a session stands alone it has no more bytes. In larger files, only what has a mark of its own is found. */
const SMALL = 4096
/** It takes some 50 μs to find that a stream does not begin at a byte. */
const MOST_STARTS = 4000
const FEW = { maxOutputLength: WINDOW }

/** What small files say in the encodings that do not show where they begin: a raw deflate stream, Brotli, and one inside the other. */
function* unmarked(files: readonly StoredFile[]): Generator<StoredFile> {
  let starts = 0
  for (const { name, bytes } of files) {
    if (bytes.length > SMALL) continue
    for (const reading of readingsOf(bytes)) yield { name: `${name}, decoded`, bytes: reading }
    for (let at = 0; at < bytes.length && starts < MOST_STARTS; at++, starts++)
      for (const unpack of [inflateRawSync, brotliDecompressSync])
        try {
          yield { name: `${name}, decompressed`, bytes: unpack(bytes.subarray(at), FEW) }
        } catch {}
  }
}
