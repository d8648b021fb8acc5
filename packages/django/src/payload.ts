import { inflateSync } from 'node:zlib'
import { deflate } from 'pako'
import { UnsupportedError } from 'strongroom'
import { asBuffer, wholeNumber } from 'strongroom/internal'
import { BadPayloadError } from './errors.ts'
import { type Node, readJson } from './json/read.ts'
import { toValue } from './json/view.ts'
import { writeJson } from './json/write.ts'

/** How large a signed object may be. */
export interface PayloadLimits {
  /** The most bytes of JSON to read, compressed or not (default 1 MiB): a few compressed bytes can expand to gigabytes. */
  readonly maxSize?: number | undefined
}

export const pack = (value: unknown, compress: boolean) => packJson(writeJson(value), compress)
export const unpack = (body: string, limits?: PayloadLimits) => toValue(unpackNode(body, limits))

/**
 * Base64url of a JSON text, which is ASCII, or Latin-1 when it passes on bytes that another program wrote. Like Django, it
 * compresses only when that saves more than one byte, and then begins with a dot.
 */
export function packJson(json: string, compress: boolean): string {
  const plain = Buffer.from(json, 'latin1')
  const compressed = compress ? compressLikePython(plain) : null
  if (compressed === null || compressed.length >= plain.length - 1) return plain.toString('base64url')
  return `.${asBuffer(compressed).toString('base64url')}`
}

/**
 * The bytes of Python's `zlib.compress(data)`. Node's `deflateSync` is Chromium's fork of zlib: its output is valid, but the
 * bytes differ, and sometimes the length, by which Django decides whether a session is compressed at all.
 */
export const compressLikePython = (data: Uint8Array): Uint8Array => deflate(data, { level: 6, legacyHash: true })

/** Throws `BadPayloadError`, or `UnsupportedError` for a pickle. */
export function unpackNode(body: string, { maxSize }: PayloadLimits = {}): Node {
  const limit = wholeNumber('loads()', 'maxSize', maxSize, 1024 * 1024)
  const bytes = body.startsWith('.') ? inflate(fromBase64(body.slice(1)), limit) : fromBase64(body)
  if (bytes.length > limit) throw tooLarge(limit)
  if (isPickle(bytes)) throw pickled()
  // Latin-1, like Django's own serializer: every byte survives.
  return readJson(bytes.toString('latin1'))
}

/** Python's pickles begin like this since protocol 2, and no JSON does. */
export const isPickle = (bytes: Uint8Array) => bytes[0] === 0x80 && (bytes[1] ?? 0) >= 2 && (bytes[1] ?? 0) <= 5

export const pickled = () =>
  new UnsupportedError(
    "A Django session is a Python pickle. Reading a pickle runs code, so it is refused. In Django's settings, use SESSION_SERIALIZER = 'django.contrib.sessions.serializers.JSONSerializer', and where sessions are in a cache alone, a cache whose serializer is JSON (see djangoCache).",
  )

/** Accepts both alphabets, with or without padding. Django decodes only after it has checked the signature, and is as lenient. */
function fromBase64(text: string): Buffer {
  const digits = text.replace(/[^A-Za-z0-9+/_-]/g, '')
  if (digits.length % 4 === 1) throw new BadPayloadError('What was signed is not base64.')
  return Buffer.from(digits, 'base64')
}

function inflate(bytes: Uint8Array, limit: number): Buffer {
  try {
    return inflateSync(bytes, { maxOutputLength: limit })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit)
    throw new BadPayloadError('What was signed is not a zlib stream.')
  }
}

const tooLarge = (limit: number) => new BadPayloadError(`What was signed is larger than ${limit} bytes (maxSize).`)
