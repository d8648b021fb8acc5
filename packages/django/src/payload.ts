import { inflateSync } from 'node:zlib'
import { UnsupportedError } from 'strongroom'
import { wholeNumber } from 'strongroom/internal'
import { BadPayloadError } from './errors.ts'
import { type Node, readJson } from './json/read.ts'
import { toValue } from './json/view.ts'
import { writeJson } from './json/write.ts'
import { deflate } from './zlib/deflate.ts'

export interface PayloadLimits {
  /** Most bytes of JSON that are read, compressed or not (default 1 MiB): a few bytes can be made to swell to gigabytes. */
  readonly maxSize?: number | undefined
}

export const pack = (value: unknown, compress: boolean) => packText(writeJson(value), compress)
export const unpack = (body: string, limits?: PayloadLimits) => toValue(unpackNode(body, limits))

/**
 * Base64url of a JSON text, which is ASCII, or Latin-1 where a foreign writer's bytes are handed on. Compressed, and with a dot
 * in front, only where that saves more than one byte, as in Django.
 */
export function packText(json: string, compress: boolean): string {
  const plain = Buffer.from(json, 'latin1')
  const small = compress ? deflate(plain) : null
  if (small === null || small.length >= plain.length - 1) return plain.toString('base64url')
  return `.${Buffer.from(small).toString('base64url')}`
}

/** Throws `BadPayload`, or `Unsupported` for a pickle. */
export function unpackNode(body: string, { maxSize }: PayloadLimits = {}): Node {
  const limit = wholeNumber('loads()', 'maxSize', maxSize, 1024 * 1024)
  const bytes = body.startsWith('.') ? inflate(fromBase64(body.slice(1)), limit) : fromBase64(body)
  if (bytes.length > limit) throw tooLarge(limit)
  if (isPickle(bytes)) throw pickled()
  // Latin-1, as Django's own serializer reads it: every byte comes back as it was.
  return readJson(bytes.toString('latin1'))
}

/** Python's pickles since protocol 2 begin so, and no JSON does. */
export const isPickle = (bytes: Uint8Array) => bytes[0] === 0x80 && (bytes[1] ?? 0) >= 2 && (bytes[1] ?? 0) <= 5

export const pickled = () =>
  new UnsupportedError(
    "A Django session is a Python pickle, which runs code when it is read and is not read here. In Django's settings: SESSION_SERIALIZER = 'django.contrib.sessions.serializers.JSONSerializer', and for SESSION_ENGINE the db, file or signed_cookies backend, or django-redis-sessions: the cache and cached_db backends pickle what they keep.",
  )

/** Both alphabets, with or without padding. Django looks at it only after the signature, and is as generous. */
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
