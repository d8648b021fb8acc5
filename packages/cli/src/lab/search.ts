import { constants, gunzipSync, inflateSync } from 'node:zlib'
import type { StoredFile } from './site.ts'

/** Where a text was found, and how it was written there. */
export interface Match {
  readonly file: string
  readonly form: string
  /** The bytes around it, as a person would see them. */
  readonly excerpt: string
}

/** Searches files for a text as a thief would: as it is, encoded in the usual ways, and in what is compressed. */
export function search(files: readonly StoredFile[], text: string): Match[] {
  const forms = formsOf(text)
  return files.flatMap((file) => {
    const direct = searchBytes(file, forms)
    return direct.length > 0 ? direct : inflated(file).flatMap((inner) => searchBytes(inner, forms))
  })
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

/** What begins like a gzip or zlib stream, and can be inflated. */
function inflated({ name, bytes }: StoredFile): StoredFile[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found: StoredFile[] = []
  let tried = 0
  for (const [mark, inflate] of STREAMS)
    for (let at = buffer.indexOf(mark); at >= 0 && tried < MOST; at = buffer.indexOf(mark, at + 1), tried++)
      try {
        // A stream that was cut shows what it has.
        const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 2 ** 22 }
        const inner = inflate(buffer.subarray(at, at + WINDOW), options)
        if (inner.length > 0) found.push({ name: `${name}, inflated`, bytes: inner })
      } catch {}
  return found
}

const STREAMS = [
  [Buffer.from([0x1f, 0x8b, 0x08]), gunzipSync],
  ...[0x01, 0x5e, 0x9c, 0xda].map((level) => [Buffer.from([0x78, level]), inflateSync] as const),
] as const
